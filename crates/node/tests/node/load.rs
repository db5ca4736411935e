//! Figures, on request: `cargo test -p salus-node -- --ignored --nocapture load`.

use crate::cluster::{Cluster, finalised};
use std::time::{Duration, Instant};

fn percentile(sorted: &[Duration], per_cent: usize) -> Duration {
    sorted[(sorted.len() - 1) * per_cent / 100]
}

fn resident_megabytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
}

fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it by name on a quiet machine"]
async fn load_at_100_transactions_a_second() {
    let cluster = Cluster::start(4);
    let warm = cluster.handle(0).submit(cluster.transaction(0, u64::MAX)).await.unwrap();
    finalised(cluster.handle(0), warm).await;
    let start = processor_seconds();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let idle = (processor_seconds() - start) / 10.0 / 4.0 * 100.0;
    let mut tasks = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for tag in 0..1_000_u64 {
        ticks.tick().await;
        let node = cluster.handle(tag as usize % 4).clone();
        let transaction = cluster.transaction(tag as usize % 4, tag);
        tasks.push(tokio::spawn(async move {
            let start = Instant::now();
            let id = node.submit(transaction).await.unwrap();
            finalised(&node, id).await;
            start.elapsed()
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.push(task.await.unwrap());
    }
    times.sort_unstable();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    let head = cluster.handle(0).head();
    eprintln!("100/s: p50 {p50:?} p99 {p99:?} max {:?}, {} blocks", times[times.len() - 1], head.height);
    eprintln!("idle {idle:.1} % of a core per node, {} MB for four nodes", resident_megabytes());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it by name on a quiet machine"]
async fn load_in_a_burst() {
    const COUNT: u64 = 40_000;
    let cluster = Cluster::start(4);
    let warm = cluster.handle(0).submit(cluster.transaction(0, u64::MAX)).await.unwrap();
    finalised(cluster.handle(0), warm).await;
    let transactions: Vec<_> = (0..COUNT).map(|tag| cluster.transaction(tag as usize % 4, tag)).collect();
    let cpu = processor_seconds();
    let start = Instant::now();
    let mut tasks = Vec::new();
    for (number, chunk) in (0..4).map(|number| (number, transactions.iter().skip(number).step_by(4))) {
        let (node, chunk) = (cluster.handle(number).clone(), chunk.cloned().collect::<Vec<_>>());
        tasks.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            for transaction in chunk {
                ids.push(node.submit(transaction).await.unwrap());
            }
            let submitted = start.elapsed();
            for id in ids {
                finalised(&node, id).await;
            }
            submitted
        }));
    }
    let submitted = futures::future::join_all(tasks).await.into_iter().map(Result::unwrap).max().unwrap();
    let elapsed = start.elapsed();
    let cpu = (processor_seconds() - cpu) * 1e6 / COUNT as f64;
    eprintln!("{cpu:.0} us of processor time per transaction on all four nodes");
    let rate = COUNT as f64 / elapsed.as_secs_f64();
    let height = cluster.handle(0).head().height;
    eprintln!("burst: {rate:.0}/s ({COUNT} in {elapsed:?}, submitted in {submitted:?}, {height} blocks)");
    eprintln!("{} MB for four nodes, data in {}", resident_megabytes(), cluster.folder().display());
}

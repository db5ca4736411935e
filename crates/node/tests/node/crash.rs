//! kill -9 of a real process: this test binary starts itself again as a node.

use crate::cluster::{Cluster, finalised};
use commonware_codec::Encode as _;
use salus_node::{NodeConfig, run, testing};
use salus_types::decode_canonical;
use salus_types::genesis::Genesis;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

const ENVIRONMENT: &str = "SALUS_TEST_NODE";
const KILLS: u64 = 5;
const NUMBER: usize = 3;

/// The child: a node that prints height and digest of every block from 1 on.
#[test]
#[ignore = "started by the test below"]
fn child_node() {
    let Ok(place) = std::env::var(ENVIRONMENT) else { return };
    let [listen, data, genesis] = place.splitn(3, '|').collect::<Vec<_>>().try_into().unwrap();
    let genesis: Genesis = decode_canonical(&hex::decode(genesis).unwrap()).unwrap();
    let config = NodeConfig {
        data: data.into(),
        listen: listen.parse().unwrap(),
        signing_key: testing::signing_key(NUMBER as u8),
        genesis,
        worker_threads: 2,
    };
    run(config, |node| async move {
        let mut events = node.events_from(1);
        while let Some(event) = events.next().await {
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "block {} {}", event.block.header.height, event.digest).unwrap();
            stdout.flush().unwrap();
        }
    })
    .unwrap();
}

fn spawn(cluster: &Cluster) -> (Child, BufReader<ChildStdout>) {
    let (listen, data) = cluster.place(NUMBER);
    let genesis = hex::encode(cluster.genesis.encode());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_node", "--ignored", "--nocapture"])
        .env(ENVIRONMENT, format!("{listen}|{}|{genesis}", data.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

/// Reads blocks until `height`, all in order, and gives their digests.
fn read_blocks(stdout: &mut BufReader<ChildStdout>, height: u64) -> Vec<String> {
    let mut digests = Vec::new();
    let mut line = String::new();
    while (digests.len() as u64) < height {
        line.clear();
        assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the node ended");
        let Some((_, block)) = line.trim_end().split_once("block ") else { continue };
        let (number, digest) = block.split_once(' ').unwrap();
        assert_eq!(number.parse(), Ok(digests.len() as u64 + 1), "in order, without gaps");
        digests.push(digest.to_owned());
    }
    digests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_again_and_again_under_load_loses_nothing() {
    let mut cluster = Cluster::start(4);
    cluster.kill(NUMBER);
    for round in 0..KILLS {
        let (mut child, mut stdout) = spawn(&cluster);
        let mut last = 0;
        for tag in 0..20 {
            let node = cluster.handle(tag as usize % 3);
            let id = node.submit(cluster.transaction(tag as usize % 3, round * 100 + tag)).await.unwrap();
            last = finalised(node, id).await.0.max(last);
        }
        let seen = tokio::task::spawn_blocking(move || {
            let seen = read_blocks(&mut stdout, last);
            // SIGKILL, while blocks go on.
            child.kill().unwrap();
            child.wait().unwrap();
            seen
        });
        for (at, digest) in seen.await.unwrap().into_iter().enumerate() {
            let block = cluster.handle(0).block(at as u64 + 1).await.unwrap();
            assert_eq!(block.digest.to_string(), digest, "block {}", at + 1);
        }
    }
    // The same folder again, in this process: everything is there, receipts too.
    cluster.resume(NUMBER);
    let id = cluster.transaction(0, 0).id();
    assert_eq!(finalised(cluster.handle(NUMBER), id).await, finalised(cluster.handle(0), id).await);
}

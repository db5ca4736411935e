//! kill -9 of a real process: this test binary starts itself again as a node.

use crate::cluster::{Cluster, finalised, reached};
use commonware_codec::Encode as _;
use salus_node::{NodeConfig, NodeHandle, run, testing};
use salus_types::decode_canonical;
use salus_types::genesis::Genesis;
use salus_types::transaction::Transaction;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ENVIRONMENT: &str = "SALUS_TEST_NODE";
const KILLS: u64 = 20;
const NUMBER: usize = 3;
/// Transactions handed in at the node that is killed, and as many at the others, each round.
const EACH: u64 = 5;

fn say(line: std::fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").unwrap();
    stdout.flush().unwrap();
}

/// Hands in what the parent writes, one transaction in hexadecimal a line, and says when it is taken.
fn serve_parent(node: &NodeHandle, runtime: &tokio::runtime::Handle) {
    for line in std::io::stdin().lines() {
        let transaction: Transaction = decode_canonical(&hex::decode(line.unwrap()).unwrap()).unwrap();
        let id = runtime.block_on(node.submit(transaction)).unwrap();
        say(format_args!("taken {id}"));
    }
}

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
        anchor: None,
        rules: std::sync::Arc::new(salus_node::contract::LedgerRules),
        worker_threads: 2,
    };
    run(config, |node| async move {
        let (served, runtime) = (node.clone(), tokio::runtime::Handle::current());
        std::thread::spawn(move || serve_parent(&served, &runtime));
        let mut events = node.events_from(1);
        while let Some(event) = events.next().await {
            say(format_args!("block {} {}", event.block.header.height, event.digest));
        }
    })
    .unwrap();
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// Digests of the blocks that it has told of.
    blocks: Vec<String>,
    taken: u64,
}

fn spawn(cluster: &Cluster) -> Process {
    let (listen, data) = cluster.place(NUMBER);
    let genesis = hex::encode(cluster.genesis.encode());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_node", "--ignored", "--nocapture"])
        .env(ENVIRONMENT, format!("{listen}|{}|{genesis}", data.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Process { child, stdin, stdout, blocks: Vec::new(), taken: 0 }
}

impl Process {
    /// Reads until it has told of `height` and taken `taken` transactions; blocks come in order, without gaps.
    fn read_until(&mut self, height: u64, taken: u64) {
        let mut line = String::new();
        while (self.blocks.len() as u64) < height || self.taken < taken {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the node ended");
            if line.contains("taken ") {
                self.taken += 1;
            }
            let Some((_, block)) = line.trim_end().split_once("block ") else { continue };
            let (number, digest) = block.split_once(' ').unwrap();
            assert_eq!(number.parse(), Ok(self.blocks.len() as u64 + 1));
            self.blocks.push(digest.to_owned());
        }
    }

    fn hand_in(&mut self, transaction: &Transaction) {
        writeln!(self.stdin, "{}", hex::encode(transaction.encode())).unwrap();
    }

    /// SIGKILL, wherever it is.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.blocks
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_again_and_again_under_load_loses_nothing() {
    let mut cluster = Cluster::start(4);
    cluster.kill(NUMBER);
    let mut handed_in = Vec::new();
    for round in 0..KILLS {
        let mut process = spawn(&cluster);
        let known = cluster.handle(0).head().height;
        let mut process = tokio::task::spawn_blocking(move || {
            process.read_until(known, 0);
            process
        })
        .await
        .unwrap();
        let mut elsewhere = Vec::new();
        for tag in round * 2 * EACH..(round * 2 + 1) * EACH {
            let transaction = cluster.transaction(NUMBER, tag);
            process.hand_in(&transaction);
            handed_in.push(transaction);
            let at = tag as usize % 3;
            let transaction = cluster.transaction(at, tag + EACH);
            elsewhere.push((at, cluster.handle(at).submit(transaction.clone()).await.unwrap()));
            handed_in.push(transaction);
        }
        // Two of three times it is killed as soon as it has taken everything: mostly nothing is final yet.
        let mut last = known;
        if round % 3 == 2 {
            for (at, id) in elsewhere {
                last = finalised(cluster.handle(at), id).await.0.max(last);
            }
        }
        let killed = tokio::task::spawn_blocking(move || {
            process.read_until(last, EACH);
            process.kill()
        });
        for (at, digest) in killed.await.unwrap().into_iter().enumerate() {
            reached(cluster.handle(0), at as u64 + 1).await;
            let block = cluster.handle(0).block(at as u64 + 1).await.unwrap();
            assert_eq!(block.digest.to_string(), digest, "round {round}: block {}", at + 1);
        }
    }
    // What a killed node had taken and not passed on is lost with it, as the API says: handed in again, it is final
    // once, like all the rest.
    for transaction in &handed_in {
        assert_eq!(cluster.handle(0).submit(transaction.clone()).await, Ok(transaction.id()));
    }
    let mut height = 0;
    for transaction in &handed_in {
        height = finalised(cluster.handle(0), transaction.id()).await.0.max(height);
    }
    // The same folder again, in this process: everything is there, receipts too.
    cluster.resume(NUMBER);
    reached(cluster.handle(NUMBER), height).await;
    let mut times: HashMap<_, u32> = HashMap::new();
    for height in 1..=height {
        for transaction in cluster.handle(NUMBER).block(height).await.unwrap().block.transactions.iter() {
            *times.entry(transaction.id()).or_default() += 1;
        }
    }
    for transaction in &handed_in {
        let id = transaction.id();
        assert_eq!(times.get(&id), Some(&1), "each once");
        assert_eq!(finalised(cluster.handle(NUMBER), id).await, finalised(cluster.handle(0), id).await);
    }
}

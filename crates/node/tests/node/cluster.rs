//! Nodes on real sockets and disks, in this process: one thread and one runtime each.

use salus_node::contract::{LedgerRules, Rules};
use salus_node::{Anchor, NodeConfig, NodeHandle, TxStatus, run, testing};
use salus_types::action::RegisterPatient;
use salus_types::genesis::{Genesis, Parameters};
use salus_types::transaction::Transaction;
use salus_types::{Address, Digest, TransactionId};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Far above what any step needs; only a hanging node meets it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct RunningNode {
    pub(crate) handle: NodeHandle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

pub(crate) struct Cluster {
    folder: TempDir,
    pub(crate) genesis: Genesis,
    addresses: Vec<SocketAddr>,
    pub(crate) nodes: Vec<Option<RunningNode>>,
    /// What nodes that start from now on go by.
    pub(crate) rules: Arc<dyn Rules>,
}

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn start(
    data: PathBuf,
    listen: SocketAddr,
    number: usize,
    genesis: Genesis,
    anchor: Option<Anchor>,
    rules: Arc<dyn Rules>,
) -> RunningNode {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let (stop, stopped) = oneshot::channel();
    let config = NodeConfig {
        data,
        listen,
        signing_key: testing::signing_key(number as u8),
        genesis,
        anchor,
        rules,
        worker_threads: 2,
    };
    let thread = std::thread::spawn(move || {
        run(config, |handle| async move {
            sender.send(handle).unwrap();
            let _ = stopped.await;
        })
        .unwrap();
    });
    let handle = receiver.recv_timeout(PATIENCE).expect("the node starts");
    RunningNode { handle, stop, thread }
}

impl Cluster {
    /// A network of `count` validators, all running.
    pub(crate) fn start(count: usize) -> Self {
        let mut cluster = Self::prepare(count, 0, Parameters::default());
        for number in 0..count {
            cluster.resume(number);
        }
        cluster
    }

    /// A network of `count` validators, and places for `spare` nodes that are no members yet; none is running.
    pub(crate) fn prepare(count: usize, spare: usize, parameters: Parameters) -> Self {
        let _ =
            tracing_subscriber::fmt().with_env_filter("salus_node=info,warn").with_test_writer().try_init();
        let addresses = free_addresses(count + spare);
        let texts: Vec<_> = addresses.iter().take(count).map(SocketAddr::to_string).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        Self {
            folder: tempfile::tempdir().unwrap(),
            genesis: Genesis { parameters, ..testing::genesis(now, &texts) },
            addresses,
            nodes: (0..count + spare).map(|_| None).collect(),
            rules: Arc::new(LedgerRules),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn resume(&mut self, number: usize) {
        self.join(number, None);
    }

    /// Starts a node that begins at an anchor.
    pub(crate) fn join(&mut self, number: usize, anchor: Option<Anchor>) {
        let data = self.folder.path().join(number.to_string());
        let (listen, rules) = (self.addresses[number], Arc::clone(&self.rules));
        self.nodes[number] = Some(start(data, listen, number, self.genesis.clone(), anchor, rules));
    }

    /// Stops a node and its runtime; `crash.rs` kills a process.
    pub(crate) fn kill(&mut self, number: usize) {
        let node = self.nodes[number].take().unwrap();
        let _ = node.stop.send(());
        drop(node.handle);
        node.thread.join().unwrap();
    }

    /// A disk is lost.
    pub(crate) fn forget(&self, number: usize) {
        std::fs::remove_dir_all(self.folder.path().join(number.to_string())).unwrap();
    }

    /// Where a node listens and stores.
    pub(crate) fn place(&self, number: usize) -> (SocketAddr, PathBuf) {
        (self.addresses[number], self.folder.path().join(number.to_string()))
    }

    pub(crate) fn handle(&self, number: usize) -> &NodeHandle {
        &self.nodes[number].as_ref().unwrap().handle
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &NodeHandle> {
        self.nodes.iter().flatten().map(|node| &node.handle)
    }

    /// A transaction like no other with another tag.
    pub(crate) fn transaction(&self, signer: usize, tag: u64) -> Transaction {
        let mut address = [signer as u8; 32];
        address[..8].copy_from_slice(&tag.to_be_bytes());
        let action = RegisterPatient { address: Address(Digest(address)) };
        let key = testing::signing_key(signer as u8);
        Transaction::sign(self.genesis.network(), &key, 9_000, action)
    }
}

/// Waits until a transaction is final on a node; gives height and position.
pub(crate) async fn finalised(node: &NodeHandle, id: TransactionId) -> (u64, u32) {
    let status = tokio::time::timeout(PATIENCE, node.wait_final(id)).await.expect("final in time");
    match status {
        TxStatus::Finalised { height, index, .. } => (height, index),
        other => panic!("expected a final transaction, found {other:?}"),
    }
}

/// Waits until a node has applied a height.
pub(crate) async fn reached(node: &NodeHandle, height: u64) {
    let mut head = node.watch_head();
    let waited = tokio::time::timeout(PATIENCE, head.wait_for(|head| head.height >= height)).await;
    waited.expect("reached in time");
}

/// Digests of all blocks up to a height, once the node has it: what is final on one node is so a little later on another.
pub(crate) async fn chain(node: &NodeHandle, height: u64) -> Vec<Digest> {
    reached(node, height).await;
    let mut digests = Vec::new();
    for height in 1..=height {
        digests.push(node.block(height).await.unwrap().digest);
    }
    digests
}

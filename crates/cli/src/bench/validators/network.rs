//! Validators on real sockets and disks, in this process: a runtime with two threads for each, as `salus node` has.

use super::filled::Filled;
use anyhow::{Context as _, anyhow};
use salus_crypto::Digest;
use salus_node::contract::LedgerRules;
use salus_node::{Anchor, EpochRecord, FinalisedBlock, NodeConfig, NodeHandle, run_from, testing};
use salus_types::OrganisationId;
use salus_types::genesis::Genesis;
use salus_types::membership::{Member, validator_keys};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::oneshot;

/// Longest wait for anything: only a network that hangs meets it.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);
/// Blocks that wait to be counted.
const APPLIED_MAX: usize = 1_024;
/// Threads of a node's runtime, as `salus node` has them.
const WORKER_THREADS: usize = 2;

/// A running node.
pub(super) struct Node {
    pub(super) handle: NodeHandle,
    /// The node's own runtime: what is handed in is checked there, as it is in a process of its own.
    pub(super) runtime: tokio::runtime::Handle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Node {
    fn start(config: NodeConfig, filled: Option<&Filled>) -> anyhow::Result<Self> {
        let before = filled.map(|filled| filled.before);
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            run_from(config, before, |handle| async move {
                let _ = sender.send((handle, tokio::runtime::Handle::current()));
                let _ = stopped.await;
            })?;
            anyhow::Ok(())
        });
        match receiver.recv_timeout(PATIENCE) {
            Ok((handle, runtime)) => Ok(Self { handle, runtime, stop, thread }),
            Err(_) => match thread.is_finished().then(|| thread.join()) {
                Some(Ok(Err(error))) => Err(error),
                _ => Err(anyhow!("a node does not start")),
            },
        }
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        drop(self.handle);
        self.thread.join().map_err(|_| anyhow!("a node panicked"))?
    }
}

/// A block that a node has applied.
pub(super) struct Applied {
    pub(super) node: usize,
    pub(super) at: Instant,
    pub(super) block: Arc<FinalisedBlock>,
}

/// The network under measurement; its folder goes with it.
pub(super) struct Network {
    pub(super) genesis: Genesis,
    pub(super) nodes: Vec<Node>,
    filled: Option<Filled>,
    listen: Vec<SocketAddr>,
    folder: TempDir,
}

impl Network {
    /// `validators` nodes that vote and places for `followers`, above a filled state or an empty one, all data under
    /// `parent`. Ready when this returns.
    pub(super) async fn start(
        parent: &Path,
        validators: usize,
        followers: usize,
        filled: Option<Filled>,
    ) -> anyhow::Result<Self> {
        let listen = free_addresses(validators + followers)?;
        let texts: Vec<_> = listen.iter().map(SocketAddr::to_string).collect();
        let mut genesis = testing::genesis(crate::clock::now_ms()?, &texts);
        let mut organisations = genesis.organisations.to_vec();
        for follower in organisations.iter_mut().skip(validators) {
            follower.validator = false;
        }
        genesis.organisations = salus_types::Bounded::new(organisations)?;
        let folder = tempfile::Builder::new().prefix("salus-bench-").tempdir_in(parent)?;
        let mut network = Self { genesis, nodes: Vec::new(), filled, listen, folder };
        for number in 0..validators {
            if let Some(filled) = &network.filled {
                filled.copy_to(&network.data(number))?;
            }
            let node = Node::start(network.config(number, None), network.filled.as_ref())?;
            network.nodes.push(node);
        }
        tokio::time::timeout(PATIENCE, network.ready()).await.context("the network does not come up")?;
        Ok(network)
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self, number: usize, anchor: Option<Anchor>) -> NodeConfig {
        NodeConfig {
            data: self.data(number),
            listen: self.listen[number],
            signing_key: testing::signing_key(number as u8),
            genesis: self.genesis.clone(),
            anchor,
            rules: Arc::new(LedgerRules),
            worker_threads: WORKER_THREADS,
        }
    }

    /// Waits until every node is open and has applied a block.
    async fn ready(&self) {
        for node in &self.nodes {
            node.handle.opened().await;
            node.handle.watch_head().wait_for(|head| head.height > 0).await;
        }
    }

    /// Starts a follower with an empty disk that begins at the newest certified block.
    pub(super) async fn join(&self, number: usize) -> anyhow::Result<Node> {
        let anchor = tokio::time::timeout(PATIENCE, anchor(&self.nodes[0].handle)).await?;
        Node::start(self.config(number, Some(anchor)), self.filled.as_ref())
    }

    /// The disk of a node that has stopped is lost.
    pub(super) fn forget(&self, number: usize) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(self.data(number))?)
    }

    pub(super) fn organisation(&self, number: usize) -> OrganisationId {
        self.genesis.organisations[number].id.clone()
    }

    /// Every block that any node applies from now on.
    pub(super) fn follow(&self) -> Receiver<Applied> {
        let (sender, receiver) = channel(APPLIED_MAX);
        for (number, node) in self.nodes.iter().enumerate() {
            let mut events = node.handle.events_from(node.handle.head().height + 1);
            let sender = sender.clone();
            node.runtime.spawn(async move {
                while let Some(block) = events.next().await {
                    let applied = Applied { node: number, at: Instant::now(), block };
                    if sender.send(applied).await.is_err() {
                        return;
                    }
                }
            });
        }
        receiver
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        self.nodes.into_iter().try_for_each(Node::stop)
    }
}

fn free_addresses(count: usize) -> anyhow::Result<Vec<SocketAddr>> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

/// The newest certified block of the running epoch, as whoever joins gets it from a member.
async fn anchor(node: &NodeHandle) -> Anchor {
    let mut head = node.watch_head();
    loop {
        let (epoch, height) = (node.epoch(), node.head().height);
        if let Some(block) = node.certified(height.max(1)).await
            && block.headers.last().is_some_and(|header| header.epoch == epoch.epoch)
        {
            let members: Vec<_> = epoch.members.iter().map(|entry| entry.organisation.clone()).collect();
            // Of epoch 0 nobody asks which block came before.
            let before = node.block(epoch.first_height.saturating_sub(1)).await;
            let record = EpochRecord {
                epoch: epoch.epoch,
                first_height: epoch.first_height,
                blocks: epoch.parameters.epoch_blocks.into(),
                parent: before.map_or(Digest::ZERO, |block| block.digest),
                members: members.len() as u32,
                validators: validator_keys(&members.iter().map(Member::from).collect::<Vec<_>>()),
            };
            return Anchor {
                epoch: record,
                handovers: node.handovers().await,
                certificate: block.certificate.to_vec(),
                members,
                replay: false,
            };
        }
        head.changed().await;
    }
}

//! A node on real sockets and a real disk.

use crate::contract::Rules;
use crate::engine::{EngineConfig, Network, NodeError, start};
use crate::handle::NodeHandle;
use crate::index::Index;
use crate::join::Anchor;
use crate::keys;
use crate::mempool::state::Limits;
use crate::network::start_sockets;
use crate::preload::StateBefore;
use crate::store::{PREFIX, SECTION_BLOCKS};
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use futures::future::{BoxFuture, FutureExt as _};
use salus_types::SigningKey;
use salus_types::genesis::Genesis;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a stopping node waits for its actors; a crash at any point is safe too.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What a node needs to run.
pub struct NodeConfig {
    /// Folder of all that the node stores; it must be this node's alone.
    pub data: PathBuf,
    /// Where to listen for other nodes.
    pub listen: SocketAddr,
    /// This organisation's node key.
    pub signing_key: SigningKey,
    /// The genesis of the network.
    pub genesis: Genesis,
    /// From where to go on at the first start, if not from genesis.
    pub anchor: Option<Anchor>,
    /// The rules by which blocks are executed.
    pub rules: Arc<dyn Rules>,
    /// Threads of the runtime; 2 suffice.
    pub worker_threads: usize,
}

/// Runs a node and, inside its runtime (tokio, multi-threaded), `program`. When `program` ends, the node stops.
///
/// A failure of the storage or of an actor ends the process by a panic: a restart recovers.
///
/// # Errors
/// [`NodeError`], if the node cannot start.
pub fn run<F, P, T>(config: NodeConfig, program: F) -> Result<T, NodeError>
where
    F: FnOnce(NodeHandle) -> P,
    P: Future<Output = T>,
{
    run_from(config, None, program)
}

/// The same for a network whose state before block 1 was filled by [`crate::preload::fill`].
///
/// # Errors
/// [`NodeError`], if the node cannot start.
pub fn run_from<F, P, T>(config: NodeConfig, before: Option<StateBefore>, program: F) -> Result<T, NodeError>
where
    F: FnOnce(NodeHandle) -> P,
    P: Future<Output = T>,
{
    config.genesis.check()?;
    std::fs::create_dir_all(&config.data).map_err(NodeError::Folder)?;
    let index = Index::open(Some(&config.data.join("transactions.redb")))?;
    let runner = runtime::Runner::new(
        runtime::Config::new()
            .with_worker_threads(config.worker_threads.max(1))
            .with_storage_directory(config.data.join("ledger"))
            .with_tcp_nodelay(Some(true)),
    );
    let (listen, engine) = (
        config.listen,
        EngineConfig {
            genesis: config.genesis,
            signing_key: config.signing_key,
            mempool: Limits::default(),
            index,
            rules: config.rules,
            anchor: config.anchor,
            partition: PREFIX.to_owned(),
            section_blocks: SECTION_BLOCKS,
            before,
        },
    );
    runner.start(|context| async move {
        let handle = open(context.child("salus"), listen, engine).await?;
        let result = program(handle.clone()).await;
        // An actor that recovers panics when another one goes under it.
        let _ = tokio::time::timeout(STOP_PATIENCE, handle.opened()).await;
        drop(handle);
        if context.stop(0, Some(STOP_PATIENCE)).await.is_err() {
            tracing::warn!("some actors did not stop in time");
        }
        Ok(result)
    })
}

/// Starts the network and the node. Not generic, so that the actors are compiled once, with this crate.
fn open(
    context: runtime::Context,
    listen: SocketAddr,
    engine: EngineConfig,
) -> BoxFuture<'static, Result<NodeHandle, NodeError>> {
    async move {
        let key = keys::private(&engine.signing_key);
        let anchored = engine.anchor.as_ref().map_or(0, |anchor| anchor.members.len());
        let members = engine.index.epochs().last().map_or(0, |newest| newest.members as usize).max(anchored);
        let (oracle, peers, channels) =
            start_sockets(context.child("network"), listen, key, &engine.genesis, members);
        let network = Network { provider: oracle.clone(), blocker: oracle, peers };
        start(context.child("node"), engine, network, channels).await
    }
    .boxed()
}

//! `salus node`: one organisation's node, put together: ledger, vault, gateway, and the engine's process.

mod chain;
mod engine;
mod join;
mod ledger;
mod metrics;
pub(crate) mod ops;
mod vault;

use crate::backup;
use crate::keys::clinical::ClinicalKeys;
use crate::keys::{NodeKeys, Unlock};
use crate::network::{self, NodeFile, TlsFiles};
use anyhow::{Context as _, ensure};
use chain::LocalChain;
use engine::EngineCommand;
use ledger::LocalLedger;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use salus_crypto::HpkePrivateKey;
use salus_gateway::chain::Chain;
use salus_gateway::engine::{Engine, EngineAddress, OutboxReaders};
use salus_gateway::peer::Peers;
use salus_gateway::terminology::TerminologyConfig;
use salus_gateway::tls::{Pins, peer_server, public_server};
use salus_gateway::{Config, Gateway, Listeners, Ports, serve};
use salus_node::contract::LedgerRules;
use salus_node::{NodeConfig, NodeHandle};
use salus_types::genesis::Genesis;
use salus_types::{NetworkId, SigningKey};
use salus_vault::{Node, Outbox, Vault, VaultConfig};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use vault::{EngineOutbox, LocalEmergencies, LocalErasures, LocalKeeper, LocalRecords, RemotePeers};

/// Run the node of one organisation.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The node's folder: `node.json`, the keys, and all its data.
    #[arg(long)]
    home: PathBuf,
    /// The clinical engine's program; needed where the organisation keeps clinical records.
    #[arg(long, env = "SALUS_ENGINE")]
    engine: Option<PathBuf>,
    /// Folder of the FHIR definitions.
    #[arg(long, env = "SALUS_DEFINITIONS")]
    definitions: Option<PathBuf>,
    /// Base URL of a FHIR R4 terminology server that is asked what this node does not know of codes.
    #[arg(long, env = "SALUS_TERMINOLOGY_SERVER")]
    terminology_server: Option<String>,
    /// With `--terminology-server`: it is on this machine or in a private network, and may do without TLS.
    #[arg(long, requires = "terminology_server")]
    terminology_private: bool,
    /// Folder of the built portal.
    #[arg(long, env = "SALUS_PORTAL_DIST")]
    portal: Option<PathBuf>,
    /// First start in a network that runs already: URL of a member's public routes. Its word is checked from the genesis
    /// on. Also for a node that lost its disk: it votes from the next epoch on. Ignored once the node has been up.
    #[arg(long)]
    join: Option<String>,
    /// With `--join`: fetch and execute everything since genesis, instead of the newest state.
    #[arg(long, requires = "join")]
    replay: bool,
    /// How the log is written.
    #[arg(long, env = "SALUS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Stop when standard input closes, so that the node never outlives who started it.
    #[arg(long)]
    supervised: bool,
    #[command(flatten)]
    unlock: Unlock,
}

/// How a node's log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// A line of text for each event.
    Text,
    /// A JSON object for each event, one a line.
    Json,
}

/// How long the operator's requests may take to finish when the node stops; the gateway's have the same.
const GRACE: Duration = Duration::from_secs(5);

/// Everything read from the node's folder.
struct Home {
    path: PathBuf,
    file: NodeFile,
    genesis: Arc<Genesis>,
    keys: NodeKeys,
    /// Of the clinical store, if it is in the folder.
    clinical: Option<ClinicalKeys>,
}

impl Home {
    fn open(path: &Path, unlock: &Unlock) -> anyhow::Result<Self> {
        let path = fs::canonicalize(path).with_context(|| format!("no such folder: `{}`", path.display()))?;
        let file = NodeFile::read(&path)?;
        let genesis = Arc::new(network::read_genesis(&path.join(&file.genesis))?);
        let keys = NodeKeys::open(&path, &file, unlock)?;
        let clinical = match file.has_clinical_store() {
            true => Some(ClinicalKeys::ensure(&path.join("clinical"), &keys.storage)?),
            false => None,
        };
        Ok(Self { path, file, genesis, keys, clinical })
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.keys.node.expose_seed())
    }

    fn kem_key(&self) -> HpkePrivateKey {
        HpkePrivateKey::from_seed(self.keys.kem.seed())
    }

    fn network(&self) -> NetworkId {
        self.genesis.network()
    }
}

/// What is logged unless `SALUS_LOG` says otherwise.
const LOG_DEFAULT: &str =
    "off,salus=info,salus_gateway=info,salus_node=info,salus_vault=info,salus_ledger=info,commonware=warn";

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    log(arguments.log_format);
    let home = Home::open(&arguments.home, &arguments.unlock)?;
    let anchor = match &arguments.join {
        Some(member) => join::anchor(&home.path, &home.genesis, member, arguments.replay)?,
        None if backup::must_join(&home.path) && !join::has_joined(&home.path) => anyhow::bail!(
            "this folder was restored from a backup: name a member with --join, for the node may have voted since"
        ),
        None => None,
    };
    backup::snapshot::clear(&home.path);
    let config = NodeConfig {
        data: home.path.join("ledger"),
        listen: home.file.ledger.parse().context("`ledger` in `node.json` is no address")?,
        signing_key: home.signing_key(),
        genesis: home.genesis.as_ref().clone(),
        anchor,
        rules: Arc::new(LedgerRules),
        worker_threads: 2,
    };
    salus_node::run(config, |node| drive(arguments, home, node))?
}

/// Starts logging, to standard output.
fn log(format: LogFormat) {
    // Libraries' own logs may quote what they carry, so only ours are let through.
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("SALUS_LOG").unwrap_or_else(|_| LOG_DEFAULT.into());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(false).with_span_list(false).init()
        }
    }
}

async fn drive(arguments: Arguments, home: Home, node: NodeHandle) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(watch_for_stop(stop.clone(), arguments.supervised));
    tokio::select! {
        opened = join::wait_open(&node, &home.path) => opened?,
        () = until(stopped.clone()) => return Ok(()),
    }
    let (stop_engine, engine_stopped) = watch::channel(false);
    let (engine, process) = start_engine(&arguments, &home, engine_stopped)?;
    let served = serve_all(&arguments, &home, node, engine, (stop, stopped)).await;
    // The engine goes last: requests under way need it.
    stop_engine.send_replace(true);
    if let Some(process) = process {
        // An error means that its task panicked, and the process is gone with it.
        let _ = process.await;
    }
    tracing::info!("the node has stopped");
    served
}

/// Everything that answers, until it is told to stop; ends by itself only when it fails.
async fn serve_all(
    arguments: &Arguments,
    home: &Home,
    node: NodeHandle,
    engine: EngineAddress,
    (stop, stopped): (watch::Sender<bool>, watch::Receiver<bool>),
) -> anyhow::Result<()> {
    let (gateway, vault, keeper) = assemble(arguments, home, node, engine)?;
    let listeners = listen(home, gateway.ports.chain.clone())?;
    let metrics = home.file.metrics.as_deref().map(metrics::bind).transpose()?;
    let watching = keeper.clone();
    let copies =
        ops::Copies { home: home.path.clone(), vault: vault.clone(), clinical: home.clinical.clone() };
    let ops = ops::serve(gateway.clone(), keeper, copies, until(stopped.clone()));
    let metrics = metrics::serve(gateway.clone(), metrics, until(stopped.clone()));
    let (ops, metrics) = (in_time(ops, &stopped), in_time(metrics, &stopped));
    let serving = serve(gateway, listeners, until(stopped.clone()));
    tracing::info!(organisation = %home.file.organisation, "the node is up");
    let work = async {
        tokio::select! {
            failed = vault.run() => {
                let failed = failed.map(|never| match never {}).map_err(anyhow::Error::from);
                // A node that no longer seals must not go on as if it did: it ends, and whoever watches it sees why.
                if let Err(error) = &failed {
                    tracing::error!(%error, "the vault has stopped; the node ends");
                }
                stop.send_replace(true);
                failed
            }
            () = watching.watch() => Ok(()),
            () = until(stopped.clone()) => Ok(()),
        }
    };
    let serving = async { serving.await.map_err(anyhow::Error::from) };
    let (served, ops, metrics, work) = tokio::join!(serving, ops, metrics, work);
    served.and(ops).and(metrics).and(work)
}

/// Gives up on what is still under way some time after the stop.
async fn in_time(
    serving: impl Future<Output = anyhow::Result<()>>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    tokio::select! {
        ended = serving => ended,
        () = async { until(stopped.clone()).await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Turns Ctrl-C, SIGTERM, or the end of standard input into a stop.
async fn watch_for_stop(stop: watch::Sender<bool>, supervised: bool) {
    use tokio::signal::unix::{SignalKind, signal};
    let parent_gone = async {
        if supervised && end_of_input().await.is_ok() {
            return;
        }
        std::future::pending().await
    };
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent_gone => {}
        },
        _ => parent_gone.await,
    }
    stop.send_replace(true);
}

/// Resolves when standard input ends. A thread of its own reads it, since a runtime waits for its own threads when it
/// stops, and this read may never return.
fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, wait) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever the parent writes is not for the node.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    wait
}

fn start_engine(
    arguments: &Arguments,
    home: &Home,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<(EngineAddress, Option<JoinHandle<()>>)> {
    if !home.file.clinical {
        return Ok((EngineAddress::None, None));
    }
    if let Some(elsewhere) = &home.file.engine {
        return Ok((EngineAddress::Tcp(elsewhere.clone()), None));
    }
    let run = home.path.join("run");
    fs::create_dir_all(&run)?;
    let command = EngineCommand {
        program: arguments
            .engine
            .clone()
            .context("this organisation keeps clinical records: name --engine")?,
        definitions: arguments.definitions.clone().context("the clinical engine needs --definitions")?,
        data: home.path.join("clinical"),
        keys: home.clinical.clone().context("the clinical store has no key")?,
        socket: run.join("engine.sock"),
        base_url: format!("{}/fhir", home.file.public_url),
        feed_validation: home.file.feed_validation,
    };
    let socket = command.socket.clone();
    let process = tokio::spawn(command.supervise(stopped));
    Ok((EngineAddress::Socket(socket), Some(process)))
}

/// What the arguments say goes before what `node.json` says.
fn terminology(arguments: &Arguments, file: &NodeFile) -> TerminologyConfig {
    let written = file.terminology.as_ref();
    TerminologyConfig {
        definitions: arguments.definitions.clone(),
        server: arguments.terminology_server.clone().or_else(|| written.map(|one| one.server.clone())),
        private_server: arguments.terminology_private || written.is_some_and(|one| one.private_address),
    }
}

fn assemble(
    arguments: &Arguments,
    home: &Home,
    node: NodeHandle,
    engine: EngineAddress,
) -> anyhow::Result<(Gateway, Arc<Vault>, Arc<LocalKeeper>)> {
    let mut config =
        Config::new(home.file.organisation.clone(), home.path.join("gateway"), home.file.public_url.clone());
    config.demo_http = home.file.demo_http;
    config.portal.clone_from(&arguments.portal);
    config.engine = engine.clone();
    config.more_origins.clone_from(&home.file.more_origins);
    if let Some(rules) = &home.file.retention {
        config.retention.clone_from(rules);
    }
    if let Some(years) = home.file.of_age_years {
        ensure!(
            (14..=21).contains(&years),
            "`of_age_years` in `node.json` is {years}, and not from 14 to 21"
        );
        config.of_age_years = years;
    }
    if let Some(bulk) = &home.file.bulk {
        config.bulk = bulk.config(&home.path)?;
    }
    config.feeds = home.file.feeds.iter().map(|feed| feed.config(&home.path)).collect::<Result<_, _>>()?;
    config.findable = home.file.findable;
    config.subscription_hosts.clone_from(&home.file.subscription_hosts);
    config.terminology = terminology(arguments, &home.file);
    config.mail = home.file.mail.as_ref().map(|mail| mail.config(&home.path)).transpose()?;
    let chain = LocalChain::new(node);
    let key = Arc::new(home.signing_key());
    let engine_client = Engine::new(engine)?;
    let peers = Peers::new(Arc::new(chain.clone()), &home.file.organisation, &home.keys.tls)?;
    let readers = OutboxReaders::default();
    let outbox = EngineOutbox { engine: engine_client.clone(), readers: readers.clone() };
    let vault = Arc::new(open_vault(home, &chain, &key, outbox, &peers)?);
    tokio::spawn(vault::follow(vault.clone(), chain.subscribe()));
    let records = Arc::new(LocalRecords(vault.clone()));
    let keeper = Arc::new(LocalKeeper::new(vault.clone(), engine_client, &home.path));
    let ports = Ports {
        chain: Arc::new(chain),
        shared: records.clone(),
        proofs: records,
        emergencies: Arc::new(LocalEmergencies(vault.clone())),
        erasures: Arc::new(LocalErasures(vault.clone())),
        outbox: readers,
        keeper: keeper.clone(),
        peers,
        kem: Arc::new(home.kem_key()),
        storage: Arc::new(home.keys.storage.clone()),
    };
    Ok((Gateway::open(config, home.genesis.clone(), key, ports)?, vault, keeper))
}

fn open_vault(
    home: &Home,
    chain: &LocalChain,
    key: &Arc<SigningKey>,
    outbox: EngineOutbox,
    peers: &Peers,
) -> anyhow::Result<Vault> {
    let node = Node {
        network: home.network(),
        organisation: home.file.organisation.clone(),
        signing: home.signing_key(),
        kem: home.kem_key(),
        former_kem: home.keys.former_kem.as_ref().map(|kem| HpkePrivateKey::from_seed(kem.seed())),
    };
    let ledger = LocalLedger { chain: chain.clone(), network: home.network(), key: key.clone() };
    let outbox = home.file.clinical.then(|| Arc::new(outbox) as Arc<dyn Outbox>);
    let config = VaultConfig::new(home.path.join("vault"), home.keys.storage.clone());
    Ok(Vault::open(node, config, Arc::new(ledger), Arc::new(RemotePeers(peers.clone())), outbox)?)
}

fn listen(home: &Home, chain: Arc<dyn Chain>) -> anyhow::Result<Listeners> {
    let bind =
        |address: &str| TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"));
    let tls = peer_server(Arc::new(Pins::of(chain)), home.keys.tls.clone())?;
    Ok(Listeners {
        public: bind(&home.file.public)?,
        public_tls: home.file.public_tls.as_ref().map(|files| public_tls(home, files)).transpose()?,
        peer: Some((bind(&home.file.peer)?, Arc::new(tls))),
    })
}

/// TLS of the public routes, from the operator's PEM files.
fn public_tls(home: &Home, files: &TlsFiles) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let named = |path: &Path| format!("`{}`", path.display());
    let chain = CertificateDer::pem_file_iter(home.path.join(&files.certificates))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| named(&files.certificates))?;
    let key = PrivateKeyDer::from_pem_file(home.path.join(&files.key)).with_context(|| named(&files.key))?;
    Ok(Arc::new(public_server(chain, key).context("the public certificate and key do not fit")?))
}

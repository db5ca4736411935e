//! The organisations' network: channels, their quotas, the largest message, and the real sockets.

use crate::block::NodeBlock;
use crate::keys;
use crate::mempool::actor::gossip_message_bytes_max;
use crate::runtime::Runtime;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::{marshal, simplex};
use commonware_cryptography::{ChaCha20Poly1305, ed25519, sha256};
use commonware_glue::stateful::db::p2p as state_sync;
use commonware_p2p::authenticated::lookup;
use commonware_p2p::utils::mux;
use commonware_p2p::{Address, AddressableManager as _, AddressableTrackedPeers, Ingress, Receiver, Sender};
use commonware_runtime::{Network, Quota, Resolver};
use commonware_storage::mmr;
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::ordered::Map;
use commonware_utils::{Hostname, NZU32, NZU64, NZUsize};
use salus_types::genesis::{Genesis, ORGANISATIONS_MAX};
use salus_types::organisation::Organisation;
use salus_types::state::STATE_VALUE_BYTES_MAX;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// Operations in one answer of state sync.
pub const SYNC_OPERATIONS_MAX: NonZeroU64 = NZU64!(128);
/// Organisations beyond those that are known at the start for which queues have room.
pub const PEERS_SPARE: usize = 4;
/// Peer sets followed at once: this epoch's and the next one's.
pub const PEER_SETS_MAX: NonZeroUsize = NZUsize!(2);

/// Votes and certificates: a few per view and peer; a busy network runs up to a hundred views a second.
const CONSENSUS_QUOTA: Quota = Quota::per_second(NZU32!(1_024));
/// Blocks, gossip and repairs: large messages, fewer of them. Queues are sized by quota x peers x peer sets.
const BULK_QUOTA: Quota = Quota::per_second(NZU32!(256));

/// Messages between the network's own actors.
const MAILBOX_MESSAGES: NonZeroUsize = NZUsize!(1_024);
/// How long a stranger may keep a connection before it has shown a member's key.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How far the clocks of two nodes may be apart in a handshake.
const HANDSHAKE_CLOCKS_APART_MAX: Duration = Duration::from_secs(5);
/// How old a greeting may be: one that was recorded is worth nothing later.
const HANDSHAKE_AGE_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once; more connections are closed at once.
const HANDSHAKES_MAX: NonZeroU32 = NZU32!(1_024);
/// Handshakes from one address. A member needs one; several nodes may share an address.
const HANDSHAKES_PER_ADDRESS: Quota = Quota::per_second(NZU32!(16));
/// Handshakes from one /24 (IPv4) or /48 (IPv6).
const HANDSHAKES_PER_SUBNET: Quota = Quota::per_second(NZU32!(128));
/// How long a member stays away that was caught sending what no honest node sends.
const BLOCKED_FOR: Duration = Duration::from_secs(3_600);

/// The channels, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Channel {
    /// Votes of the consensus.
    Votes = 0,
    /// Certificates of the consensus.
    Certificates = 1,
    /// Requests for missed certificates.
    Resolver = 2,
    /// Requests for missed blocks.
    Backfill = 3,
    /// Proposed blocks.
    Blocks = 4,
    /// State sync.
    State = 5,
    /// Transactions.
    Transactions = 6,
}

impl Channel {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Votes,
        Self::Certificates,
        Self::Resolver,
        Self::Backfill,
        Self::Blocks,
        Self::State,
        Self::Transactions,
    ];

    /// Most messages a second from one peer.
    pub fn quota(self) -> Quota {
        match self {
            Self::Votes | Self::Certificates => CONSENSUS_QUOTA,
            _ => BULK_QUOTA,
        }
    }
}

/// Both ends of every channel.
pub struct Channels<S, R> {
    /// See [`Channel::Votes`].
    pub votes: (S, R),
    /// See [`Channel::Certificates`].
    pub certificates: (S, R),
    /// See [`Channel::Resolver`].
    pub resolver: (S, R),
    /// See [`Channel::Backfill`].
    pub backfill: (S, R),
    /// See [`Channel::Blocks`].
    pub blocks: (S, R),
    /// See [`Channel::State`].
    pub state: (S, R),
    /// See [`Channel::Transactions`].
    pub transactions: (S, R),
}

impl<S, R> Channels<S, R>
where
    S: Sender<PublicKey = ed25519::PublicKey>,
    R: Receiver<PublicKey = ed25519::PublicKey>,
{
    /// Registers every channel with a network, real or simulated.
    pub fn register(mut register: impl FnMut(Channel, Quota) -> (S, R)) -> Self {
        let mut channel = |channel: Channel| register(channel, channel.quota());
        Self {
            votes: channel(Channel::Votes),
            certificates: channel(Channel::Certificates),
            resolver: channel(Channel::Resolver),
            backfill: channel(Channel::Backfill),
            blocks: channel(Channel::Blocks),
            state: channel(Channel::State),
            transactions: channel(Channel::Transactions),
        }
    }
}

/// The largest message of any channel in bytes; sending a larger one would panic.
pub fn message_bytes_max() -> u32 {
    const VALIDATORS_MAX: u32 = ORGANISATIONS_MAX as u32;
    // tag, key, next key, length of the value
    let operation = 1 + 32 + 32 + 5 + STATE_VALUE_BYTES_MAX;
    commonware_p2p::max_message_size(&[
        mux::prefixed(simplex::max_payload_size::<Scheme, sha256::Digest>(VALIDATORS_MAX)),
        marshal::max_payload_size::<Standard<NodeBlock>, Scheme>(VALIDATORS_MAX, &()),
        state_sync::max_payload_size::<mmr::Family, sha256::Digest>(SYNC_OPERATIONS_MAX, operation),
        gossip_message_bytes_max(),
    ])
}

/// Why a network cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// An address that is neither `ip:port` nor `host:port`.
    #[error("`{0}` is not an address of the form `host:port`")]
    Address(String),
}

/// Reads `ip:port` or `host:port`.
///
/// # Errors
/// [`NetworkError::Address`].
pub fn parse_address(text: &str) -> Result<Address, NetworkError> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(Address::Symmetric(socket));
    }
    let bad = || NetworkError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let host = Hostname::new(host).map_err(|_| bad())?;
    let port = port.parse().map_err(|_| bad())?;
    // Peers are known by their keys; the address that they dial from is not checked.
    let egress = SocketAddr::from(([0, 0, 0, 0], 0));
    Ok(Address::Asymmetric { ingress: Ingress::Dns { host, port }, egress })
}

/// Organisations as peers: validators first, the others as followers. One whose key or address is unusable is left out:
/// the others go on without it.
pub fn peers<'a>(
    organisations: impl IntoIterator<Item = &'a Organisation>,
) -> AddressableTrackedPeers<ed25519::PublicKey> {
    let (mut validators, mut followers) = (Vec::new(), Vec::new());
    for organisation in organisations {
        let key = keys::public(&organisation.node_key);
        let address = parse_address(organisation.ledger_address.as_str());
        match (key, address) {
            (Some(key), Ok(address)) if organisation.validator => validators.push((key, address)),
            (Some(key), Ok(address)) => followers.push((key, address)),
            (_, address) => {
                let reason = address.err().map(|error| error.to_string());
                tracing::warn!(organisation = %organisation.id, reason, "an organisation cannot be reached");
            }
        }
    }
    AddressableTrackedPeers::new(Map::from_iter_dedup(validators), Map::from_iter_dedup(followers))
}

/// Tells the network which organisations to talk to from an epoch on.
pub trait Peers: Clone + Send + Sync + 'static {
    /// Follows these organisations; epochs ascend.
    fn track(&mut self, epoch: u64, organisations: &[Organisation]);
}

/// The peers of a real network.
#[derive(Clone)]
pub struct SocketPeers {
    oracle: lookup::Oracle<ed25519::PublicKey>,
    /// Organisations for which queues have room, this one included.
    room: usize,
}

impl Peers for SocketPeers {
    fn track(&mut self, epoch: u64, organisations: &[Organisation]) {
        if organisations.len() > self.room {
            let (members, room) = (organisations.len(), self.room);
            tracing::error!(members, room, "restart this node: it has no room for all members");
        }
        // Validators first: the ledger goes on.
        let mut members: Vec<_> = organisations.iter().collect();
        members.sort_by_key(|member| !member.validator);
        let _ = self.oracle.track(epoch, peers(members.into_iter().take(self.room)));
    }
}

type Upgrader = Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>;
type RealChannels<E> = Channels<lookup::Sender<ed25519::PublicKey, E>, lookup::Receiver<ed25519::PublicKey>>;

/// A real network: listens, dials the genesis' organisations, later those of each epoch, and keeps at it. Queues have
/// room for some more than `members`.
pub fn start_sockets<E: Runtime + Network + Resolver>(
    context: E,
    listen: SocketAddr,
    key: ed25519::PrivateKey,
    genesis: &Genesis,
    members: usize,
) -> (lookup::Oracle<ed25519::PublicKey>, SocketPeers, RealChannels<E>) {
    let namespace = format!("salus/network/v1/{}", genesis.network());
    let peers_max = NonZeroUsize::MIN.saturating_add(members.max(genesis.organisations.len()) + PEERS_SPARE);
    let upgrader: Upgrader = Cups::new(
        Sake {
            signer: key,
            synchrony_bound: HANDSHAKE_CLOCKS_APART_MAX,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let mut config = lookup::Config::local(
        upgrader,
        namespace.as_bytes(),
        listen,
        peers_max,
        message_bytes_max(),
        MAILBOX_MESSAGES,
    );
    config.handshake_timeout = HANDSHAKE_TIMEOUT;
    config.max_concurrent_handshakes = HANDSHAKES_MAX;
    config.allowed_handshake_rate_per_ip = HANDSHAKES_PER_ADDRESS;
    config.allowed_handshake_rate_per_subnet = HANDSHAKES_PER_SUBNET;
    config.block_duration = BLOCKED_FOR;
    config.bypass_ip_check = true;
    config.tracked_peer_sets = PEER_SETS_MAX;
    let (mut network, oracle) = lookup::Network::new(context, config);
    let mut peers = SocketPeers { oracle: oracle.clone(), room: peers_max.get() };
    peers.track(0, &genesis.organisations);
    let channels = Channels::register(|channel, quota| network.register(channel as u64, quota));
    network.start();
    (oracle, peers, channels)
}

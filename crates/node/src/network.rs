//! The organisations' network: channels, their quotas, the largest message, and the real sockets.

use crate::block::NodeBlock;
use crate::mempool::actor::gossip_message_bytes_max;
use crate::runtime::Runtime;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::{marshal, simplex};
use commonware_cryptography::{ChaCha20Poly1305, ed25519, sha256};
use commonware_glue::stateful::db::p2p as state_sync;
use commonware_p2p::authenticated::lookup;
use commonware_p2p::{Address, AddressableManager as _, AddressableTrackedPeers, Ingress, Receiver, Sender};
use commonware_runtime::{Network, Quota, Resolver};
use commonware_storage::mmr;
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::ordered::Map;
use commonware_utils::{Hostname, NZU32, NZU64, NZUsize, TryCollect as _};
use salus_types::genesis::Genesis;
use salus_types::state::STATE_VALUE_BYTES_MAX;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// Operations in one answer of state sync.
pub const SYNC_OPERATIONS_MAX: NonZeroU64 = NZU64!(128);
/// Organisations beyond those of the genesis for which queues have room.
pub const PEERS_SPARE: usize = 4;
/// Peer sets followed at once: this epoch's and the next one's.
pub const PEER_SETS_MAX: NonZeroUsize = NZUsize!(2);

/// Votes and certificates: a few per view and peer; a busy network runs up to a hundred views a second.
const CONSENSUS_QUOTA: Quota = Quota::per_second(NZU32!(1_024));
/// Blocks, gossip and repairs: large messages, fewer of them. Queues are sized by quota x peers x peer sets.
const BULK_QUOTA: Quota = Quota::per_second(NZU32!(256));

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
pub fn message_bytes_max(validators: u32) -> u32 {
    // tag, key, next key, length of the value
    let operation = 1 + 32 + 32 + 5 + STATE_VALUE_BYTES_MAX;
    commonware_p2p::max_message_size(&[
        simplex::max_payload_size::<Scheme, sha256::Digest>(validators),
        marshal::max_payload_size::<Standard<NodeBlock>, Scheme>(validators, &()),
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
    /// A node key that is not a curve point.
    #[error("the node key of `{0}` is malformed")]
    Key(String),
    /// Two organisations with the same key.
    #[error("two organisations share a node key")]
    SharedKey,
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

/// The peers of a genesis: validators first, the others as followers.
///
/// # Errors
/// The first organisation that cannot be reached.
pub fn peers(genesis: &Genesis) -> Result<AddressableTrackedPeers<ed25519::PublicKey>, NetworkError> {
    let of = |validator: bool| -> Result<Map<_, _>, NetworkError> {
        let mut peers = Vec::new();
        for organisation in genesis.organisations.iter().filter(|o| o.validator == validator) {
            let key = crate::keys::public(&organisation.node_key)
                .ok_or_else(|| NetworkError::Key(organisation.id.to_string()))?;
            peers.push((key, parse_address(organisation.ledger_address.as_str())?));
        }
        peers.into_iter().try_collect().map_err(|_| NetworkError::SharedKey)
    };
    Ok(AddressableTrackedPeers::new(of(true)?, of(false)?))
}

type Upgrader = Cups<Sake<ed25519::PrivateKey>, ChaCha20Poly1305>;
type RealChannels<E> = Channels<lookup::Sender<ed25519::PublicKey, E>, lookup::Receiver<ed25519::PublicKey>>;

/// A real network: listens, dials the genesis' organisations, and keeps at it.
///
/// # Errors
/// [`NetworkError`], if the genesis cannot be dialled.
pub fn start_sockets<E: Runtime + Network + Resolver>(
    context: E,
    listen: SocketAddr,
    key: ed25519::PrivateKey,
    genesis: &Genesis,
) -> Result<(lookup::Oracle<ed25519::PublicKey>, RealChannels<E>), NetworkError> {
    let peers = peers(genesis)?;
    let namespace = format!("salus/network/v1/{}", genesis.network());
    let validators = genesis.validators().count() as u32;
    let peers_max = NonZeroUsize::MIN.saturating_add(genesis.organisations.len() + PEERS_SPARE);
    let upgrader: Upgrader = Cups::new(
        Sake {
            signer: key,
            synchrony_bound: Duration::from_secs(5),
            max_handshake_age: Duration::from_secs(10),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let mut config = lookup::Config::local(
        upgrader,
        namespace.as_bytes(),
        listen,
        peers_max,
        message_bytes_max(validators),
        NZUsize!(1_024),
    );
    config.bypass_ip_check = true;
    config.tracked_peer_sets = PEER_SETS_MAX;
    let (mut network, mut oracle) = lookup::Network::new(context, config);
    oracle.track(0, peers);
    let channels = Channels::register(|channel, quota| network.register(channel as u64, quota));
    network.start();
    Ok((oracle, channels))
}

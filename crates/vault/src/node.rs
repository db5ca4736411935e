//! Who this node is, and what everything here shares.

use crate::envelope::{EnvelopeError, open_envelope};
use crate::ledger::Ledger;
use crate::peers::Peers;
use crate::store::{Store, StoreError};
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::sign::SigningKey;
use salus_types::vault::SealedEnvelope;
use salus_types::{NetworkId, OrganisationId, PublicKey};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The organisation's own names and keys.
pub struct Node {
    /// The network.
    pub network: NetworkId,
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its node key.
    pub signing: SigningKey,
    /// Its X-Wing key.
    pub kem: HpkePrivateKey,
    /// The X-Wing key before that one: what was sealed to it may still be on its way here.
    pub former_kem: Option<HpkePrivateKey>,
}

impl Node {
    /// The X-Wing keys to which others may have sealed something for this organisation, the newest first.
    pub(crate) fn kems(&self) -> impl Iterator<Item = &HpkePrivateKey> {
        std::iter::once(&self.kem).chain(&self.former_kem)
    }

    /// Opens an envelope that `from` sealed to this organisation.
    pub(crate) fn open(
        &self,
        envelope: &SealedEnvelope,
        from: &PublicKey,
        label: &str,
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let mut opened = open_envelope(envelope, from, &self.kem, label, &self.network);
        if let Some(former) = &self.former_kem {
            opened = opened.or_else(|_| open_envelope(envelope, from, former, label, &self.network));
        }
        opened
    }
}

/// Milliseconds since 1970-01-01 UTC by this machine's clock. By it are judged: the freshness of patients' requests, the
/// age of pending letters, and the end of a grant while the ledger's time is behind it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The machine's own clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}

/// Shared by all parts of one vault.
pub(crate) struct Context {
    pub(crate) node: Node,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Clock,
}

/// Runs blocking work (cryptography, tables) off the threads of the async runtime.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(StoreError::Stopped.into()))
}

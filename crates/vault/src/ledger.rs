//! The ledger as the vault sees it.

use async_trait::async_trait;
use salus_types::action::Action;
use salus_types::organisation::Organisation;
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader};
use salus_types::state::StateKey;
use salus_types::{OrganisationId, TransactionId, decode_canonical};

/// The newest final block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerTime {
    /// Height.
    pub height: u64,
    /// Time in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
}

/// Where a transaction became final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finalised {
    /// The transaction.
    pub id: TransactionId,
    /// Height of its block.
    pub height: u64,
    /// Time of its block in milliseconds.
    pub time_ms: u64,
    /// The entry that it created or changed.
    pub entry: StateKey,
}

/// Why the ledger does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// It stands still, or this node has lost it: later it may work.
    #[error("the ledger is not available for the moment")]
    Unavailable,
    /// Its rules refuse the transaction.
    #[error("the ledger refuses the transaction: {0}")]
    Rejected(String),
    /// An entry does not decode: another version of the software, or a damaged node.
    #[error("an entry of the ledger is malformed")]
    Malformed,
}

/// The ledger. Implemented outside; every answer comes from final blocks of this node alone.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// The entry under a key in the newest final state.
    async fn state(&self, key: StateKey) -> Result<Option<Vec<u8>>, LedgerError>;

    /// The newest final block.
    fn now(&self) -> LedgerTime;

    /// Signs `action` with the organisation's node key, submits it and waits until it is final. The implementation
    /// sets a time limit ([`LedgerError::Unavailable`]).
    async fn submit_and_wait(&self, action: Action) -> Result<Finalised, LedgerError>;

    /// Proves the anchors of batches, at most [`salus_types::proof::ANCHORS_PER_PROOF_MAX`], all in one state. Those
    /// that are not final yet are left out.
    async fn prove_anchors(&self, batches: &[BatchId]) -> Result<AnchorProofs, LedgerError>;

    /// The members of the network.
    fn organisations(&self) -> Vec<Organisation>;
}

/// The decoded entry under `key`.
pub(crate) async fn entry<T>(ledger: &dyn Ledger, key: StateKey) -> Result<Option<T>, LedgerError>
where
    T: commonware_codec::Read<Cfg = ()> + commonware_codec::Encode,
{
    let Some(bytes) = ledger.state(key).await? else { return Ok(None) };
    decode_canonical(&bytes).map(Some).map_err(|_| LedgerError::Malformed)
}

/// The proof of one anchor; `None` while it is not final.
pub(crate) async fn prove_anchor(
    ledger: &dyn Ledger,
    batch: BatchId,
) -> Result<Option<(AnchorProof, CertifiedHeader)>, LedgerError> {
    let AnchorProofs { anchors, block } = ledger.prove_anchors(&[batch]).await?;
    Ok(anchors.into_inner().pop().map(|anchor| (anchor, block)))
}

/// The member with a short name.
pub(crate) fn member(ledger: &dyn Ledger, id: &OrganisationId) -> Option<Organisation> {
    ledger.organisations().into_iter().find(|organisation| organisation.id == *id)
}

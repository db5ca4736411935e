//! How far a version is, and the proof of an anchored one.

use super::build::{ANCHORED, IN_CUSTODY};
use super::{Source, SourceError};
use crate::ledger::prove_anchor;
use crate::node::blocking;
use crate::store::tables::{BATCHES, BY_RESOURCE, BatchRow, LEAVES, NEWEST, VERSIONS, VersionRow, key};
use crate::store::{Reads, Store, StoreError};
use salus_crypto::merkle::{self, InclusionProof};
use salus_types::VersionId;
use salus_types::proof::{BatchId, RecordProof};

/// How far a sealed version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Sealed; its batch is on the way to its custodians.
    Sealed,
    /// Two custodians have it.
    Custody,
    /// Anchored.
    Anchored {
        /// Number of the batch.
        sequence: u64,
        /// Height of the anchor.
        height: u64,
    },
}

struct Found {
    version: VersionId,
    row: VersionRow,
    batch: BatchRow,
}

fn find(
    tx: &impl Reads,
    resource_type: &str,
    id: &str,
    version: Option<&str>,
) -> Result<Option<Found>, StoreError> {
    let newest = match version {
        Some(_) => None,
        None => tx.get(&NEWEST, &key::texts(&[resource_type, id]))?,
    };
    let Some(version) = version.or(newest.as_ref().map(|newest| newest.as_str())) else { return Ok(None) };
    let Some(version) = tx.get(&BY_RESOURCE, &key::texts(&[resource_type, id, version]))? else {
        return Ok(None);
    };
    let row: VersionRow = tx.get(&VERSIONS, version.as_bytes())?.ok_or(StoreError::Damaged)?;
    let batch = tx.get(&BATCHES, &row.sequence.to_be_bytes())?.ok_or(StoreError::Damaged)?;
    Ok(Some(Found { version, row, batch }))
}

fn path(tx: &impl Reads, row: &VersionRow) -> Result<InclusionProof, StoreError> {
    let leaves = tx.get(&LEAVES, &row.sequence.to_be_bytes())?.ok_or(StoreError::Damaged)?;
    let hashes: Vec<_> = leaves.iter().map(merkle::leaf_hash).collect();
    merkle::prove(&hashes, row.leaf.into()).ok_or(StoreError::Damaged)
}

/// What is known without the ledger.
struct Parts {
    row: VersionRow,
    r: [u8; 64],
    path: InclusionProof,
}

fn parts(
    store: &Store,
    resource_type: &str,
    id: &str,
    version: Option<&str>,
) -> Result<Option<Parts>, StoreError> {
    let tx = store.read()?;
    let Some(found) = find(&tx, resource_type, id, version)?.filter(|found| found.batch.state == ANCHORED)
    else {
        return Ok(None);
    };
    let r = store.open_secret(b"r", found.version.as_bytes(), &found.row.r)?;
    let r = r.as_slice().try_into().map_err(|_| StoreError::Damaged)?;
    Ok(Some(Parts { path: path(&tx, &found.row)?, row: found.row, r }))
}

impl Source {
    /// How far a version of an own resource is; the newest sealed one where none is named. `None`: not sealed yet, or
    /// unknown.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn state_of(
        &self,
        resource_type: &str,
        id: &str,
        version: Option<&str>,
    ) -> Result<Option<RecordState>, SourceError> {
        let store = self.ctx.store.clone();
        let (kind, id, version) = (resource_type.to_owned(), id.to_owned(), version.map(str::to_owned));
        let found = blocking(move || find(&store.read()?, &kind, &id, version.as_deref())).await?;
        Ok(found.map(|Found { row, batch, .. }| match batch.state {
            ANCHORED => RecordState::Anchored { sequence: row.sequence, height: batch.height },
            IN_CUSTODY => RecordState::Custody,
            _ => RecordState::Sealed,
        }))
    }

    /// The proof of an anchored version of an own resource; the newest sealed one where none is named.
    ///
    /// # Errors
    /// [`SourceError::Store`], or [`SourceError::Ledger`] if it does not answer.
    pub async fn proof_of(
        &self,
        resource_type: &str,
        id: &str,
        version: Option<&str>,
    ) -> Result<Option<RecordProof>, SourceError> {
        let store = self.ctx.store.clone();
        let (kind, id, version) = (resource_type.to_owned(), id.to_owned(), version.map(str::to_owned));
        let Some(parts) = blocking(move || parts(&store, &kind, &id, version.as_deref())).await? else {
            return Ok(None);
        };
        let organisation = self.ctx.node.organisation.clone();
        let batch = BatchId { organisation, sequence: parts.row.sequence };
        let anchor = prove_anchor(&*self.ctx.ledger, batch).await?;
        Ok(anchor.map(|(anchor, block)| RecordProof {
            package: parts.row.package,
            ciphertext_digest: parts.row.ciphertext_digest,
            plaintext_digest: parts.row.plaintext_digest,
            r: parts.r,
            batch_path: parts.path,
            anchor,
            block,
        }))
    }
}

//! What is held under grants.

use super::read::OpenedRecord;
use super::{ReadError, Reader};
use crate::custodian::erase::is_erased;
use crate::ledger::prove_anchor;
use crate::node::blocking;
use crate::store::tables::{HELD, HeldRow, id_at_end, key};
use crate::store::{Reads as _, StoreError};
use salus_types::proof::{BatchId, RecordProof};
use salus_types::{GrantId, VersionId};

/// The proof of a held version, or why there is none now.
pub type HeldProof = Option<RecordProof>;

impl Reader {
    /// Remembers that the caller's copy of these records is durable: they are not read again.
    ///
    /// # Errors
    /// [`ReadError::Store`]; [`ReadError::UnknownGrant`] if the grant was forgotten meanwhile, or [`ReadError::Erased`] if
    /// one of the versions was erased: delete the copy.
    pub async fn hold(&self, grant: GrantId, records: &[OpenedRecord]) -> Result<(), ReadError> {
        let store = self.ctx.store.clone();
        let rows: Vec<_> = records
            .iter()
            .map(|record| {
                let proof = &record.proof;
                let row = HeldRow {
                    source: record.source.clone(),
                    sequence: proof.anchor.batch.sequence,
                    package: proof.package.clone(),
                    ciphertext_digest: proof.ciphertext_digest,
                    plaintext_digest: proof.plaintext_digest,
                    r: store.seal_secret(b"held-r", record.version.as_bytes(), &proof.r),
                    path: proof.batch_path.clone(),
                };
                (record.version, row)
            })
            .collect();
        blocking(move || {
            let tx = store.write()?;
            if crate::mailbox::grant_letter(&store, &tx, &grant)?.is_none() {
                return Err(ReadError::UnknownGrant);
            }
            for (version, row) in rows {
                if is_erased(&tx, &row.source, &version)? {
                    return Err(ReadError::Erased);
                }
                tx.put(&HELD, &key::held(&grant, &version), &row)?;
            }
            Ok(tx.commit()?)
        })
        .await
    }

    /// The versions held under a grant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn held(&self, grant: GrantId) -> Result<Vec<VersionId>, StoreError> {
        let store = self.ctx.store.clone();
        blocking(move || {
            let held = store.read()?.scan(&HELD, grant.as_bytes(), None, usize::MAX)?;
            Ok(held.iter().map(|(at, _)| VersionId(id_at_end(at))).collect())
        })
        .await
    }

    /// The proof of a held version.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn proof_of(&self, grant: GrantId, version: VersionId) -> Result<HeldProof, ReadError> {
        let store = self.ctx.store.clone();
        let found = blocking(move || {
            let row: Option<HeldRow> = store.read()?.get(&HELD, &key::held(&grant, &version))?;
            let Some(row) = row else { return Ok(None) };
            let r = store.open_secret(b"held-r", version.as_bytes(), &row.r)?;
            let r: [u8; 64] = r.as_slice().try_into().map_err(|_| StoreError::Damaged)?;
            Ok::<_, StoreError>(Some((row, r)))
        })
        .await?;
        let Some((row, r)) = found else { return Ok(None) };
        let batch = BatchId { organisation: row.source, sequence: row.sequence };
        let anchor = prove_anchor(&*self.ctx.ledger, batch).await?;
        Ok(anchor.map(|(anchor, block)| RecordProof {
            package: row.package,
            ciphertext_digest: row.ciphertext_digest,
            plaintext_digest: row.plaintext_digest,
            r,
            batch_path: row.path,
            anchor,
            block,
        }))
    }
}

//! Records of other organisations, and proofs of own ones, as the gateway asks for them.

use super::{read_error, source_error, store_error};
use async_trait::async_trait;
use bytes::Bytes;
use salus_gateway::vault::{
    GivenGrant, HeldGrant, OpenedVersion, OwnProofs, ProofState, SharedAnswer, SharedAsk, SharedRecords,
    VaultError,
};
use salus_types::GrantId;
use salus_vault::Vault;
use salus_vault::reader::OpenedRecord;
use salus_vault::source::RecordState;
use std::sync::Arc;

/// The vault of this process.
pub(crate) struct LocalRecords(pub(crate) Arc<Vault>);

fn held_grant(grant: salus_vault::HeldGrant) -> HeldGrant {
    HeldGrant {
        grant: grant.grant,
        source: grant.source,
        patient: grant.patient,
        purpose: grant.purpose,
        not_before_ms: grant.not_before_ms,
        expiry_ms: grant.expiry_ms,
        categories: grant.categories,
        practitioner: grant.practitioner,
    }
}

fn opened(mut record: OpenedRecord) -> OpenedVersion {
    OpenedVersion {
        version: record.version,
        category: record.category,
        content: record.content,
        text: Bytes::from(std::mem::take(&mut *record.bytes)),
        proof: Box::new(record.proof),
    }
}

#[async_trait]
impl SharedRecords for LocalRecords {
    async fn grants(&self, patient: &str) -> Result<Vec<HeldGrant>, VaultError> {
        let grants = self.0.mailbox.grants_for(patient).await.map_err(store_error)?;
        Ok(grants.into_iter().map(held_grant).collect())
    }

    async fn grant(&self, grant: GrantId) -> Result<Option<HeldGrant>, VaultError> {
        Ok(self.0.mailbox.grant(grant).await.map_err(store_error)?.map(held_grant))
    }

    /// One access event after the other until nothing is left, or nothing more comes.
    async fn read(&self, ask: SharedAsk) -> Result<SharedAnswer, VaultError> {
        let mut held = ask.held;
        let mut answer = SharedAnswer::default();
        loop {
            let read = self.0.reader.read_beyond(ask.grant, ask.practitioner, ask.purpose, &held).await;
            let reading = match read {
                Ok(reading) => reading,
                // What came before stands; the rest is asked for again at the next reading.
                Err(_) if !answer.versions.is_empty() => return Ok(answer),
                Err(error) => return Err(read_error(error)),
            };
            for blame in &reading.blame {
                tracing::warn!(custodian = %blame.custodian, what = blame.what, "a custodian gave what does not hold");
            }
            answer.accesses.extend(reading.access);
            answer.missing = u32::try_from(reading.remaining).unwrap_or(u32::MAX);
            let progress = !reading.records.is_empty();
            held.extend(reading.records.iter().map(|record| record.version));
            answer.versions.extend(reading.records.into_iter().map(opened));
            if !progress || reading.remaining == 0 {
                return Ok(answer);
            }
        }
    }

    async fn forget(&self, grant: GrantId) -> Result<(), VaultError> {
        self.0.mailbox.forget(grant).await.map(|_| ()).map_err(store_error)
    }
}

#[async_trait]
impl OwnProofs for LocalRecords {
    async fn proof_of(&self, kind: &str, id: &str, version: Option<&str>) -> Result<ProofState, VaultError> {
        let Some(source) = &self.0.source else { return Ok(ProofState::Unknown) };
        match source.state_of(kind, id, version).await.map_err(source_error)? {
            None => Ok(ProofState::Stored),
            Some(RecordState::Sealed | RecordState::Custody) => Ok(ProofState::Sealed),
            Some(RecordState::Anchored { .. }) => {
                let proof = source.proof_of(kind, id, version).await.map_err(source_error)?;
                Ok(proof.map_or(ProofState::Sealed, |proof| ProofState::Anchored(Box::new(proof))))
            }
        }
    }

    async fn grants_over(&self, patient: &str) -> Result<Vec<GivenGrant>, VaultError> {
        let Some(source) = &self.0.source else { return Ok(Vec::new()) };
        let grants = source.grants_over(patient).await.map_err(source_error)?;
        Ok(grants.into_iter().map(|(grant, not_before_ms)| GivenGrant { grant, not_before_ms }).collect())
    }
}

//! One access event and what it releases.

use super::collect::Batch;
use super::plan::{CUSTODIANS_NEEDED, Opened, Plan};
use super::{ReadError, Reader};
use crate::combine::{Blame, OpenedVersion};
use crate::custodian::decide::versions_root;
use salus_types::action::Access;
use salus_types::category::{Category, Purpose};
use salus_types::proof::{
    ANCHORS_PER_PROOF_MAX, AnchorProof, AnchorProofs, BatchId, CertifiedHeader, RecordProof,
};
use salus_types::vault::{
    Content, ListedVersion, ReleaseForGrant, ReleasedVersion, VERSIONS_PER_REQUEST_MAX,
};
use salus_types::{AccessId, Bounded, CompartmentId, Digest, GrantId, OrganisationId, VersionId};
use std::collections::{BTreeSet, HashMap, HashSet};
use zeroize::Zeroizing;

/// A version that was opened and checked.
pub struct OpenedRecord {
    /// The version.
    pub version: VersionId,
    /// Its compartment.
    pub compartment: CompartmentId,
    /// Its category.
    pub category: Category,
    /// Its source.
    pub source: OrganisationId,
    /// What the bytes are.
    pub content: Content,
    /// The exact bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The proof for anyone.
    pub proof: RecordProof,
}

/// What a reading gave.
#[derive(Default)]
pub struct Reading {
    /// The access event, unless there was nothing to read.
    pub access: Option<AccessId>,
    /// What was opened, in the order of sealing.
    pub records: Vec<OpenedRecord>,
    /// Versions that the grant reaches and that are neither held nor among the records: read again. If there are no
    /// records, their keys are still on the way from the source.
    pub remaining: usize,
    /// What custodians gave that does not hold.
    pub blame: Vec<Blame>,
}

impl Reader {
    /// Reads what `grant` reaches and is not held yet, at most one access event's worth; `remaining` says whether to
    /// read again. Nothing to read makes no event.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(
        &self,
        grant: GrantId,
        practitioner: Digest,
        purpose: Purpose,
    ) -> Result<Reading, ReadError> {
        self.read_beyond(grant, practitioner, purpose, &HashSet::new()).await
    }

    /// [`Self::read`] for a caller that keeps its own list of what it holds.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_beyond(
        &self,
        grant: GrantId,
        practitioner: Digest,
        purpose: Purpose,
        held: &HashSet<VersionId>,
    ) -> Result<Reading, ReadError> {
        let mut opened = self.open_grant(grant).await?;
        opened.held.extend(held);
        let terms = &opened.letter.terms;
        if terms.purpose != purpose {
            return Err(ReadError::Refused("the grant is for another purpose".to_owned()));
        }
        if terms.practitioner.is_some_and(|only| only != practitioner) {
            return Err(ReadError::Refused("the grant is for another practitioner".to_owned()));
        }
        self.check_live(&opened.letter).await?;
        let plan = self.plan_of(&opened).await?;
        let total = plan.versions.len();
        let readable = |listed: &&ListedVersion| opened.keys.contains_key(&listed.compartment);
        let readable: Vec<_> = plan.versions.iter().filter(readable).map(|listed| listed.version).collect();
        if readable.is_empty() {
            // The source sends the keys of epochs that the letter does not name: an event now would open nothing.
            return Ok(Reading { remaining: total, ..Reading::default() });
        }
        let chosen = self.choose(&plan, readable);
        if chosen.is_empty() {
            return Err(ReadError::TemporarilyUnavailable(
                "fewer than two custodians have what is asked for",
            ));
        }
        let access = self.access_event(&opened, &chosen, practitioner).await?;
        let ask = ReleaseForGrant {
            access,
            terms: terms.clone(),
            terms_salt: opened.letter.terms_salt,
            consent: opened.letter.consent.clone(),
            versions: Bounded::new(chosen.clone()).unwrap_or_default(),
            packages: false,
        };
        let batch = self.collect(&ask, &chosen, &plan, &opened.keys).await?;
        let Batch { mut opened, blame, failure } = batch;
        if opened.is_empty() {
            return Err(failure);
        }
        let anchors = self.anchors(opened.values().map(|found| &found.released)).await?;
        let mut records = Vec::with_capacity(opened.len());
        for version in &chosen {
            if let Some(found) = opened.remove(version) {
                records.push(record(found, &anchors)?);
            }
        }
        Ok(Reading { access: Some(access), remaining: total - records.len(), records, blame })
    }

    /// The next versions that at least two custodians list.
    fn choose(&self, plan: &Plan, versions: Vec<VersionId>) -> Vec<VersionId> {
        let limit = self.config.versions_per_event_max.min(VERSIONS_PER_REQUEST_MAX);
        let enough =
            |version: &VersionId| plan.listed_by.get(version).is_some_and(|by| by.len() >= CUSTODIANS_NEEDED);
        versions.into_iter().filter(enough).take(limit).collect()
    }

    async fn access_event(
        &self,
        grant: &Opened,
        versions: &[VersionId],
        practitioner: Digest,
    ) -> Result<AccessId, ReadError> {
        let terms = &grant.letter.terms;
        let access = Access {
            grant: terms.grant,
            scope_salt: terms.scope_salt,
            purpose: terms.purpose,
            versions_root: versions_root(versions),
            count: u32::try_from(versions.len()).unwrap_or(u32::MAX),
            practitioner,
            nonce: salus_crypto::random::bytes(),
        };
        let id = access.id(&self.ctx.node.signing.public());
        self.ctx.ledger.submit_and_wait(access.into()).await?;
        Ok(id)
    }

    /// The proofs of the anchors of these versions, each once.
    async fn anchors(&self, of: impl Iterator<Item = &ReleasedVersion>) -> Result<Anchors, ReadError> {
        let batches: BTreeSet<_> = of.map(batch_of).collect();
        let batches: Vec<_> = batches.into_iter().collect();
        let mut anchors = HashMap::with_capacity(batches.len());
        for page in batches.chunks(ANCHORS_PER_PROOF_MAX) {
            let AnchorProofs { anchors: proven, block } = self.ctx.ledger.prove_anchors(page).await?;
            let proven = proven.into_inner().into_iter();
            anchors.extend(proven.map(|anchor| (anchor.batch.clone(), (anchor, block.clone()))));
        }
        Ok(anchors)
    }
}

/// What shows each batch's anchor.
type Anchors = HashMap<BatchId, (AnchorProof, CertifiedHeader)>;

fn batch_of(released: &ReleasedVersion) -> BatchId {
    BatchId { organisation: released.source.clone(), sequence: released.sequence }
}

fn record(found: OpenedVersion, anchors: &Anchors) -> Result<OpenedRecord, ReadError> {
    let OpenedVersion { category, released, opened } = found;
    let (anchor, block) = anchors
        .get(&batch_of(&released))
        .cloned()
        .ok_or(ReadError::TemporarilyUnavailable("the ledger has no proof of an anchor yet"))?;
    let header = released.package.header;
    Ok(OpenedRecord {
        version: header.version,
        compartment: header.compartment,
        category,
        source: released.source,
        content: header.content,
        bytes: opened.bytes,
        proof: RecordProof {
            package: header,
            ciphertext_digest: opened.ciphertext_digest,
            plaintext_digest: opened.plaintext_digest,
            r: *opened.r,
            batch_path: released.path,
            anchor,
            block,
        },
    })
}

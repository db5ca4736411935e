//! Making one batch from rows of the outbox: everything in one transaction.

use super::moves::note;
use super::pack::{Packing, bounded, marks};
use super::{Source, SourceError, Step, compartment};
use crate::category::category;
use crate::emergency;
use crate::outbox::OutboxRow;
use crate::placement::custodians_of;
use crate::seal::{SealedVersion, seal};
use crate::sharing::Shares;
use crate::store::tables::{
    BATCHES, BY_RESOURCE, BatchRow, COUNTERS, EMERGENCY_STALE, IN_BATCH, LEAVES, MARK, NEWEST, Name,
    OPEN_BATCHES, ResourceName, VERSIONS, VersionRow, counter, key,
};
use crate::store::{PackName, Reads, StoreError, WriteTx};
use crate::wrap::organisation_link;
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::{Secret32, merkle};
use salus_types::organisation::Organisation;
use salus_types::vault::{Content, OrganisationLink, batch_size, size_class};
use salus_types::{Digest, OrganisationId};

/// A batch is sealed.
pub(super) const SEALED: u8 = 1;
/// Two custodians of every version have it.
pub(super) const IN_CUSTODY: u8 = 2;
/// Its anchor is final.
pub(crate) const ANCHORED: u8 = 3;

/// A batch in the making.
#[derive(Default)]
struct Draft {
    packing: Packing,
    leaves: Vec<Digest>,
    rows: Vec<VersionRow>,
}

/// The counter's value.
pub(super) fn count(tx: &impl Reads, name: &[u8]) -> Result<u64, StoreError> {
    Ok(tx.get(&COUNTERS, name)?.unwrap_or(0))
}

/// Raises a counter; the value before.
pub(super) fn bump(tx: &WriteTx, name: &[u8], by: u64) -> Result<u64, StoreError> {
    let before = count(tx, name)?;
    tx.put(&COUNTERS, name, &(before + by))?;
    Ok(before)
}

impl Source {
    /// Seals `rows` into one batch and commits it. `None` if there was nothing to seal among them. Blocking.
    pub(crate) fn build(
        &self,
        rows: &[OutboxRow],
        runtime: &tokio::runtime::Handle,
    ) -> Result<Option<u64>, SourceError> {
        let tx = self.ctx.store.write()?;
        let cursor = count(&tx, counter::OUTBOX)?;
        let mut draft = Draft::default();
        let organisations = self.ctx.ledger.organisations();
        note(&tx, &organisations)?;
        let mut up_to = cursor;
        for row in rows.iter().filter(|row| row.seq > cursor) {
            up_to = row.seq;
            if !self.add(&tx, &mut draft, row, &organisations)? {
                bump(&tx, counter::REFUSED, 1)?;
                tracing::warn!("a resource cannot be sealed: its name or size is not allowed");
            }
        }
        tx.put(&COUNTERS, counter::OUTBOX, &up_to)?;
        let sequence =
            if draft.packing.items.is_empty() { None } else { Some(self.close(&tx, draft, up_to, runtime)?) };
        tx.commit()?;
        self.emergencies.notify_one();
        Ok(sequence)
    }

    /// Seals one row; false if it cannot be.
    fn add(
        &self,
        tx: &WriteTx,
        draft: &mut Draft,
        row: &OutboxRow,
        organisations: &[Organisation],
    ) -> Result<bool, SourceError> {
        let Some((name, patient)) = names(row) else { return Ok(false) };
        let at = key::texts(&[&row.resource_type, &row.id, &row.version]);
        if tx.get(&BY_RESOURCE, &at)?.is_some() {
            return Ok(true);
        }
        if let Some(patient) = patient.as_ref().filter(|_| emergency::concerns(&row.resource_type)) {
            tx.put(&EMERGENCY_STALE, patient.as_str().as_bytes(), &row.seq)?;
        }
        let category = category(&row.resource_type, &row.resource);
        let tombstone = row.deleted.then(|| tombstone(row));
        let (content, text) = match &tombstone {
            Some(text) => (Content::Deleted, text),
            None => (Content::Fhir, &row.resource),
        };
        if text.len() > crate::seal::PLAINTEXT_BYTES_MAX {
            return Ok(false);
        }
        let (seal_key, first) = compartment::current(&self.ctx, tx, patient.as_ref(), category)?;
        let Ok(sealed) = seal(self.config.suite, &seal_key, content, text.as_bytes()) else {
            return Ok(false);
        };
        let custodians = custodians_of(&first, organisations)?;
        self.place(draft, name, sealed, &custodians, organisations)?;
        Ok(true)
    }

    /// Seals the shares to their custodians and adds everything to the draft.
    fn place(
        &self,
        draft: &mut Draft,
        name: ResourceName,
        sealed: SealedVersion,
        custodians: &[OrganisationId; 3],
        organisations: &[Organisation],
    ) -> Result<(), SourceError> {
        let leaf = u32::try_from(draft.leaves.len()).unwrap_or(u32::MAX);
        draft.leaves.push(sealed.commitment);
        let version = sealed.package.header.version;
        draft.rows.push(VersionRow {
            sequence: 0,
            leaf,
            package: sealed.package.header.clone(),
            ciphertext_digest: sealed.ciphertext_digest,
            plaintext_digest: sealed.plaintext_digest,
            r: self.ctx.store.seal_secret(b"r", version.as_bytes(), sealed.r.as_ref()),
            resource: name,
            share_commitments: sealed.share_commitments,
        });
        let shares = Shares { shares: sealed.shares, commitments: sealed.share_commitments };
        let link = |custodian: &OrganisationId| self.link_of_today(custodian, organisations);
        draft.packing.add(leaf, sealed.package, &shares, custodians, link)
    }

    /// The link of today to a custodian.
    fn link_of_today(
        &self,
        custodian: &OrganisationId,
        organisations: &[Organisation],
    ) -> Result<(OrganisationLink, Secret32), SourceError> {
        let mut links = self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let day = self.today();
        if links.0 != day {
            *links = (day, Default::default());
        }
        if let Some(known) = links.1.get(custodian) {
            return Ok(known.clone());
        }
        let made = self.new_link(custodian, organisations)?;
        links.1.insert(custodian.clone(), made.clone());
        Ok(made)
    }

    fn today(&self) -> u32 {
        u32::try_from((self.ctx.clock)() / 86_400_000).unwrap_or(u32::MAX)
    }

    /// A new link to a custodian.
    pub(super) fn new_link(
        &self,
        custodian: &OrganisationId,
        organisations: &[Organisation],
    ) -> Result<(OrganisationLink, Secret32), SourceError> {
        let to = organisations.iter().find(|organisation| organisation.id == *custodian);
        let (network, from) = (self.ctx.node.network, self.ctx.node.organisation.clone());
        Ok(organisation_link(network, from, to.ok_or(StoreError::Damaged)?, self.today())?)
    }

    /// Pads, writes the pack durably, and puts the batch's rows.
    fn close(
        &self,
        tx: &WriteTx,
        mut draft: Draft,
        up_to: u64,
        runtime: &tokio::runtime::Handle,
    ) -> Result<u64, SourceError> {
        let versions = draft.packing.items.len();
        let class = size_class(versions).ok_or(StoreError::Damaged)?;
        let size = batch_size(class).ok_or(StoreError::Damaged)?;
        draft.leaves.resize_with(size, || Digest(salus_crypto::random::bytes()));
        let sequence = bump(tx, counter::SEQUENCE, 1)?;
        let root = merkle::root(&draft.leaves);
        let (pack, custodians) = draft.packing.close(0, 0, bounded(draft.leaves)?)?;
        let encoded = pack.encode();
        let batch = BatchRow {
            root,
            size_class: class,
            versions: u32::try_from(versions).unwrap_or(u32::MAX),
            up_to,
            acked: marks(&vec![false; custodians.len()]),
            custodians: bounded(custodians)?,
            state: SEALED,
            height: 0,
            generation: 0,
            pack: sha256(&encoded),
        };
        runtime.block_on(self.ctx.store.packs.put(&PackName::outgoing(sequence), encoded))?;
        self.reached(Step::PackWritten)?;
        for mut row in draft.rows {
            row.sequence = sequence;
            put_version(tx, &row)?;
        }
        tx.put(&LEAVES, &sequence.to_be_bytes(), &pack.leaves)?;
        tx.put(&BATCHES, &sequence.to_be_bytes(), &batch)?;
        tx.put(&OPEN_BATCHES, &sequence.to_be_bytes(), &MARK)?;
        bump(tx, counter::SEALED, versions as u64)?;
        Ok(sequence)
    }
}

fn put_version(tx: &WriteTx, row: &VersionRow) -> Result<(), StoreError> {
    let name = &row.resource;
    let (kind, id, version) = (name.kind.as_str(), name.id.as_str(), name.version.as_str());
    tx.put(&VERSIONS, row.package.version.as_bytes(), row)?;
    tx.put(&IN_BATCH, &key::in_batch(row.sequence, row.leaf), &row.package.version)?;
    tx.put(&BY_RESOURCE, &key::texts(&[kind, id, version]), &row.package.version)?;
    tx.put(&NEWEST, &key::texts(&[kind, id]), &name.version)
}

/// The row's names and its patient, if FHIR allows them. A Patient belongs to itself.
fn names(row: &OutboxRow) -> Option<(ResourceName, Option<Name>)> {
    let patient = match &row.patient {
        None if row.resource_type == "Patient" => Some(&row.id),
        patient => patient.as_ref(),
    };
    let patient = match patient {
        Some(patient) => Some(name(patient)?),
        None => None,
    };
    let named =
        ResourceName { kind: name(&row.resource_type)?, id: name(&row.id)?, version: name(&row.version)? };
    Some((named, patient))
}

/// A FHIR type, id or version: 1 to 64 of letters, digits, `-` and `.`.
pub(super) fn name(text: &str) -> Option<Name> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    fits.then(|| Name::new(text).ok()).flatten()
}

/// What stands for a deleted resource: its type, id and version, nothing clinical.
fn tombstone(row: &OutboxRow) -> String {
    format!(
        r#"{{"resourceType":"{}","id":"{}","meta":{{"versionId":"{}"}}}}"#,
        row.resource_type, row.id, row.version
    )
}

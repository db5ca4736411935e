//! Making one batch from rows of the outbox: everything in one transaction.

use super::{Source, SourceError, Step, compartment};
use crate::category::category;
use crate::codec::record;
use crate::outbox::OutboxRow;
use crate::placement::custodians_of;
use crate::seal::{SealedVersion, seal};
use crate::store::tables::{
    BATCHES, BY_RESOURCE, BatchRow, COUNTERS, LEAVES, Leaves, MARK, NEWEST, Name, OPEN_BATCHES, VERSIONS,
    VersionRow, counter, key,
};
use crate::store::{PackName, Reads, StoreError, WriteTx};
use crate::wrap::{organisation_link, seal_share};
use commonware_codec::Encode as _;
use salus_crypto::merkle;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    Content, CustodyBatch, CustodyBatchBody, CustodyItem, OrganisationLink, SealedPackage, batch_size,
    size_class,
};
use salus_types::{Bounded, Digest, OrganisationId, namespace};

/// A batch is sealed.
pub(super) const SEALED: u8 = 1;
/// Two custodians of every version have it.
pub(super) const IN_CUSTODY: u8 = 2;
/// Its anchor is final.
pub(crate) const ANCHORED: u8 = 3;

record! {
    /// A sealed version on its way to its three custodians.
    pub(crate) struct OutgoingItem {
        leaf: u32,
        package: SealedPackage,
        share_commitments: [Digest; 3],
        holders: [u8; 3],
        shares: [[u8; 48]; 3],
    }

    /// A batch on its way.
    pub(crate) struct OutgoingPack {
        links: Bounded<OrganisationLink, 256>,
        leaves: Leaves,
        items: Bounded<OutgoingItem, 4_096>,
    }
}

/// A batch in the making.
#[derive(Default)]
struct Draft {
    custodians: Vec<OrganisationId>,
    links: Vec<OrganisationLink>,
    leaves: Vec<Digest>,
    items: Vec<OutgoingItem>,
    rows: Vec<(OutboxRowName, VersionRow)>,
}

struct OutboxRowName {
    resource_type: Name,
    id: Name,
    version: Name,
    patient: Option<Name>,
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
    pub(super) fn build(
        &self,
        rows: &[OutboxRow],
        runtime: &tokio::runtime::Handle,
    ) -> Result<Option<u64>, SourceError> {
        let tx = self.ctx.store.write()?;
        let cursor = count(&tx, counter::OUTBOX)?;
        let mut draft = Draft::default();
        let organisations = self.ctx.ledger.organisations();
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
            if draft.items.is_empty() { None } else { Some(self.close(&tx, draft, up_to, runtime)?) };
        tx.commit()?;
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
        let Some(name) = names(row) else { return Ok(false) };
        let at = key::texts(&[&row.resource_type, &row.id, &row.version]);
        if tx.get(&BY_RESOURCE, &at)?.is_some() {
            return Ok(true);
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
        let (seal_key, first) = compartment::current(&self.ctx, tx, name.patient.as_ref(), category)?;
        let Ok(sealed) = seal(&seal_key, content, text.as_bytes()) else { return Ok(false) };
        let custodians = custodians_of(&first, organisations)?;
        self.place(draft, name, sealed, &custodians, organisations)?;
        Ok(true)
    }

    /// Seals the shares to their custodians and adds everything to the draft.
    fn place(
        &self,
        draft: &mut Draft,
        name: OutboxRowName,
        sealed: SealedVersion,
        custodians: &[OrganisationId; 3],
        organisations: &[Organisation],
    ) -> Result<(), SourceError> {
        let version = sealed.package.header.version;
        let (mut holders, mut shares) = ([0; 3], [[0; 48]; 3]);
        for ((custodian, share), at) in custodians.iter().zip(&sealed.shares).zip(0..) {
            holders[at] = self.holder(draft, custodian, organisations)?;
            let links = self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (_, link_key) = links.1.get(custodian).ok_or(StoreError::Damaged)?;
            shares[at] = seal_share(link_key, &version, share);
        }
        let leaf = u32::try_from(draft.leaves.len()).unwrap_or(u32::MAX);
        draft.leaves.push(sealed.commitment);
        draft.rows.push((
            name,
            VersionRow {
                sequence: 0,
                leaf,
                package: sealed.package.header.clone(),
                ciphertext_digest: sealed.ciphertext_digest,
                plaintext_digest: sealed.plaintext_digest,
                r: self.ctx.store.seal_secret(b"r", version.as_bytes(), sealed.r.as_ref()),
            },
        ));
        draft.items.push(OutgoingItem {
            leaf,
            package: sealed.package,
            share_commitments: sealed.share_commitments,
            holders,
            shares,
        });
        Ok(())
    }

    /// The place of a custodian in the batch's list, with a link of today.
    fn holder(
        &self,
        draft: &mut Draft,
        custodian: &OrganisationId,
        organisations: &[Organisation],
    ) -> Result<u8, SourceError> {
        if let Some(at) = draft.custodians.iter().position(|known| known == custodian) {
            return Ok(u8::try_from(at).unwrap_or(u8::MAX));
        }
        let day = u32::try_from((self.ctx.clock)() / 86_400_000).unwrap_or(u32::MAX);
        let mut links = self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if links.0 != day && draft.custodians.is_empty() {
            *links = (day, Default::default());
        }
        if !links.1.contains_key(custodian) {
            let to = organisations.iter().find(|organisation| organisation.id == *custodian);
            let (network, from) = (self.ctx.node.network, self.ctx.node.organisation.clone());
            let made = organisation_link(network, from, to.ok_or(StoreError::Damaged)?, day)?;
            links.1.insert(custodian.clone(), made);
        }
        let (link, _) = links.1.get(custodian).ok_or(StoreError::Damaged)?;
        draft.links.push(link.clone());
        draft.custodians.push(custodian.clone());
        Ok(u8::try_from(draft.custodians.len() - 1).unwrap_or(u8::MAX))
    }

    /// Pads, writes the pack durably, and puts the batch's rows.
    fn close(
        &self,
        tx: &WriteTx,
        mut draft: Draft,
        up_to: u64,
        runtime: &tokio::runtime::Handle,
    ) -> Result<u64, SourceError> {
        let versions = draft.items.len();
        let class = size_class(versions).ok_or(StoreError::Damaged)?;
        let size = batch_size(class).ok_or(StoreError::Damaged)?;
        draft.leaves.resize_with(size, || Digest(salus_crypto::random::bytes()));
        let sequence = bump(tx, counter::SEQUENCE, 1)?;
        let batch = BatchRow {
            root: merkle::root(&draft.leaves),
            size_class: class,
            versions: u32::try_from(versions).unwrap_or(u32::MAX),
            up_to,
            acked: bounded(vec![0; draft.custodians.len()])?,
            custodians: bounded(draft.custodians)?,
            state: SEALED,
            height: 0,
        };
        let pack = OutgoingPack {
            links: bounded(draft.links)?,
            leaves: bounded(draft.leaves)?,
            items: bounded(draft.items)?,
        };
        runtime.block_on(self.ctx.store.packs.put(&PackName::outgoing(sequence), pack.encode()))?;
        self.reached(Step::PackWritten)?;
        for (name, mut row) in draft.rows {
            row.sequence = sequence;
            put_version(tx, &name, &row)?;
        }
        tx.put(&LEAVES, &sequence.to_be_bytes(), &pack.leaves)?;
        tx.put(&BATCHES, &sequence.to_be_bytes(), &batch)?;
        tx.put(&OPEN_BATCHES, &sequence.to_be_bytes(), &MARK)?;
        bump(tx, counter::SEALED, versions as u64)?;
        Ok(sequence)
    }

    /// The part of a batch that one custodian gets, signed. Deterministic: sent twice, it is the same.
    pub(super) fn custody_batch(
        &self,
        sequence: u64,
        pack: &OutgoingPack,
        custodian: u8,
    ) -> Result<CustodyBatch, SourceError> {
        let items = pack.items.iter().filter_map(|item| {
            let at = item.holders.iter().position(|holder| *holder == custodian)?;
            Some(CustodyItem {
                leaf: item.leaf,
                package: item.package.clone(),
                share_index: u8::try_from(at + 1).ok()?,
                share_commitments: item.share_commitments,
                sealed_share: item.shares[at],
            })
        });
        let body = CustodyBatchBody {
            link: pack.links.get(usize::from(custodian)).ok_or(StoreError::Damaged)?.clone(),
            sequence,
            leaves: pack.leaves.clone(),
            items: bounded(items.collect())?,
        };
        let digest = salus_crypto::hash::sha256(body.encode());
        let signature = self.ctx.node.signing.sign(namespace::CUSTODY_BATCH, digest.as_ref());
        Ok(CustodyBatch { body, signature })
    }
}

fn put_version(tx: &WriteTx, name: &OutboxRowName, row: &VersionRow) -> Result<(), StoreError> {
    let (kind, id, version) = (name.resource_type.as_str(), name.id.as_str(), name.version.as_str());
    tx.put(&VERSIONS, row.package.version.as_bytes(), row)?;
    tx.put(&BY_RESOURCE, &key::texts(&[kind, id, version]), &row.package.version)?;
    tx.put(&NEWEST, &key::texts(&[kind, id]), &name.version)
}

fn bounded<T, const MAX: usize>(items: Vec<T>) -> Result<Bounded<T, MAX>, StoreError> {
    Bounded::new(items).map_err(|_| StoreError::Damaged)
}

/// The row's names, if FHIR allows them. A Patient belongs to itself.
fn names(row: &OutboxRow) -> Option<OutboxRowName> {
    let patient = match &row.patient {
        None if row.resource_type == "Patient" => Some(&row.id),
        patient => patient.as_ref(),
    };
    Some(OutboxRowName {
        resource_type: name(&row.resource_type)?,
        id: name(&row.id)?,
        version: name(&row.version)?,
        patient: match patient {
            Some(patient) => Some(name(patient)?),
            None => None,
        },
    })
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

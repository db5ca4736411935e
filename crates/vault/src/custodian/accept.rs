//! Taking batches, compartment records and links from sources. Everything is checked, then durable, then acknowledged.

use super::Custodian;
use crate::ledger::member;
use crate::node::{Context, blocking};
use crate::store::tables::{
    CUSTODY, CustodyRow, EVIDENCE, HELD_VERSIONS, HeldVersionRow, IN_COMPARTMENT, LINKS, MARK, OF_OWNER,
    RECORDS, SUCCESSORS, key,
};
use crate::store::{PackName, Reads, StoreError, WriteTx};
use crate::wrap::link_is_signed;
use bytes::Bytes;
use commonware_codec::{Encode as _, EncodeSize as _};
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::merkle;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    CompartmentRecord, CompartmentStatement, CustodyBatch, PatientLink, SUITE_1, WRAPPED_KEY_LENGTH,
    batch_size,
};
use salus_types::{OrganisationId, decode_canonical, namespace};
use std::collections::HashSet;
use std::sync::PoisonError;

/// Why a custodian does not take something.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// This organisation is no custodian.
    #[error("this organisation is not a custodian")]
    NotACustodian,
    /// The sender is no member that keeps records.
    #[error("the sender keeps no records in this network")]
    NotASource,
    /// It says it comes from or goes to somebody else, or to another network.
    #[error("it is addressed otherwise")]
    Address,
    /// The signature is not the source's.
    #[error("the source's signature does not verify")]
    Signature,
    /// A part contradicts another: sizes, places, repeated versions.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Something else was taken under this name before; it is kept, and this one as evidence.
    #[error("something different was taken under this number before")]
    Conflict,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Custodian {
    /// Takes a batch that `from` (known by its connection) hands over; `Ok` once it is durable. Repeated, it answers
    /// the same.
    ///
    /// # Errors
    /// [`CustodyError`], naming the first check that fails; nothing is stored then but evidence of a conflict.
    pub async fn accept_batch(&self, from: &OrganisationId, batch: CustodyBatch) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        let (runtime, accepting) = (tokio::runtime::Handle::current(), self.accepting.clone());
        blocking(move || {
            let _one = accepting.lock().unwrap_or_else(PoisonError::into_inner);
            accept(&ctx, &from, &batch, &runtime)
        })
        .await
    }

    /// Takes compartment records; the newest revision wins. `Ok` once durable.
    ///
    /// # Errors
    /// [`CustodyError`]; none of the records is taken then.
    pub async fn accept_compartments(
        &self,
        from: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || {
            let source = source(&ctx, &from)?;
            records.iter().try_for_each(|record| check_record(&ctx, &source, record))?;
            let tx = ctx.store.write()?;
            records.iter().try_for_each(|record| put_record(&tx, record))?;
            Ok(tx.commit()?)
        })
        .await
    }

    /// Takes a patient link. `Ok` once durable.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub async fn accept_link(&self, from: &OrganisationId, link: PatientLink) -> Result<(), CustodyError> {
        let (ctx, from) = (self.ctx.clone(), from.clone());
        blocking(move || {
            let source = source(&ctx, &from)?;
            if link.source != from || link.network != ctx.node.network {
                return Err(CustodyError::Address);
            }
            if !link_is_signed(&link, &source.node_key) {
                return Err(CustodyError::Signature);
            }
            let at = key::link(&link.owner, &link.source, link.number);
            let tx = ctx.store.write()?;
            match tx.get(&LINKS, &at)? {
                Some(known) if known == link => return Ok(()),
                Some(_) => return Err(CustodyError::Conflict),
                None => tx.put(&LINKS, &at, &link)?,
            }
            Ok(tx.commit()?)
        })
        .await
    }
}

/// The sender, if it is a source and this organisation a custodian.
fn source(ctx: &Context, from: &OrganisationId) -> Result<Organisation, CustodyError> {
    let own = member(&*ctx.ledger, &ctx.node.organisation);
    if own.is_none_or(|own| !own.custodian) {
        return Err(CustodyError::NotACustodian);
    }
    let source = member(&*ctx.ledger, from).filter(|source| source.class.keeps_records());
    source.ok_or(CustodyError::NotASource)
}

fn accept(
    ctx: &Context,
    from: &OrganisationId,
    batch: &CustodyBatch,
    runtime: &tokio::runtime::Handle,
) -> Result<(), CustodyError> {
    let source = source(ctx, from)?;
    let link = &batch.body.link;
    if link.from != *from || link.to != ctx.node.organisation || link.network != ctx.node.network {
        return Err(CustodyError::Address);
    }
    let encoded = batch.encode();
    let body_digest = sha256(&encoded[..encoded.len() - salus_types::Signature::LEN]);
    let signed = source.node_key.verify(namespace::CUSTODY_BATCH, body_digest.as_ref(), &batch.signature);
    signed.map_err(|_| CustodyError::Signature)?;
    check_shape(batch)?;
    let at = key::batch(from, batch.body.sequence);
    let known: Option<CustodyRow> = ctx.store.read()?.get(&CUSTODY, &at)?;
    match known {
        Some(known) if known.body_digest == body_digest => return Ok(()),
        Some(_) => return keep_evidence(ctx, from, batch.body.sequence, body_digest, encoded, runtime),
        None => {}
    }
    let name = PackName::custody(from, batch.body.sequence);
    runtime.block_on(ctx.store.packs.put(&name, encoded.clone()))?;
    index(ctx, from, batch, &encoded, body_digest)
}

fn check_shape(batch: &CustodyBatch) -> Result<(), CustodyError> {
    let body = &batch.body;
    if !(0..=3).any(|class| batch_size(class) == Some(body.leaves.len())) {
        return Err(CustodyError::Malformed("number of leaves"));
    }
    if !body.items.windows(2).all(|pair| pair[0].leaf < pair[1].leaf)
        || body.items.last().is_some_and(|item| item.leaf as usize >= body.leaves.len())
    {
        return Err(CustodyError::Malformed("place in the batch"));
    }
    let mut seen = HashSet::new();
    for item in body.items.iter() {
        if item.package.header.suite != SUITE_1 {
            return Err(CustodyError::Malformed("unknown suite"));
        }
        if !(1..=3).contains(&item.share_index) {
            return Err(CustodyError::Malformed("share index"));
        }
        if !seen.insert(item.package.header.version) {
            return Err(CustodyError::Malformed("a version twice"));
        }
    }
    Ok(())
}

fn index(
    ctx: &Context,
    from: &OrganisationId,
    batch: &CustodyBatch,
    encoded: &Bytes,
    body_digest: Digest,
) -> Result<(), CustodyError> {
    let body = &batch.body;
    let leaves_end = body.link.encode_size() + 8 + body.leaves.encode_size();
    let items: usize = body.items.iter().map(|item| item.encode_size()).sum();
    let mut at = leaves_end + body.items.encode_size() - items;
    let tx = ctx.store.write()?;
    for item in body.items.iter() {
        let (header, length) = (&item.package.header, item.encode_size());
        let version = header.version;
        if tx.get(&HELD_VERSIONS, version.as_bytes())?.is_some() {
            return Err(CustodyError::Malformed("a version of another batch"));
        }
        let row = HeldVersionRow {
            source: from.clone(),
            sequence: body.sequence,
            compartment: header.compartment,
            at: at as u64,
            length: u32::try_from(length).map_err(|_| CustodyError::Malformed("size"))?,
            leaf: item.leaf,
            item_digest: sha256(&encoded[at..at + length]),
        };
        tx.put(&HELD_VERSIONS, version.as_bytes(), &row)?;
        tx.put(
            &IN_COMPARTMENT,
            &key::in_compartment(&header.compartment, from, body.sequence, item.leaf),
            &version,
        )?;
        at += length;
    }
    let row = CustodyRow {
        body_digest,
        signature: batch.signature,
        root: merkle::root(&body.leaves),
        link: salus_types::Bounded::new(body.link.encode().to_vec()).map_err(|_| StoreError::Damaged)?,
        leaves_at: u32::try_from(leaves_end - 32 * body.leaves.len()).map_err(|_| StoreError::Damaged)?,
        leaves: u32::try_from(body.leaves.len()).map_err(|_| StoreError::Damaged)?,
    };
    tx.put(&CUSTODY, &key::batch(from, body.sequence), &row)?;
    Ok(tx.commit()?)
}

/// Keeps the first contradiction to each batch: two batches signed under one number show the source's fault.
fn keep_evidence(
    ctx: &Context,
    from: &OrganisationId,
    sequence: u64,
    digest: Digest,
    encoded: Bytes,
    runtime: &tokio::runtime::Handle,
) -> Result<(), CustodyError> {
    let at = key::batch(from, sequence);
    if ctx.store.read()?.get(&EVIDENCE, &at)?.is_none() {
        runtime.block_on(ctx.store.packs.put(&PackName::evidence(from, sequence), encoded))?;
        let tx = ctx.store.write()?;
        tx.put(&EVIDENCE, &at, &digest)?;
        tx.commit()?;
        tracing::error!(source = %from, sequence, "a source signed two batches under one number");
    }
    Err(CustodyError::Conflict)
}

fn check_record(
    ctx: &Context,
    source: &Organisation,
    record: &CompartmentRecord,
) -> Result<(), CustodyError> {
    let statement = &record.statement;
    if statement.source != source.id || statement.network != ctx.node.network {
        return Err(CustodyError::Address);
    }
    if !matches!(statement.wrapped.len(), 0 | WRAPPED_KEY_LENGTH)
        || (statement.epoch == 0) != statement.predecessor.is_none()
    {
        return Err(CustodyError::Malformed("compartment"));
    }
    let signed = source.node_key.verify(namespace::COMPARTMENT, &statement.encode(), &record.signature);
    signed.map_err(|_| CustodyError::Signature)
}

fn put_record(tx: &WriteTx, record: &CompartmentRecord) -> Result<(), CustodyError> {
    let statement = &record.statement;
    let id = statement.compartment;
    let known: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
    if let Some(known) = &known {
        let fixed = |s: &CompartmentStatement| (s.source.clone(), s.epoch, s.predecessor);
        if fixed(&known.statement) != fixed(statement) {
            return Err(CustodyError::Conflict);
        }
        if known.statement.revision >= statement.revision {
            let differs = known.statement.revision == statement.revision && known != record;
            return if differs { Err(CustodyError::Conflict) } else { Ok(()) };
        }
        if let Some(owner) = known.statement.owner.filter(|owner| Some(*owner) != statement.owner) {
            tx.remove(&OF_OWNER, &[owner.as_bytes(), id.as_bytes()].concat())?;
        }
    }
    if let Some(owner) = statement.owner {
        tx.put(&OF_OWNER, &[owner.as_bytes(), id.as_bytes()].concat(), &MARK)?;
    }
    if let Some(before) = statement.predecessor {
        let at = key::successor(&before, &statement.source);
        match tx.get(&SUCCESSORS, &at)? {
            Some(next) if next != id => return Err(CustodyError::Conflict),
            Some(_) => {}
            None => tx.put(&SUCCESSORS, &at, &id)?,
        }
    }
    Ok(tx.put(&RECORDS, id.as_bytes(), record)?)
}

/// The link under which a batch's shares are sealed.
pub(super) fn link_of(row: &CustodyRow) -> Result<salus_types::vault::OrganisationLink, StoreError> {
    decode_canonical(&row.link).map_err(|_| StoreError::Damaged)
}

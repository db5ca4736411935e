//! Destroying what a newer generation replaces, or what other custodians keep now.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | rows removed, packs condemned | one transaction | nothing of them is given out any more |
//! | packs deleted | the folder | deleted again, at the next request or start |
//! | receipt | `custody-destroyed` | signed and kept before it is given; asked again, it is the same |
//!
//! A contradiction that is kept as evidence is not destroyed at its author's word.

use super::erase::blank;
use super::{Custodian, newest_batch};
use crate::ledger::member;
use crate::node::{Context, blocking};
use crate::placement::trio;
use crate::source::EPOCHS_MAX;
use crate::store::tables::{
    BLANKED, CHECKED, CONDEMNED, CUSTODY, DAMAGED, DESTROYED, HELD_VERSIONS, IN_COMPARTMENT, MARK, OF_BATCH,
    RECORDS, key,
};
use crate::store::{PackName, Reads, StoreError, WriteTx};
use salus_types::vault::{CompartmentRecord, Destroyed};
use salus_types::{CompartmentId, OrganisationId, Signature, VersionId};
use std::collections::HashSet;
use std::sync::PoisonError;

/// Packs deleted between two commits.
const PACKS_PER_ROUND: usize = 64;

/// Removes the rows of one generation of a batch, and condemns its pack.
pub(super) fn remove(
    tx: &WriteTx,
    source: &OrganisationId,
    sequence: u64,
    generation: u32,
) -> Result<(), StoreError> {
    let batch = key::generation(source, sequence, generation);
    for (at, version) in tx.scan(&OF_BATCH, &batch, None, usize::MAX)? {
        let held = key::held_version(&version, generation);
        let row = tx.get(&HELD_VERSIONS, &held)?.ok_or(StoreError::Damaged)?;
        tx.remove(&HELD_VERSIONS, &held)?;
        if tx.scan(&HELD_VERSIONS, version.as_bytes(), None, 1)?.is_empty() {
            tx.remove(&IN_COMPARTMENT, &key::in_compartment(&row.compartment, source, sequence, row.leaf))?;
        }
        tx.remove(&OF_BATCH, &at)?;
    }
    tx.remove(&CUSTODY, &batch)?;
    tx.remove(&BLANKED, &batch)?;
    tx.remove(&CHECKED, &batch)?;
    tx.remove(&DAMAGED, &batch)?;
    tx.put(&CONDEMNED, &batch, &MARK)
}

/// Deletes condemned packs.
pub(super) fn bury(ctx: &Context, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
    loop {
        let condemned = ctx.store.read()?.scan(&CONDEMNED, &[], None, PACKS_PER_ROUND)?;
        if condemned.is_empty() {
            return Ok(());
        }
        for (at, _) in &condemned {
            let (batch, generation) = at.split_last_chunk::<4>().ok_or(StoreError::Damaged)?;
            let (source, sequence) = key::batch_parts(batch).ok_or(StoreError::Damaged)?;
            let name = PackName::custody(&source, sequence, u32::from_be_bytes(*generation));
            runtime.block_on(ctx.store.delete_pack(&name))?;
        }
        let tx = ctx.store.write()?;
        for (at, _) in &condemned {
            tx.remove(&CONDEMNED, at)?;
        }
        tx.commit()?;
    }
}

/// Destroys everything of a batch below a generation, and signs for it. A receipt that was given is given again.
pub(super) fn destroy(
    ctx: &Context,
    source: &OrganisationId,
    sequence: u64,
    generation: u32,
    runtime: &tokio::runtime::Handle,
) -> Result<Destroyed, StoreError> {
    let batch = key::batch(source, sequence);
    let known: Option<Destroyed> = ctx.store.read()?.get(&DESTROYED, &batch)?;
    if let Some(known) = known.filter(|known| known.generation >= generation) {
        // Signed anew, if with another node key before: only that of now is believed.
        return Ok(if known.is_by(&ctx.node.signing.public()) {
            known
        } else {
            known.signed(&ctx.node.signing)
        });
    }
    let tx = ctx.store.write()?;
    for old in below(&tx, source, sequence, generation)? {
        remove(&tx, source, sequence, old)?;
    }
    tx.commit()?;
    bury(ctx, runtime)?;
    let node = &ctx.node;
    let receipt = Destroyed {
        network: node.network,
        custodian: node.organisation.clone(),
        source: source.clone(),
        sequence,
        generation,
        time_ms: (ctx.clock)(),
        signature: Signature([0; 64]),
    }
    .signed(&node.signing);
    let tx = ctx.store.write()?;
    tx.put(&DESTROYED, &batch, &receipt)?;
    tx.commit()?;
    Ok(receipt)
}

/// The generations of a batch that are held below one.
fn below(
    tx: &impl Reads,
    source: &OrganisationId,
    sequence: u64,
    generation: u32,
) -> Result<Vec<u32>, StoreError> {
    let held = tx.scan(&CUSTODY, &key::batch(source, sequence), None, usize::MAX)?;
    let generations = held.iter().filter_map(|(at, _)| key::generation_at_end(at));
    Ok(generations.filter(|old| *old < generation).collect())
}

/// Whether this organisation, by its own ledger, is still to keep anything that it holds of a batch below a generation,
/// `but` for some versions. What is not known for certain is to be kept.
pub(super) fn is_due(
    ctx: &Context,
    tx: &impl Reads,
    (source, sequence, generation): (&OrganisationId, u64, u32),
    but: &HashSet<VersionId>,
) -> Result<bool, StoreError> {
    let own = &ctx.node.organisation;
    if member(&*ctx.ledger, own).is_none_or(|own| !own.custodian) {
        return Ok(false);
    }
    let custodians = crate::placement::custodians(&ctx.ledger.organisations());
    let mut seen = HashSet::new();
    for old in below(tx, source, sequence, generation)? {
        for (_, version) in tx.scan(&OF_BATCH, &key::generation(source, sequence, old), None, usize::MAX)? {
            let held =
                tx.get(&HELD_VERSIONS, &key::held_version(&version, old))?.ok_or(StoreError::Damaged)?;
            if but.contains(&version) || !seen.insert(held.compartment) {
                continue;
            }
            let first = first_of(tx, held.compartment)?;
            if first.is_none_or(|first| trio(&first, &custodians).is_ok_and(|three| three.contains(own))) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The first epoch of a compartment. Compartments of nobody enrolled have one epoch and no record. `None` if a record
/// between is missing.
fn first_of(tx: &impl Reads, mut id: CompartmentId) -> Result<Option<CompartmentId>, StoreError> {
    let mut expected = None;
    for _ in 0..EPOCHS_MAX {
        let record: Option<CompartmentRecord> = tx.get(&RECORDS, id.as_bytes())?;
        let Some(statement) = record.map(|record| record.statement) else {
            return Ok(Some(id).filter(|_| expected.is_none_or(|epoch| epoch == 0)));
        };
        if expected.is_some_and(|epoch| epoch != statement.epoch) {
            return Ok(None);
        }
        let Some(before) = statement.predecessor else { return Ok(Some(id)) };
        expected = statement.epoch.checked_sub(1);
        id = before;
    }
    Ok(None)
}

impl Custodian {
    /// Whether a batch's newest generation here is this one or a later one.
    pub(super) fn is_replaced(
        tx: &impl Reads,
        source: &OrganisationId,
        sequence: u64,
        generation: u32,
    ) -> Result<bool, StoreError> {
        Ok(newest_batch(tx, source, sequence)?.is_some_and(|(newest, _)| newest >= generation))
    }

    /// Deletes packs that no row names: a crash left them.
    pub(crate) async fn tidy(&self) -> Result<(), StoreError> {
        let packs = self.ctx.store.packs.custody().await?;
        let (ctx, accepting) = (self.ctx.clone(), self.accepting.clone());
        let runtime = tokio::runtime::Handle::current();
        blocking(move || {
            for (source, sequence, generation) in packs {
                // No batch may arrive between the look and the deletion.
                let _one = accepting.lock().unwrap_or_else(PoisonError::into_inner);
                let known =
                    ctx.store.read()?.get(&CUSTODY, &key::generation(&source, sequence, generation))?;
                if known.is_none() {
                    let name = PackName::custody(&source, sequence, generation);
                    runtime.block_on(ctx.store.delete_pack(&name))?;
                }
            }
            let _one = accepting.lock().unwrap_or_else(PoisonError::into_inner);
            bury(&ctx, &runtime)?;
            blank(&ctx, &runtime)
        })
        .await
    }
}

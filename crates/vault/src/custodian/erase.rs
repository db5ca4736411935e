//! Destroying single versions of a batch, upon an order that is on the ledger.
//!
//! | step | persisted | after a crash |
//! |---|---|---|
//! | rows removed, places to blank noted, versions marked as erased | one transaction, with the order's own row | nothing of them is given out any more |
//! | packs written anew, zeros in those places | the folder | written again, at the next order or start |
//!
//! A pack keeps its length, so every other place in it stays as it was. It is not what the source signed any more; what it
//! is instead is noted before, so that a check does not take it for damaged.

use super::evidence;
use crate::node::Context;
use crate::store::tables::{
    BLANKED, BLANKS, ERASED, HELD_VERSIONS, HeldVersionRow, IN_COMPARTMENT, OF_BATCH, key,
};
use crate::store::{PackName, Reads, StoreError, WriteTx};
use bytes::Bytes;
use salus_crypto::hash::sha256;
use salus_types::vault::ErasureNotice;
use salus_types::{OrganisationId, VersionId};
use std::ops::Range;

/// Removes the rows of the versions that a notice names, notes what is to be blanked, and lets none come again. How many
/// were held. A version of another source is not this one's to erase, whatever the notice says.
pub(crate) fn condemn(tx: &WriteTx, notice: &ErasureNotice) -> Result<u32, StoreError> {
    let mut held = 0;
    for version in notice.versions.iter() {
        let rows = tx.scan(&HELD_VERSIONS, version.as_bytes(), None, usize::MAX)?;
        if rows.iter().any(|(_, row)| row.source != notice.source) {
            continue;
        }
        for (at, row) in &rows {
            let generation = key::generation_at_end(at).ok_or(StoreError::Damaged)?;
            forget(tx, version, generation, row)?;
            tx.remove(&HELD_VERSIONS, at)?;
        }
        tx.put(&ERASED, &key::erased(&notice.source, version), &notice.erasure)?;
        held += u32::from(!rows.is_empty());
    }
    Ok(held)
}

fn forget(
    tx: &WriteTx,
    version: &VersionId,
    generation: u32,
    row: &HeldVersionRow,
) -> Result<(), StoreError> {
    let HeldVersionRow { source, sequence, compartment, at, length, leaf, .. } = row;
    tx.put(&BLANKS, &key::blank(source, *sequence, generation, *at), length)?;
    tx.remove(&OF_BATCH, &key::of_batch(source, *sequence, generation, *leaf))?;
    let place = key::in_compartment(compartment, source, *sequence, *leaf);
    if tx.get(&IN_COMPARTMENT, &place)?.as_ref() == Some(version) {
        tx.remove(&IN_COMPARTMENT, &place)?;
    }
    Ok(())
}

/// Whether a source has had this version erased.
pub(crate) fn is_erased(
    tx: &impl Reads,
    source: &OrganisationId,
    version: &VersionId,
) -> Result<bool, StoreError> {
    Ok(tx.get(&ERASED, &key::erased(source, version))?.is_some())
}

/// Zeros in these places, as far as they are there: a damaged pack may be shorter.
pub(super) fn blanked(bytes: &Bytes, places: impl IntoIterator<Item = Range<usize>>) -> Bytes {
    let mut places = places.into_iter().peekable();
    if places.peek().is_none() {
        return bytes.clone();
    }
    let mut blanked = bytes.to_vec();
    for place in places {
        let end = place.end.min(blanked.len());
        if let Some(there) = blanked.get_mut(place.start..end) {
            there.fill(0);
        }
    }
    blanked.into()
}

/// Blanks what is noted, pack by pack, and what is kept as evidence. A pack that is not there any more has nothing to blank.
pub(crate) fn blank(ctx: &Context, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
    loop {
        let first = ctx.store.read()?.scan(&BLANKS, &[], None, 1)?.pop();
        let Some((first, _)) = first else { return evidence::cut(ctx, runtime) };
        let (generation, _) = first.split_last_chunk::<8>().ok_or(StoreError::Damaged)?;
        let places = ctx.store.read()?.scan(&BLANKS, generation, None, usize::MAX)?;
        let name = pack_of(generation)?;
        match runtime.block_on(ctx.store.packs.get(&name)) {
            Ok(bytes) => {
                let places: Option<Vec<_>> = places.iter().map(|(at, length)| place(at, *length)).collect();
                let bytes = blanked(&bytes, places.ok_or(StoreError::Damaged)?);
                let tx = ctx.store.write()?;
                tx.put(&BLANKED, generation, &sha256(&bytes))?;
                tx.commit()?;
                runtime.block_on(ctx.store.packs.put(&name, bytes))?;
            }
            Err(error) if error.is_missing_pack() => {}
            Err(error) => return Err(error),
        }
        let tx = ctx.store.write()?;
        for (at, _) in &places {
            tx.remove(&BLANKS, at)?;
        }
        tx.commit()?;
    }
}

fn pack_of(generation: &[u8]) -> Result<PackName, StoreError> {
    let (batch, generation) = generation.split_last_chunk::<4>().ok_or(StoreError::Damaged)?;
    let (source, sequence) = key::batch_parts(batch).ok_or(StoreError::Damaged)?;
    Ok(PackName::custody(&source, sequence, u32::from_be_bytes(*generation)))
}

fn place(at: &[u8], length: u32) -> Option<Range<usize>> {
    let at = usize::try_from(u64::from_be_bytes(*at.last_chunk()?)).ok()?;
    Some(at..at.checked_add(length as usize)?)
}

//! Batches that are kept because they contradict another under the same number, and what becomes of them when something in
//! them is erased: then nothing is kept but their frame, which is number, generation, leaves and signature.
//!
//! The signature is over the whole, so from then on the frame is this custodian's word alone. What somebody had a right to
//! have erased counts for more than a proof against an organisation that another custodian may hold as well.

use super::erase::is_erased;
use crate::node::Context;
use crate::store::tables::{ERASED, EVIDENCE, key};
use crate::store::{PackName, Reads, StoreError};
use bytes::Bytes;
use commonware_codec::Encode as _;
use salus_crypto::Digest;
use salus_crypto::hash::sha256;
use salus_types::vault::CustodyBatch;
use salus_types::{Bounded, OrganisationId, Signature, decode_canonical};

/// What is kept of a batch that contradicts another, and its digest; all of it, unless something in it was erased.
pub(super) fn kept(
    tx: &impl Reads,
    source: &OrganisationId,
    batch: &CustodyBatch,
) -> Result<(Bytes, Digest), StoreError> {
    let mut kept = batch.clone();
    for item in batch.body.items.iter() {
        if is_erased(tx, source, &item.package.header.version)? {
            kept.body.items = Bounded::default();
            break;
        }
    }
    let encoded = kept.encode();
    let digest = sha256(&encoded[..encoded.len() - Signature::LEN]);
    Ok((encoded, digest))
}

/// Cuts to its frame whatever holds a version that was erased. Repeated, it finds nothing.
pub(super) fn cut(ctx: &Context, runtime: &tokio::runtime::Handle) -> Result<(), StoreError> {
    for (at, known) in ctx.store.read()?.scan(&EVIDENCE, &[], None, usize::MAX)? {
        let (source, sequence, generation) = key::generation_parts(&at).ok_or(StoreError::Damaged)?;
        if ctx.store.read()?.scan(&ERASED, &key::erased_of(&source), None, 1)?.is_empty() {
            continue;
        }
        let name = PackName::evidence(&source, sequence, generation);
        let bytes = match runtime.block_on(ctx.store.packs.get(&name)) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing_pack() => continue,
            Err(error) => return Err(error),
        };
        // A damaged one opens nowhere, and nobody knows what is in it: it goes.
        let batch = decode_canonical::<CustodyBatch>(&bytes).ok();
        let cut = batch.map(|batch| kept(&ctx.store.read()?, &source, &batch)).transpose()?;
        let Some((cut, digest)) = cut else {
            runtime.block_on(ctx.store.delete_pack(&name))?;
            continue;
        };
        if cut == bytes {
            continue;
        }
        if digest != known {
            let tx = ctx.store.write()?;
            tx.put(&EVIDENCE, &at, &digest)?;
            tx.commit()?;
        }
        runtime.block_on(ctx.store.packs.put(&name, cut))?;
    }
    Ok(())
}

//! Taking batches from sources. Everything is checked, then durable, then acknowledged.
//!
//! A source makes the shares of a batch anew when other custodians are to have it: a higher *generation* under the same
//! number, with the same leaves and packages, and with every version that this custodian is to keep. It takes the place
//! of what was here, but for the generation that it names as its base, which stays until the source has it destroyed:
//! while some custodians have the new one and some the old, both are given out, or there would be moments at which no two
//! shares of one generation could be had. A lower generation is refused; a second, different batch under one number and
//! generation, or with other leaves, is the source's fault and kept as evidence.
//!
//! Of versions that were erased nothing is kept, whatever a batch brings: a source that was on its way with them when it
//! ordered is not held up, and what an old backup brings back is lost again.

use super::Custodian;
use super::destroy::{bury, is_due, remove};
use super::erase::{blanked, is_erased};
use super::evidence;
use crate::ledger::member;
use crate::node::{Context, blocking};
use crate::sharing::is_of;
use crate::store::tables::{
    BLANKED, CUSTODY, CustodyRow, DAMAGED, DESTROYED, EVIDENCE, HELD_VERSIONS, HeldVersionRow,
    IN_COMPARTMENT, OF_BATCH, key,
};
use crate::store::{PackName, Reads, Sealed, StoreError, WriteTx};
use crate::suite::Suite;
use crate::wrap::{open_share, receive_organisation_link};
use bytes::Bytes;
use commonware_codec::{Encode as _, EncodeSize as _};
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::{Secret32, merkle};
use salus_types::organisation::Organisation;
use salus_types::vault::{CustodyBatch, CustodyItem, batch_size, package_digest};
use salus_types::{OrganisationId, namespace};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::PoisonError;

const LINK_KEY: &[u8] = b"custody-link";

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
    /// A newer generation is here, or was and is destroyed.
    #[error("a newer generation of this batch was taken before")]
    Superseded,
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
}

/// The sender, if it is a source and this organisation a custodian.
pub(super) fn source(ctx: &Context, from: &OrganisationId) -> Result<Organisation, CustodyError> {
    let own = member(&*ctx.ledger, &ctx.node.organisation);
    if own.is_none_or(|own| !own.custodian) {
        return Err(CustodyError::NotACustodian);
    }
    let source = member(&*ctx.ledger, from).filter(|source| source.class.keeps_records());
    source.ok_or(CustodyError::NotASource)
}

/// A batch, checked, and where it comes from.
struct Arrival<'a> {
    ctx: &'a Context,
    from: &'a OrganisationId,
    batch: &'a CustodyBatch,
    encoded: Bytes,
    body_digest: Digest,
    root: Digest,
}

fn accept(
    ctx: &Context,
    from: &OrganisationId,
    batch: &CustodyBatch,
    runtime: &tokio::runtime::Handle,
) -> Result<(), CustodyError> {
    let source = source(ctx, from)?;
    let body = &batch.body;
    let link = &body.link;
    if link.from != *from || link.to != ctx.node.organisation || link.network != ctx.node.network {
        return Err(CustodyError::Address);
    }
    let encoded = batch.encode();
    let body_digest = sha256(&encoded[..encoded.len() - salus_types::Signature::LEN]);
    let signed = source.node_key.verify(namespace::CUSTODY_BATCH, body_digest.as_ref(), &batch.signature);
    signed.map_err(|_| CustodyError::Signature)?;
    check_shape(batch)?;
    let root = merkle::root(&body.leaves);
    let arrival = Arrival { ctx, from, batch, encoded, body_digest, root };
    match arrival.compare()? {
        Known::Same => return arrival.mend(runtime),
        Known::Contradicted => return arrival.keep_evidence(runtime),
        Known::Newer => return Err(CustodyError::Superseded),
        Known::No => {}
    }
    arrival.check_versions()?;
    let link_key = seal_link_key(ctx, batch, &link_key(ctx, batch)?);
    let name = PackName::custody(from, body.sequence, body.generation);
    let places = arrival.places()?;
    let pack = arrival.pack(&places);
    runtime.block_on(ctx.store.packs.put(&name, pack.clone()))?;
    arrival.index(link_key, &places, &pack)?;
    Ok(bury(ctx, runtime)?)
}

fn check_shape(batch: &CustodyBatch) -> Result<(), CustodyError> {
    let body = &batch.body;
    if !(0..=3).any(|class| batch_size(class) == Some(body.leaves.len())) {
        return Err(CustodyError::Malformed("number of leaves"));
    }
    if body.base > body.generation.saturating_sub(1) {
        return Err(CustodyError::Malformed("base"));
    }
    if !body.items.windows(2).all(|pair| pair[0].leaf < pair[1].leaf)
        || body.items.last().is_some_and(|item| item.leaf as usize >= body.leaves.len())
    {
        return Err(CustodyError::Malformed("place in the batch"));
    }
    let mut seen = HashSet::new();
    for item in body.items.iter() {
        if Suite::of(item.package.header.suite).is_none() {
            return Err(CustodyError::Malformed("unknown suite"));
        }
        if !is_of(item.share_index, body.generation) {
            return Err(CustodyError::Malformed("share index"));
        }
        if !seen.insert(item.package.header.version) {
            return Err(CustodyError::Malformed("a version twice"));
        }
    }
    Ok(())
}

/// Where an item lies in its pack.
struct Place {
    at: Range<usize>,
    /// Whether its version was erased.
    erased: bool,
}

/// What is known of a batch that arrives.
enum Known {
    No,
    Same,
    Newer,
    Contradicted,
}

impl Arrival<'_> {
    /// Compares with what was taken and destroyed under the number.
    fn compare(&self) -> Result<Known, StoreError> {
        let body = &self.batch.body;
        let tx = self.ctx.store.read()?;
        let batch = key::batch(self.from, body.sequence);
        let held = tx.scan(&CUSTODY, &batch, None, usize::MAX)?;
        let same = key::generation(self.from, body.sequence, body.generation);
        if let Some((_, known)) = held.iter().find(|(at, _)| *at == same) {
            let same = known.body_digest == self.body_digest;
            return Ok(if same { Known::Same } else { Known::Contradicted });
        }
        if held.iter().any(|(_, known)| known.root != self.root) {
            return Ok(Known::Contradicted);
        }
        let destroyed =
            tx.get(&DESTROYED, &batch)?.is_some_and(|receipt| receipt.generation > body.generation);
        let newer = destroyed || held.iter().any(|(at, _)| *at > same);
        Ok(if newer { Known::Newer } else { Known::No })
    }

    /// A version lies in one batch alone, at one place, in one package; and a newer generation leaves out none that is to
    /// be kept here, so that a source cannot have destroyed, as if replaced, what it has anchored.
    fn check_versions(&self) -> Result<(), CustodyError> {
        let (tx, body) = (self.ctx.store.read()?, &self.batch.body);
        let mut brought = HashSet::new();
        for item in body.items.iter() {
            let header = &item.package.header;
            brought.insert(header.version);
            for (_, held) in tx.scan(&HELD_VERSIONS, header.version.as_bytes(), None, usize::MAX)? {
                let same = held.source == *self.from
                    && held.sequence == body.sequence
                    && (held.leaf, held.compartment) == (item.leaf, header.compartment);
                if !same {
                    return Err(CustodyError::Malformed("a version of another batch"));
                }
                if held.package != digest_of(item) {
                    return Err(CustodyError::Malformed("another package than before"));
                }
            }
        }
        match is_due(self.ctx, &tx, (self.from, body.sequence, body.generation), &brought)? {
            true => Err(CustodyError::Malformed("a version that is to be kept here is left out")),
            false => Ok(()),
        }
    }

    /// Where the leaves end, before the items.
    fn leaves_end(&self) -> usize {
        let body = &self.batch.body;
        body.link.encode_size() + 16 + body.leaves.encode_size()
    }

    /// Where the items lie, in order.
    fn places(&self) -> Result<Vec<Place>, StoreError> {
        let (tx, body) = (self.ctx.store.read()?, &self.batch.body);
        let items: usize = body.items.iter().map(|item| item.encode_size()).sum();
        let mut from = self.leaves_end() + body.items.encode_size() - items;
        let mut places = Vec::with_capacity(body.items.len());
        for item in body.items.iter() {
            let at = from..from + item.encode_size();
            from = at.end;
            places.push(Place { at, erased: is_erased(&tx, self.from, &item.package.header.version)? });
        }
        Ok(places)
    }

    /// What is kept of it: zeros where a version was erased.
    fn pack(&self, places: &[Place]) -> Bytes {
        let erased = places.iter().filter(|place| place.erased).map(|place| place.at.clone());
        blanked(&self.encoded, erased)
    }

    /// Notes what the pack is, if it is not what the source signed.
    fn note_pack(&self, tx: &WriteTx, at: &[u8], pack: &Bytes) -> Result<(), StoreError> {
        match *pack == self.encoded {
            true => tx.remove(&BLANKED, at).map(drop),
            false => tx.put(&BLANKED, at, &sha256(pack)),
        }
    }

    /// What is here already is written again if its pack is known to be damaged.
    fn mend(&self, runtime: &tokio::runtime::Handle) -> Result<(), CustodyError> {
        let (store, body) = (&self.ctx.store, &self.batch.body);
        let at = key::generation(self.from, body.sequence, body.generation);
        if store.read()?.get(&DAMAGED, &at)?.is_some() {
            let name = PackName::custody(self.from, body.sequence, body.generation);
            let pack = self.pack(&self.places()?);
            runtime.block_on(store.packs.put(&name, pack.clone()))?;
            let tx = store.write()?;
            tx.remove(&DAMAGED, &at)?;
            self.note_pack(&tx, &at, &pack)?;
            tx.commit()?;
        }
        Ok(())
    }

    /// Puts the rows, and removes those of generations that this one replaces, in one transaction.
    fn index(&self, link_key: Sealed, places: &[Place], pack: &Bytes) -> Result<(), StoreError> {
        let body = &self.batch.body;
        let (sequence, generation) = (body.sequence, body.generation);
        let tx = self.ctx.store.write()?;
        let leaves_end = self.leaves_end();
        for (item, place) in body.items.iter().zip(places).filter(|(_, place)| !place.erased) {
            let (header, row) = (&item.package.header, self.row(item, &place.at)?);
            tx.put(&HELD_VERSIONS, &key::held_version(&header.version, generation), &row)?;
            let place = key::in_compartment(&header.compartment, self.from, sequence, item.leaf);
            tx.put(&IN_COMPARTMENT, &place, &header.version)?;
            tx.put(&OF_BATCH, &key::of_batch(self.from, sequence, generation, item.leaf), &header.version)?;
        }
        let damaged = |_| StoreError::Damaged;
        let row = CustodyRow {
            body_digest: self.body_digest,
            signature: self.batch.signature,
            root: self.root,
            link_key,
            leaves_at: u32::try_from(leaves_end - 32 * body.leaves.len()).map_err(damaged)?,
            leaves: u32::try_from(body.leaves.len()).map_err(damaged)?,
        };
        for (at, _) in tx.scan(&CUSTODY, &key::batch(self.from, sequence), None, usize::MAX)? {
            let old = key::generation_at_end(&at).ok_or(StoreError::Damaged)?;
            if old != body.base {
                remove(&tx, self.from, sequence, old)?;
            }
        }
        let at = key::generation(self.from, sequence, generation);
        tx.put(&CUSTODY, &at, &row)?;
        self.note_pack(&tx, &at, pack)?;
        tx.commit()
    }

    fn row(&self, item: &CustodyItem, at: &Range<usize>) -> Result<HeldVersionRow, StoreError> {
        Ok(HeldVersionRow {
            source: self.from.clone(),
            sequence: self.batch.body.sequence,
            compartment: item.package.header.compartment,
            at: at.start as u64,
            length: u32::try_from(at.len()).map_err(|_| StoreError::Damaged)?,
            leaf: item.leaf,
            package: digest_of(item),
            item_digest: sha256(&self.encoded[at.clone()]),
        })
    }

    /// Keeps the first contradiction to each generation of a batch: two batches signed under one number show the
    /// source's fault.
    fn keep_evidence(&self, runtime: &tokio::runtime::Handle) -> Result<(), CustodyError> {
        let (store, body, from) = (&self.ctx.store, &self.batch.body, self.from);
        let (sequence, generation) = (body.sequence, body.generation);
        let at = key::generation(from, sequence, generation);
        if store.read()?.get(&EVIDENCE, &at)?.is_none() {
            let name = PackName::evidence(from, sequence, generation);
            let (kept, digest) = evidence::kept(&store.read()?, from, self.batch)?;
            runtime.block_on(store.packs.put(&name, kept))?;
            let tx = store.write()?;
            tx.put(&EVIDENCE, &at, &digest)?;
            tx.commit()?;
            tracing::error!(source = %from, sequence, generation, "a source signed two batches under one number");
        }
        Err(CustodyError::Conflict)
    }
}

fn digest_of(item: &CustodyItem) -> Digest {
    package_digest(&item.package.header, &sha256(&*item.package.ciphertext))
}

/// The key of the link under which a batch's shares are sealed. It is kept with the batch, so that this organisation
/// may change its X-Wing key without touching what it keeps.
fn link_key(ctx: &Context, batch: &CustodyBatch) -> Result<Secret32, CustodyError> {
    let body = &batch.body;
    let opens = |key: &Secret32| {
        let Some(item) = body.items.first() else { return true };
        open_share(key, &item.package.header.version, item.share_index, &item.sealed_share).is_ok()
    };
    let mut received = ctx.node.kems().filter_map(|kem| receive_organisation_link(kem, &body.link).ok());
    received.find(opens).ok_or(CustodyError::Malformed("shares that this organisation cannot open"))
}

fn seal_link_key(ctx: &Context, batch: &CustodyBatch, key: &Secret32) -> Sealed {
    let body = &batch.body;
    let at = key::generation(&body.link.from, body.sequence, body.generation);
    ctx.store.seal_secret(LINK_KEY, &at, key.expose())
}

/// The link key of a batch in custody.
pub(super) fn open_link_key(
    ctx: &Context,
    (source, sequence, generation): (&OrganisationId, u64, u32),
    row: &CustodyRow,
) -> Result<Secret32, StoreError> {
    let at = key::generation(source, sequence, generation);
    ctx.store.open_key(LINK_KEY, &at, &row.link_key)
}

//! A batch on its way to its custodians: packages, and shares sealed to each.

use super::{Source, SourceError};
use crate::codec::record;
use crate::node::blocking;
use crate::placement::Trio;
use crate::sharing::{SHARES_NEEDED, Shares, coordinate};
use crate::store::tables::Leaves;
use crate::store::{PackName, StoreError};
use crate::wrap::seal_share;
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_crypto::hash::sha256;
use salus_types::vault::{CustodyBatch, CustodyBatchBody, CustodyItem, OrganisationLink, SealedPackage};
use salus_types::{Bounded, Digest, OrganisationId, decode_canonical, namespace};

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
        generation: u32,
        base: u32,
        links: Bounded<OrganisationLink, 256>,
        leaves: Leaves,
        items: Bounded<OutgoingItem, 4_096>,
    }
}

/// What is packed: the custodians, each with its link, and the items.
#[derive(Default)]
pub(super) struct Packing {
    pub(super) custodians: Vec<OrganisationId>,
    links: Vec<OrganisationLink>,
    keys: Vec<Secret32>,
    pub(super) items: Vec<OutgoingItem>,
}

impl Packing {
    /// Adds a version for its three custodians; `link` gives a link to a custodian that has none here yet.
    pub(super) fn add(
        &mut self,
        leaf: u32,
        package: SealedPackage,
        shares: &Shares,
        trio: &Trio,
        mut link: impl FnMut(&OrganisationId) -> Result<(OrganisationLink, Secret32), SourceError>,
    ) -> Result<(), SourceError> {
        let version = package.header.version;
        let (mut holders, mut sealed) = ([0; 3], [[0; 48]; 3]);
        for ((custodian, share), at) in trio.iter().zip(&shares.shares).zip(0..) {
            let holder = match self.custodians.iter().position(|known| known == custodian) {
                Some(holder) => holder,
                None => {
                    let (link, key) = link(custodian)?;
                    self.custodians.push(custodian.clone());
                    self.links.push(link);
                    self.keys.push(key);
                    self.custodians.len() - 1
                }
            };
            holders[at] = u8::try_from(holder).map_err(|_| StoreError::Damaged)?;
            sealed[at] = seal_share(&self.keys[holder], &version, share);
        }
        let share_commitments = shares.commitments;
        self.items.push(OutgoingItem { leaf, package, share_commitments, holders, shares: sealed });
        Ok(())
    }

    /// The pack, and who is to have parts of it.
    pub(super) fn close(
        self,
        generation: u32,
        base: u32,
        leaves: Leaves,
    ) -> Result<(OutgoingPack, Vec<OrganisationId>), StoreError> {
        let pack = OutgoingPack {
            generation,
            base,
            links: bounded(self.links)?,
            leaves,
            items: bounded(self.items)?,
        };
        Ok((pack, self.custodians))
    }
}

impl OutgoingPack {
    /// Whether two custodians of every version have it.
    pub(super) fn in_custody(&self, acked: &[bool]) -> bool {
        self.items.iter().all(|item| {
            let has = |holder: &&u8| acked.get(usize::from(**holder)).copied().unwrap_or(false);
            item.holders.iter().filter(has).count() >= usize::from(SHARES_NEEDED)
        })
    }

    /// Whether every holder is one of this many.
    pub(super) fn fits(&self, custodians: usize) -> bool {
        let known = |holder: &u8| usize::from(*holder) < custodians;
        self.links.len() == custodians && self.items.iter().all(|item| item.holders.iter().all(known))
    }
}

impl Source {
    /// A pack on its way, if it is as it was written: whatever a disk made of it is not signed and sent.
    pub(super) async fn load_pack(
        &self,
        name: &PackName,
        digest: Digest,
    ) -> Result<OutgoingPack, StoreError> {
        let bytes = self.ctx.store.packs.get(name).await?;
        blocking(move || {
            let pack = decode_canonical(&bytes).ok().filter(|_| sha256(&bytes) == digest);
            pack.ok_or(StoreError::Damaged)
        })
        .await
    }
}

/// Marks of who has acknowledged, as they are kept.
pub(super) fn marks(acked: &[bool]) -> Bounded<u8, 256> {
    Bounded::new(acked.iter().map(|acked| u8::from(*acked)).collect()).unwrap_or_default()
}

impl Source {
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
                share_index: coordinate(pack.generation, at),
                share_commitments: item.share_commitments,
                sealed_share: item.shares[at],
            })
        });
        let body = CustodyBatchBody {
            link: pack.links.get(usize::from(custodian)).ok_or(StoreError::Damaged)?.clone(),
            sequence,
            generation: pack.generation,
            base: pack.base,
            leaves: pack.leaves.clone(),
            items: bounded(items.collect())?,
        };
        let digest = sha256(body.encode());
        let signature = self.ctx.node.signing.sign(namespace::CUSTODY_BATCH, digest.as_ref());
        Ok(CustodyBatch { body, signature })
    }
}

/// A list that is known to be short enough.
pub(super) fn bounded<T, const MAX: usize>(items: Vec<T>) -> Result<Bounded<T, MAX>, StoreError> {
    Bounded::new(items).map_err(|_| StoreError::Damaged)
}

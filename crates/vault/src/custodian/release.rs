//! Handing out what the decision allows: shares sealed to who asks, and packages with the paths of their leaves.

use super::accept::open_link_key;
use super::decide::Allowed;
use super::{Custodian, ReleaseError};
use crate::envelope::seal_envelope;
use crate::node::{Context, blocking};
use crate::sharing::place_of;
use crate::store::tables::{CUSTODY, CustodyRow, HELD_VERSIONS, HeldVersionRow, key};
use crate::store::{PackName, Reads, StoreError};
use crate::wrap::open_share;
use bytes::Bytes;
use commonware_codec::Encode as _;
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::merkle::Tree;
use salus_crypto::{Secret32, merkle};
use salus_types::vault::{CustodyItem, Release, ReleasedShare, ReleasedVersion, SHARES_PER_RELEASE_MAX};
use salus_types::{Bounded, OrganisationId, VersionId, decode_canonical, label};
use std::collections::BTreeMap;
use zeroize::{Zeroize as _, Zeroizing};

/// Most bytes of packages in one answer; the rest comes with the next request.
pub(super) const RELEASE_BYTES_MAX: usize = 32 * 1024 * 1024;

type Places = BTreeMap<(OrganisationId, u64, u32), (CustodyRow, Vec<Wanted>)>;

/// A version in one generation.
struct Wanted {
    /// Its place in the request.
    place: usize,
    row: HeldVersionRow,
    /// Whether it is the newest generation here, whose package is given.
    newest: bool,
}

/// A batch's versions as read from its pack.
struct Opened {
    place: usize,
    share: ReleasedShare,
    version: Option<ReleasedVersion>,
}

impl Custodian {
    /// Releases what `allowed` says, shares sealed to `kem_key`: of all generations that are kept, or of one. An entry of
    /// the store that is damaged, or was destroyed meanwhile, is left out.
    pub(super) async fn hand_out(
        &self,
        allowed: Allowed,
        generation: Option<u32>,
        kem_key: &[u8],
    ) -> Result<Release, ReleaseError> {
        let ctx = self.ctx.clone();
        let wanted = allowed.versions().to_vec();
        let places = blocking(move || locate(&ctx, &wanted, generation)).await?;
        let mut opened = Vec::new();
        let mut bytes = 0;
        for ((source, sequence, generation), (batch, versions)) in places {
            let link_key = open_link_key(&self.ctx, (&source, sequence, generation), &batch)?;
            let name = PackName::custody(&source, sequence, generation);
            let parts = match self.read(&name, &batch, &versions).await {
                Err(error) if error.is_missing_pack() => {
                    tracing::warn!(%source, sequence, generation, "a pack in custody is not there");
                    continue;
                }
                parts => parts?,
            };
            let packages = allowed.packages() && bytes <= RELEASE_BYTES_MAX;
            let read = versions.iter().zip(parts.iter().skip(1)).filter(|(wanted, _)| wanted.newest);
            bytes += read.map(|(_, part)| part.len()).sum::<usize>();
            let open = move || open_batch(&source, sequence, &versions, &parts, &link_key, packages);
            opened.extend(blocking(open).await?);
        }
        opened.sort_by_key(|opened| opened.place);
        let (ctx, kem_key) = (self.ctx.clone(), kem_key.to_vec());
        Ok(blocking(move || seal(&ctx, opened, &kem_key)).await?)
    }

    async fn read(
        &self,
        name: &PackName,
        batch: &CustodyRow,
        versions: &[Wanted],
    ) -> Result<Vec<Bytes>, StoreError> {
        let leaves_at = u64::from(batch.leaves_at);
        let leaves = std::iter::once(leaves_at..leaves_at + 32 * u64::from(batch.leaves));
        let mut ranges: Vec<_> = leaves.collect();
        ranges.extend(
            versions.iter().map(|wanted| wanted.row.at..wanted.row.at + u64::from(wanted.row.length)),
        );
        self.ctx.store.packs.ranges(name, &ranges).await
    }
}

/// Groups versions by the batch and generation in which they lie.
fn locate(ctx: &Context, versions: &[VersionId], only: Option<u32>) -> Result<Places, StoreError> {
    let tx = ctx.store.read()?;
    let mut places = Places::new();
    for (place, version) in versions.iter().enumerate() {
        let held = tx.scan(&HELD_VERSIONS, version.as_bytes(), None, usize::MAX)?;
        let newest = held.last().map(|(at, _)| at.clone());
        for (at, row) in held {
            let generation = key::generation_at_end(&at).ok_or(StoreError::Damaged)?;
            if only.is_some_and(|only| only != generation) {
                continue;
            }
            let batch = (row.source.clone(), row.sequence, generation);
            let newest = newest.as_ref() == Some(&at) || only.is_some();
            if !places.contains_key(&batch) {
                let at = key::generation(&batch.0, batch.1, batch.2);
                let row = tx.get(&CUSTODY, &at)?.ok_or(StoreError::Damaged)?;
                places.insert(batch.clone(), (row, Vec::new()));
            }
            if let Some((_, versions)) = places.get_mut(&batch) {
                versions.push(Wanted { place, row, newest });
            }
        }
    }
    Ok(places)
}

fn open_batch(
    source: &OrganisationId,
    sequence: u64,
    versions: &[Wanted],
    parts: &[Bytes],
    link_key: &Secret32,
    packages: bool,
) -> Result<Vec<Opened>, StoreError> {
    let [leaves, items @ ..] = parts else { return Err(StoreError::Damaged) };
    let leaves: Vec<Digest> = leaves.chunks_exact(32).map(merkle::leaf_hash).collect();
    let tree = packages.then(|| Tree::new(leaves));
    let mut opened = Vec::with_capacity(versions.len());
    for (Wanted { place, row, newest }, bytes) in versions.iter().zip(items) {
        let tree = tree.as_ref().filter(|_| *newest);
        match open_item(source, sequence, row, bytes, link_key, tree) {
            Ok((share, version)) => opened.push(Opened { place: *place, share, version }),
            Err(_) => tracing::error!(%source, sequence, leaf = row.leaf, "a package in custody is damaged"),
        }
    }
    Ok(opened)
}

fn open_item(
    source: &OrganisationId,
    sequence: u64,
    row: &HeldVersionRow,
    bytes: &Bytes,
    link_key: &Secret32,
    tree: Option<&Tree>,
) -> Result<(ReleasedShare, Option<ReleasedVersion>), StoreError> {
    if sha256(bytes) != row.item_digest {
        return Err(StoreError::Damaged);
    }
    let item: CustodyItem = decode_canonical(bytes).map_err(|_| StoreError::Damaged)?;
    let version = item.package.header.version;
    let share = open_share(link_key, &version, item.share_index, &item.sealed_share)
        .map_err(|_| StoreError::Damaged)?;
    if !share.matches(&item.share_commitments[place_of(share.index)], version.as_bytes()) {
        return Err(StoreError::Damaged);
    }
    let released = match tree {
        Some(tree) => Some(ReleasedVersion {
            package: item.package,
            source: source.clone(),
            sequence,
            path: tree.prove(row.leaf.into()).ok_or(StoreError::Damaged)?,
        }),
        None => None,
    };
    Ok((ReleasedShare { version, index: share.index, value: share.value }, released))
}

fn seal(ctx: &Context, opened: Vec<Opened>, kem_key: &[u8]) -> Result<Release, StoreError> {
    let mut shares = Vec::with_capacity(opened.len());
    let mut versions = Vec::new();
    for opened in opened {
        shares.push(opened.share);
        versions.extend(opened.version);
    }
    let mut shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX> =
        shares.try_into().map_err(|_| StoreError::Damaged)?;
    let plain = Zeroizing::new(shares.encode().to_vec());
    let mut owned = std::mem::take(&mut shares).into_inner();
    owned.iter_mut().for_each(|share| share.value.zeroize());
    let node = &ctx.node;
    let shares = seal_envelope(&node.signing, kem_key, label::HPKE_RELEASE, &node.network, &plain)
        .map_err(|_| StoreError::Damaged)?;
    Ok(Release { shares, versions: versions.try_into().map_err(|_| StoreError::Damaged)? })
}

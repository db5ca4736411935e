//! Handing out what the decision allows: shares sealed to who asks, and packages with the paths of their leaves.
//!
//! What is read from a pack is checked before it is given: the item against its row's digest, the share against its
//! commitment, the leaves against the batch's root. What is not whole is left out, and the whole pack is looked at.

use super::accept::open_link_key;
use super::check::state_for;
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
use salus_types::vault::{
    CustodyItem, GivenBack, Release, ReleasedShare, ReleasedVersion, SHARES_PER_RELEASE_MAX,
    SourceRequestBody,
};
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

/// A version as read from its pack.
struct Opened {
    place: usize,
    share: ReleasedShare,
    version: Option<ReleasedVersion>,
}

/// Shares and packages that may leave.
pub(super) struct HandedOut {
    shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX>,
    versions: Vec<ReleasedVersion>,
}

impl Drop for HandedOut {
    fn drop(&mut self) {
        let mut shares = std::mem::take(&mut self.shares).into_inner();
        shares.iter_mut().for_each(|share| share.value.zeroize());
    }
}

impl Custodian {
    /// Releases what `allowed` says, of all generations that are kept, sealed to `kem_key`.
    pub(super) async fn release(&self, allowed: Allowed, kem_key: &[u8]) -> Result<Release, ReleaseError> {
        let out = self.hand_out(allowed, None).await?;
        let (ctx, kem_key) = (self.ctx.clone(), kem_key.to_vec());
        Ok(blocking(move || {
            let plain = Zeroizing::new(out.shares.encode().to_vec());
            seal(&ctx, out, label::HPKE_RELEASE, &kem_key, &plain)
        })
        .await?)
    }

    /// Gives a source back what `allowed` says of the generation that it asks for, bound to its request.
    pub(super) async fn release_to_source(
        &self,
        allowed: Allowed,
        request: &SourceRequestBody,
        kem_key: &[u8],
    ) -> Result<Release, ReleaseError> {
        let mut out = self.hand_out(allowed, Some(request.generation)).await?;
        let (ctx, kem_key) = (self.ctx.clone(), kem_key.to_vec());
        let (source, sequence, nonce) = (request.source.clone(), request.sequence, request.nonce);
        Ok(blocking(move || {
            let (newest, damaged) = state_for(&ctx.store.read()?, &source, sequence)?;
            let damaged = Bounded::new(damaged).map_err(|_| StoreError::Damaged)?;
            let mut given = GivenBack { nonce, newest, damaged, shares: std::mem::take(&mut out.shares) };
            let plain = Zeroizing::new(given.encode().to_vec());
            out.shares = std::mem::take(&mut given.shares);
            seal(&ctx, out, label::HPKE_GIVE_BACK, &kem_key, &plain)
        })
        .await?)
    }

    /// Reads and opens what `allowed` says: of all generations that are kept, or of one. What is damaged, or was destroyed
    /// meanwhile, is left out.
    async fn hand_out(&self, allowed: Allowed, generation: Option<u32>) -> Result<HandedOut, ReleaseError> {
        let ctx = self.ctx.clone();
        let wanted = allowed.versions().to_vec();
        let places = blocking(move || locate(&ctx, &wanted, generation)).await?;
        let mut opened = Vec::new();
        let mut bytes = 0;
        for ((source, sequence, generation), (batch, versions)) in places {
            let link_key = open_link_key(&self.ctx, (&source, sequence, generation), &batch)?;
            let at = key::generation(&source, sequence, generation);
            let name = PackName::custody(&source, sequence, generation);
            let Ok(parts) = self.read(&name, &batch, &versions).await else {
                self.check(&at).await?;
                continue;
            };
            let packages = allowed.packages() && bytes <= RELEASE_BYTES_MAX;
            let read = versions.iter().zip(parts.iter().skip(1)).filter(|(wanted, _)| wanted.newest);
            bytes += read.map(|(_, part)| part.len()).sum::<usize>();
            let wanted = versions.len();
            let open = move || open_batch(&source, &batch, sequence, &versions, &parts, &link_key, packages);
            let whole = blocking(open).await?;
            if whole.len() < wanted {
                self.check(&at).await?;
            }
            opened.extend(whole);
        }
        opened.sort_by_key(|opened| opened.place);
        let (mut shares, mut versions) = (Vec::with_capacity(opened.len()), Vec::new());
        for opened in opened {
            shares.push(opened.share);
            versions.extend(opened.version);
        }
        Ok(HandedOut { shares: shares.try_into().map_err(|_| StoreError::Damaged)?, versions })
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

/// What is whole of the versions wanted from one batch; nothing of a batch whose leaves are not.
fn open_batch(
    source: &OrganisationId,
    batch: &CustodyRow,
    sequence: u64,
    versions: &[Wanted],
    parts: &[Bytes],
    link_key: &Secret32,
    packages: bool,
) -> Result<Vec<Opened>, StoreError> {
    let [leaves, items @ ..] = parts else { return Err(StoreError::Damaged) };
    let leaves: Vec<Digest> = leaves.chunks_exact(32).map(merkle::leaf_hash).collect();
    let tree = packages.then(|| Tree::new(leaves));
    if tree.as_ref().is_some_and(|tree| tree.root() != batch.root) {
        return Ok(Vec::new());
    }
    let mut opened = Vec::with_capacity(versions.len());
    for (Wanted { place, row, newest }, bytes) in versions.iter().zip(items) {
        let tree = tree.as_ref().filter(|_| *newest);
        if let Ok((share, version)) = open_item(source, sequence, row, bytes, link_key, tree) {
            opened.push(Opened { place: *place, share, version });
        }
    }
    Ok(opened)
}

/// A share, and the package if there is a tree to prove it in; an error if anything of it is damaged.
pub(super) fn open_item(
    source: &OrganisationId,
    sequence: u64,
    row: &HeldVersionRow,
    bytes: &[u8],
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

fn seal(
    ctx: &Context,
    mut out: HandedOut,
    label: &str,
    kem_key: &[u8],
    plain: &[u8],
) -> Result<Release, StoreError> {
    let node = &ctx.node;
    let shares = seal_envelope(&node.signing, kem_key, label, &node.network, plain)
        .map_err(|_| StoreError::Damaged)?;
    let versions = std::mem::take(&mut out.versions);
    Ok(Release { shares, versions: versions.try_into().map_err(|_| StoreError::Damaged)? })
}

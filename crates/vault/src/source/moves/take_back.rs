//! Taking back: packages and shares of a batch from those that hold it, each checked against what this source kept.

use super::Round;
use crate::combine::Blame;
use crate::node::blocking;
use crate::peers::PeerError;
use crate::placement::{Trio, trio};
use crate::seal::opens;
use crate::sharing::{SHARES_NEEDED, fits};
use crate::source::compartment::ck;
use crate::source::{Source, SourceError};
use crate::store::tables::{
    BATCHES, BatchRow, COMPARTMENTS, FAULTS, IN_BATCH, LEAVES, Leaves, VERSIONS, VersionRow,
};
use crate::store::{Reads as _, StoreError};
use salus_crypto::hash::sha256;
use salus_crypto::{Secret32, Share, shamir};
use salus_types::organisation::Organisation;
use salus_types::vault::{
    Release, ReleasedShare, SHARES_PER_RELEASE_MAX, SealedPackage, SourceAsk, SourceRequest,
    SourceRequestBody,
};
use salus_types::{Bounded, CompartmentId, OrganisationId, VersionId, decode_canonical, label};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use zeroize::Zeroize as _;

/// A batch as this source knows it.
pub(super) struct Batch {
    pub(super) row: BatchRow,
    pub(super) leaves: Leaves,
    pub(super) versions: Vec<Version>,
}

/// A version in it.
pub(super) struct Version {
    pub(super) row: VersionRow,
    pub(super) first: CompartmentId,
    key: Secret32,
    /// Who holds it.
    holders: Trio,
}

impl Version {
    pub(super) fn id(&self) -> VersionId {
        self.row.package.version
    }
}

/// What was taken back of one version.
#[derive(Default)]
struct Part {
    shares: Vec<Share>,
    package: Option<SealedPackage>,
}

impl Part {
    fn is_whole(&self) -> bool {
        self.package.is_some() && self.has_shares()
    }

    fn has_shares(&self) -> bool {
        self.shares.len() >= usize::from(SHARES_NEEDED)
    }
}

/// What was taken back of a batch.
type Parts = HashMap<VersionId, Part>;

/// A version whose `S` is known again.
pub(super) struct Whole {
    pub(super) s: Secret32,
    pub(super) package: SealedPackage,
}

impl Source {
    pub(super) async fn batch(&self, sequence: u64) -> Result<Batch, SourceError> {
        let ctx = self.ctx.clone();
        blocking(move || {
            let tx = ctx.store.read()?;
            let at = sequence.to_be_bytes();
            let row: BatchRow = tx.get(&BATCHES, &at)?.ok_or(StoreError::Damaged)?;
            let leaves = tx.get(&LEAVES, &at)?.ok_or(StoreError::Damaged)?;
            let mut versions = Vec::new();
            for (_, version) in tx.scan(&IN_BATCH, &at, None, usize::MAX)? {
                let version: VersionRow =
                    tx.get(&VERSIONS, version.as_bytes())?.ok_or(StoreError::Damaged)?;
                let id = version.package.compartment;
                let compartment = tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?;
                let holders = trio(&compartment.first, &*row.custodians)?;
                let key = ck(&ctx.store, &id, &compartment)?;
                versions.push(Version { row: version, first: compartment.first, key, holders });
            }
            Ok::<_, SourceError>(Batch { row, leaves, versions })
        })
        .await
    }

    /// Asks the holders of a batch, one after the other, until every version is whole. `None` if they do not have
    /// enough, now.
    pub(super) async fn take_back(
        &self,
        sequence: u64,
        batch: &Arc<Batch>,
        round: &mut Round,
    ) -> Result<Option<HashMap<VersionId, Whole>>, SourceError> {
        let mut parts: Parts = batch.versions.iter().map(|version| (version.id(), Part::default())).collect();
        let own = &self.ctx.node.organisation;
        let mut holders: Vec<_> =
            batch.row.custodians.iter().filter(|id| !round.away.contains(*id)).collect();
        holders.sort_by_key(|id| *id != own);
        for holder in holders {
            let Some(known) = self.known(holder).await? else { continue };
            while let Some(body) = self.ask_for(sequence, batch, &parts, holder) {
                let before = missing(&parts);
                let request = SourceRequest::sign(body, &self.ctx.node.signing);
                match self.ctx.peers.give_back(&known, request).await {
                    Ok(release) => {
                        let (ctx, batch, known) = (self.ctx.clone(), batch.clone(), known.clone());
                        let taken =
                            move || Ok::<_, StoreError>(take(&ctx.node, &batch, &known, release, parts));
                        let blame;
                        (parts, blame) = blocking(taken).await?;
                        self.name(&blame).await?;
                    }
                    Err(PeerError::Unavailable) => {
                        round.away.insert(holder.clone());
                    }
                    Err(error) => tracing::debug!(%holder, sequence, %error, "taking back"),
                }
                if missing(&parts) == before || round.away.contains(holder) {
                    break;
                }
            }
        }
        let (whole, batch) = (parts.values().all(Part::is_whole), batch.clone());
        if !whole {
            tracing::debug!(sequence, missing = ?missing(&parts), "too little of a batch was given back");
            return Ok(None);
        }
        blocking(move || rebuild(&batch, parts)).await.map(Some)
    }

    /// What to ask a holder for: what is missing and lies there. Packages are asked of one holder at a time.
    fn ask_for(
        &self,
        sequence: u64,
        batch: &Batch,
        parts: &Parts,
        holder: &OrganisationId,
    ) -> Option<SourceRequestBody> {
        let there = |version: &&Version| version.holders.contains(holder);
        let part = |version: &Version| parts.get(&version.id());
        let lacks = |version: &&Version| part(version).is_some_and(|part| !part.is_whole());
        let wanted: Vec<_> = batch.versions.iter().filter(there).filter(lacks).collect();
        let packages = wanted.iter().any(|version| part(version).is_some_and(|part| part.package.is_none()));
        let versions: Vec<_> = wanted.iter().map(|version| version.id()).collect();
        (!versions.is_empty()).then(|| SourceRequestBody {
            network: self.ctx.node.network,
            source: self.ctx.node.organisation.clone(),
            audience: holder.clone(),
            ask: if packages { SourceAsk::Release } else { SourceAsk::Shares },
            sequence,
            generation: batch.row.generation,
            time_ms: (self.ctx.clock)(),
            nonce: salus_crypto::random::bytes(),
            versions: Bounded::new(versions).unwrap_or_default(),
        })
    }

    /// Names who gave what does not hold, in the log and for stewards.
    pub(super) async fn name(&self, blame: &BTreeSet<Blame>) -> Result<(), StoreError> {
        if blame.is_empty() {
            return Ok(());
        }
        for Blame { custodian, what } in blame {
            tracing::warn!(%custodian, what, "a custodian gave what does not hold");
        }
        let (store, blame) = (self.ctx.store.clone(), blame.clone());
        blocking(move || {
            let tx = store.write()?;
            for Blame { custodian, .. } in &blame {
                let at = custodian.as_str().as_bytes();
                tx.put(&FAULTS, at, &(tx.get(&FAULTS, at)?.unwrap_or(0) + 1))?;
            }
            tx.commit()
        })
        .await
    }
}

/// Shares and packages that are missing.
fn missing(parts: &Parts) -> (usize, usize) {
    let shares = parts.values().filter(|part| !part.has_shares()).count();
    (shares, parts.values().filter(|part| part.package.is_none()).count())
}

/// Takes of an answer what holds; what does not is its giver's.
fn take(
    node: &crate::node::Node,
    batch: &Batch,
    giver: &Organisation,
    release: Release,
    mut parts: Parts,
) -> (Parts, BTreeSet<Blame>) {
    let mut blame = BTreeSet::new();
    let mut fault = |what| {
        blame.insert(Blame { custodian: giver.id.clone(), what });
    };
    let versions: HashMap<_, _> = batch.versions.iter().map(|version| (version.id(), version)).collect();
    let opened = node.open(&release.shares, &giver.node_key, label::HPKE_RELEASE).ok();
    let shares: Option<Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX>> =
        opened.and_then(|plain| decode_canonical(&plain).ok());
    if shares.is_none() {
        fault("shares that do not open");
    }
    for mut given in shares.map(Bounded::into_inner).unwrap_or_default() {
        let share = Share { index: given.index, value: given.value };
        given.value.zeroize();
        let (Some(version), Some(part)) = (versions.get(&given.version), parts.get_mut(&given.version))
        else {
            continue;
        };
        if !fits(&share, &given.version, batch.row.generation, &version.row.share_commitments) {
            fault("a false share");
        } else if part.shares.iter().all(|known| known.index != share.index) {
            part.shares.push(share);
        }
    }
    for released in release.versions.into_inner() {
        let package = released.package;
        let id = package.header.version;
        let (Some(version), Some(part)) = (versions.get(&id), parts.get_mut(&id)) else { continue };
        if package.header != version.row.package
            || sha256(&*package.ciphertext) != version.row.ciphertext_digest
        {
            fault("a package that was changed");
        } else {
            part.package.get_or_insert(package);
        }
    }
    (parts, blame)
}

/// `S` of every version, checked against the package that it opens.
fn rebuild(batch: &Batch, mut parts: Parts) -> Result<HashMap<VersionId, Whole>, SourceError> {
    let mut whole = HashMap::new();
    for version in &batch.versions {
        let part = parts.remove(&version.id()).ok_or(StoreError::Damaged)?;
        let shares = part.shares.get(..usize::from(SHARES_NEEDED)).ok_or(StoreError::Damaged)?;
        let s = shamir::combine(shares).map_err(|_| StoreError::Damaged)?;
        let package = part.package.ok_or(StoreError::Damaged)?;
        if !opens(&package.header, &version.key, &s) {
            return Err(StoreError::Damaged.into());
        }
        whole.insert(version.id(), Whole { s, package });
    }
    Ok(whole)
}

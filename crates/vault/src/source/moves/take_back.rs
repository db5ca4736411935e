//! Taking back: packages and shares of a batch from those that hold it, each checked against what this source kept.

use super::Round;
use crate::combine::Blame;
use crate::node::blocking;
use crate::peers::PeerError;
use crate::placement::{CUSTODIANS_PER_COMPARTMENT, Trio, trio};
use crate::seal::opens;
use crate::sharing::{SHARES_NEEDED, fits, is_of, place_of};
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
    DamagedBatch, GivenBack, Release, ReleasedShare, SealedPackage, SourceAsk, SourceRequest,
    SourceRequestBody,
};
use salus_types::{Bounded, CompartmentId, Digest, OrganisationId, VersionId, decode_canonical, label};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use zeroize::Zeroize as _;

/// In place of the commitments of shares of which only their custodians know: this source came back from a backup that
/// was made before them.
pub(super) const UNKNOWN: [Digest; 3] = [Digest::ZERO; 3];

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
    /// Who holds it, by place.
    pub(super) holders: Trio,
}

impl Version {
    pub(super) fn id(&self) -> VersionId {
        self.row.package.version
    }
}

/// What was taken back of one version.
#[derive(Default)]
pub(super) struct Part {
    pub(super) shares: Vec<Share>,
    pub(super) package: Option<SealedPackage>,
}

impl Part {
    /// Whether nothing more needs to be asked for. Where no commitment tells a false share, all three are wanted.
    fn is_enough(&self, version: &Version) -> bool {
        let known =
            version.row.share_commitments != UNKNOWN || self.shares.len() >= CUSTODIANS_PER_COMPARTMENT;
        self.is_whole() && known
    }

    fn is_whole(&self) -> bool {
        self.package.is_some() && self.has_shares()
    }

    fn has_shares(&self) -> bool {
        self.shares.len() >= usize::from(SHARES_NEEDED)
    }
}

/// What was taken back of a batch.
pub(super) type Parts = HashMap<VersionId, Part>;

/// What a custodian's answer comes to.
pub(super) struct Taken {
    pub(super) parts: Parts,
    /// What of it does not hold.
    pub(super) blame: BTreeSet<Blame>,
    /// The newest generation of the batch that it holds.
    pub(super) newest: Option<u32>,
    /// Batches that are damaged there, by its own word.
    pub(super) damaged: Vec<DamagedBatch>,
}

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
        let mut newest = HashMap::new();
        for holder in holders {
            let Some(known) = self.known(holder).await? else { continue };
            while let Some(body) = self.ask_for(sequence, batch, &parts, holder) {
                let before = missing(&parts);
                match self.ask_back(batch, &known, body, parts).await? {
                    (left, Ok(said)) => {
                        parts = left;
                        newest.extend(said.map(|generation| (holder.clone(), generation)));
                    }
                    (left, Err(error)) => {
                        parts = left;
                        tracing::debug!(%holder, sequence, %error, "taking back");
                        if error == PeerError::Unavailable {
                            round.away.insert(holder.clone());
                        }
                    }
                }
                if missing(&parts) == before || round.away.contains(holder) {
                    break;
                }
            }
        }
        if !parts.values().all(Part::is_whole) {
            tracing::debug!(sequence, missing = ?missing(&parts), "too little of a batch was given back");
            self.look_for_newer(sequence, batch, newest, round).await?;
            return Ok(None);
        }
        let batch = batch.clone();
        blocking(move || rebuild(&batch, parts)).await.map(Some)
    }

    /// One request, whatever comes of it: what is whole joins `parts`, what is false is named, and what the custodian says
    /// of its other batches is heard. The newest generation that it holds.
    pub(super) async fn ask_back(
        &self,
        batch: &Arc<Batch>,
        holder: &Organisation,
        body: SourceRequestBody,
        parts: Parts,
    ) -> Result<(Parts, Result<Option<u32>, PeerError>), SourceError> {
        let nonce = body.nonce;
        let request = SourceRequest::sign(body, &self.ctx.node.signing);
        let release = match self.ctx.peers.give_back(holder, request).await {
            Ok(release) => release,
            Err(error) => return Ok((parts, Err(error))),
        };
        let (ctx, batch, giver) = (self.ctx.clone(), batch.clone(), holder.clone());
        let taken = move || Ok::<_, StoreError>(take(&ctx.node, &batch, &giver, &nonce, release, parts));
        let Taken { parts, blame, newest, damaged } = blocking(taken).await?;
        self.name(&blame).await?;
        self.hear_of_damage(&holder.id, damaged).await?;
        Ok((parts, Ok(newest)))
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
        let lacks = |version: &&Version| part(version).is_some_and(|part| !part.is_enough(version));
        let wanted: Vec<_> = batch.versions.iter().filter(there).filter(lacks).collect();
        let packages = wanted.iter().any(|version| part(version).is_some_and(|part| part.package.is_none()));
        let versions: Vec<_> = wanted.iter().map(|version| version.id()).collect();
        let ask = if packages { SourceAsk::Release } else { SourceAsk::Shares };
        (!versions.is_empty())
            .then(|| self.request_of((sequence, batch.row.generation), holder, ask, versions))
    }

    /// A request about versions of one of this source's batches and generations.
    pub(super) fn request_of(
        &self,
        (sequence, generation): (u64, u32),
        holder: &OrganisationId,
        ask: SourceAsk,
        versions: Vec<VersionId>,
    ) -> SourceRequestBody {
        SourceRequestBody {
            network: self.ctx.node.network,
            source: self.ctx.node.organisation.clone(),
            audience: holder.clone(),
            ask,
            sequence,
            generation,
            time_ms: (self.ctx.clock)(),
            nonce: salus_crypto::random::bytes(),
            versions: Bounded::new(versions).unwrap_or_default(),
        }
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
    nonce: &[u8; 16],
    release: Release,
    parts: Parts,
) -> Taken {
    let mut taken = Taken { parts, blame: BTreeSet::new(), newest: None, damaged: Vec::new() };
    let versions: HashMap<_, _> = batch.versions.iter().map(|version| (version.id(), version)).collect();
    let opened = node.open(&release.shares, &giver.node_key, label::HPKE_GIVE_BACK).ok();
    match opened.and_then(|plain| decode_canonical::<GivenBack>(&plain).ok()) {
        None => taken.fault(giver, "shares that do not open"),
        Some(given) if given.nonce != *nonce => {
            taken.fault(giver, "an answer to another request");
            return taken;
        }
        Some(mut given) => {
            (taken.newest, taken.damaged) = (given.newest, std::mem::take(&mut given.damaged).into_inner());
            for mut share in given.shares.into_inner() {
                taken.share(batch, &versions, giver, &share);
                share.value.zeroize();
            }
        }
    }
    for released in release.versions.into_inner() {
        let package = released.package;
        let id = package.header.version;
        let (Some(version), Some(part)) = (versions.get(&id), taken.parts.get_mut(&id)) else { continue };
        if package.header != version.row.package
            || sha256(&*package.ciphertext) != version.row.ciphertext_digest
        {
            taken.fault(giver, "a package that was changed");
        } else {
            part.package.get_or_insert(package);
        }
    }
    taken
}

impl Taken {
    fn fault(&mut self, giver: &Organisation, what: &'static str) {
        self.blame.insert(Blame { custodian: giver.id.clone(), what });
    }

    /// A share counts if it is the giver's own, of the generation asked for, and the one that is committed to.
    fn share(
        &mut self,
        batch: &Batch,
        versions: &HashMap<VersionId, &Version>,
        giver: &Organisation,
        given: &ReleasedShare,
    ) {
        let share = Share { index: given.index, value: given.value };
        let (Some(version), Some(part)) = (versions.get(&given.version), self.parts.get_mut(&given.version))
        else {
            return;
        };
        let (commitments, generation) = (&version.row.share_commitments, batch.row.generation);
        let holds = match *commitments == UNKNOWN {
            true => is_of(share.index, generation),
            false => fits(&share, &given.version, generation, commitments),
        };
        if !holds || version.holders.get(place_of(share.index)) != Some(&giver.id) {
            self.fault(giver, "a false share");
        } else if part.shares.iter().all(|known| known.index != share.index) {
            part.shares.push(share);
        }
    }
}

/// `S` of every version, checked against the package that it opens.
fn rebuild(batch: &Batch, mut parts: Parts) -> Result<HashMap<VersionId, Whole>, SourceError> {
    let mut whole = HashMap::new();
    for version in &batch.versions {
        let part = parts.remove(&version.id()).ok_or(StoreError::Damaged)?;
        let package = part.package.ok_or(StoreError::Damaged)?;
        let pairs = (0..part.shares.len()).flat_map(|two| (0..two).map(move |one| (one, two)));
        let mut combined = pairs.filter_map(|(one, two)| {
            shamir::combine(&[part.shares[one].clone(), part.shares[two].clone()]).ok()
        });
        let s = combined.find(|s| opens(&package.header, &version.key, s)).ok_or(StoreError::Damaged)?;
        whole.insert(version.id(), Whole { s, package });
    }
    Ok(whole)
}

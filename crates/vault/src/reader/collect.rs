//! Collecting releases from custodians until everything asked for is open.

use super::plan::Plan;
use super::{ReadError, Reader};
use crate::combine::{AnchoredRoot, Blame, Collected, Keys, OpenedVersion, Roots};
use crate::ledger::{entry, member};
use crate::node::blocking;
use crate::peers::PeerError;
use crate::store::StoreError;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use salus_types::state::{AnchorEntry, key};
use salus_types::vault::{Release, ReleaseForGrant, ReleasedShare, SHARES_PER_RELEASE_MAX};
use salus_types::{Bounded, OrganisationId, VersionId, decode_canonical, label};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroize as _;

/// Versions opened by one blocking task.
const OPEN_CHUNK: usize = 512;

/// What came of one access event.
pub(super) struct Batch {
    pub(super) opened: HashMap<VersionId, OpenedVersion>,
    pub(super) blame: Vec<Blame>,
    /// What to say if nothing opened.
    pub(super) failure: ReadError,
}

/// The state of a collection.
struct Collection {
    wanted: Vec<VersionId>,
    collected: Arc<Collected>,
    roots: Roots,
    batch: Batch,
}

impl Collection {
    fn done(&self) -> bool {
        self.batch.opened.len() == self.wanted.len()
    }
}

impl Reader {
    /// Asks the custodians that list the versions: the first with packages, all for shares. Packages that are missing
    /// or do not hold are then asked of the others.
    pub(super) async fn collect(
        &self,
        ask: &ReleaseForGrant,
        wanted: &[VersionId],
        plan: &Plan,
        keys: &Keys,
    ) -> Result<Batch, ReadError> {
        let custodians = ranked(wanted, plan);
        let keys = Arc::new(keys.clone());
        let failure = ReadError::TemporarilyUnavailable("fewer than two custodians answer");
        let mut state = Collection {
            wanted: wanted.to_vec(),
            collected: Arc::default(),
            roots: Roots::new(),
            batch: Batch { opened: HashMap::new(), blame: Vec::new(), failure },
        };
        let mut asked: FuturesUnordered<_> =
            custodians.iter().enumerate().map(|(at, custodian)| self.ask(custodian, ask, at == 0)).collect();
        let mut others = custodians.iter().skip(1);
        while !state.done() {
            let next = if asked.is_empty() {
                None
            } else {
                timeout(self.config.hedge, asked.next()).await.ok().flatten()
            };
            match next {
                Some((custodian, answer)) => self.take(&mut state, &custodian, answer, &keys).await?,
                None => match others.next() {
                    Some(custodian) => asked.push(self.ask(custodian, ask, true)),
                    None => match asked.next().await {
                        Some((custodian, answer)) => {
                            self.take(&mut state, &custodian, answer, &keys).await?;
                        }
                        None => break,
                    },
                },
            }
        }
        if state.batch.opened.is_empty() && !state.batch.blame.is_empty() {
            state.batch.failure = ReadError::Faulty(state.batch.blame.clone());
        }
        Ok(state.batch)
    }

    /// One custodian; one that refuses is asked again for a while, because its ledger may be a block behind.
    async fn ask(
        &self,
        custodian: &OrganisationId,
        ask: &ReleaseForGrant,
        packages: bool,
    ) -> (OrganisationId, Result<Release, PeerError>) {
        let ask = ReleaseForGrant { packages, ..ask.clone() };
        let deadline = Instant::now() + self.config.refusal_patience;
        loop {
            let answer = self.ctx.peers.release(custodian, ask.clone());
            let answer = timeout(self.config.custodian_timeout, answer).await;
            match answer.unwrap_or(Err(PeerError::Unavailable)) {
                Err(PeerError::Refused(_)) if Instant::now() < deadline => {
                    sleep(self.config.refusal_pause).await;
                }
                answer => return (custodian.clone(), answer),
            }
        }
    }

    async fn take(
        &self,
        state: &mut Collection,
        custodian: &OrganisationId,
        answer: Result<Release, PeerError>,
        keys: &Arc<Keys>,
    ) -> Result<(), ReadError> {
        let release = match answer {
            Ok(release) => release,
            Err(PeerError::Refused(reason)) => {
                state.batch.failure = ReadError::Refused(reason);
                return Ok(());
            }
            Err(PeerError::Unavailable) => return Ok(()),
        };
        let Some(shares) = self.open_shares(custodian, &release).await? else {
            state.batch.blame.push(Blame { custodian: custodian.clone(), what: "shares that do not open" });
            return Ok(());
        };
        let mut shares = shares.into_inner();
        Arc::make_mut(&mut state.collected).add(custodian, &shares, release.versions.into_inner());
        shares.iter_mut().for_each(|share| share.value.zeroize());
        self.fetch_roots(state).await?;
        self.open_ready(state, keys).await
    }

    async fn open_shares(
        &self,
        custodian: &OrganisationId,
        release: &Release,
    ) -> Result<Option<Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX>>, ReadError> {
        let Some(sender) = member(&*self.ctx.ledger, custodian) else { return Ok(None) };
        let (ctx, envelope) = (self.ctx.clone(), release.shares.clone());
        blocking(move || {
            let plain = ctx.node.open(&envelope, &sender.node_key, label::HPKE_RELEASE);
            Ok::<_, ReadError>(plain.ok().and_then(|plain| decode_canonical(&plain).ok()))
        })
        .await
    }

    /// What the own ledger says of every batch that a package names.
    async fn fetch_roots(&self, state: &mut Collection) -> Result<(), ReadError> {
        let batches: BTreeSet<_> = state.collected.batches().collect();
        for (source, sequence) in batches {
            let at = (source, sequence);
            if state.roots.contains_key(&at) {
                continue;
            }
            let anchor: Option<AnchorEntry> = entry(&*self.ctx.ledger, key::anchor(&at.0, at.1)).await?;
            if let Some(AnchorEntry { batch_root: root, size_class, .. }) = anchor {
                state.roots.insert(at, AnchoredRoot { root, size_class });
            }
        }
        Ok(())
    }

    /// Opens whatever can be opened now, in parallel.
    async fn open_ready(&self, state: &mut Collection, keys: &Arc<Keys>) -> Result<(), ReadError> {
        let ready: Vec<VersionId> = state
            .wanted
            .iter()
            .filter(|version| !state.batch.opened.contains_key(*version) && state.collected.is_ready(version))
            .copied()
            .collect();
        let roots = Arc::new(state.roots.clone());
        let tasks = ready.chunks(OPEN_CHUNK).map(|chunk| {
            let (collected, keys, roots) = (state.collected.clone(), keys.clone(), roots.clone());
            let chunk = chunk.to_vec();
            blocking(move || {
                let mut blame = Vec::new();
                let open = |version: VersionId| {
                    collected.open(&version, &keys, &roots, &mut blame).map(|opened| (version, opened))
                };
                let opened: Vec<_> = chunk.into_iter().filter_map(open).collect();
                Ok::<_, StoreError>((opened, blame))
            })
        });
        for (opened, blame) in futures::future::try_join_all(tasks).await? {
            state.batch.opened.extend(opened);
            for blame in blame {
                if !state.batch.blame.contains(&blame) {
                    tracing::warn!(custodian = %blame.custodian, what = blame.what, "a custodian gave what does not hold");
                    state.batch.blame.push(blame);
                }
            }
        }
        Ok(())
    }
}

/// Custodians that list any of the versions, those that list most first.
fn ranked(wanted: &[VersionId], plan: &Plan) -> Vec<OrganisationId> {
    let mut count: HashMap<&OrganisationId, usize> = HashMap::new();
    for custodian in wanted.iter().filter_map(|version| plan.listed_by.get(version)).flatten() {
        *count.entry(custodian).or_default() += 1;
    }
    let mut ranked: Vec<_> = count.into_iter().collect();
    ranked.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(two.0)));
    ranked.into_iter().map(|(custodian, _)| custodian.clone()).collect()
}

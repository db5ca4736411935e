//! Who broke the glass: asks all holders, and opens with the first that are enough.

use super::{Emergency, seal};
use crate::ledger::member;
use crate::node::blocking;
use crate::peers::PeerError;
use crate::reader::ReadError;
use crate::store::StoreError;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use salus_crypto::shamir::Share;
use salus_types::organisation::Organisation;
use salus_types::vault::{EmergencyAsk, EmergencyPackage, EmergencyRelease, EmergencyShare};
use salus_types::{OrganisationId, PublicKey, decode_canonical, label};
use tokio::time::{Instant, sleep, timeout};
use zeroize::{Zeroize as _, Zeroizing};

/// An opened summary.
pub struct EmergencySummary {
    /// The text that the source sealed, without its padding.
    pub text: Zeroizing<Vec<u8>>,
    /// When the source made it, in milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
    /// Holders that gave something that does not hold.
    pub blame: Vec<EmergencyBlame>,
}

/// A holder that gave something that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmergencyBlame {
    /// The holder.
    pub holder: OrganisationId,
    /// What it gave.
    pub what: &'static str,
}

/// What has come so far.
#[derive(Default)]
struct Collected {
    shares: Vec<Share>,
    /// The newest that came; holders may be a revision apart, under one key.
    package: Option<EmergencyPackage>,
    blame: Vec<EmergencyBlame>,
}

impl Emergency {
    /// Opens the summary of which `ask` names event and compartment, with shares of `holders`. The event must be final.
    ///
    /// # Errors
    /// [`ReadError`]: too few holders release, or what they give does not hold.
    pub async fn open(
        &self,
        ask: &EmergencyAsk,
        holders: &[OrganisationId],
    ) -> Result<EmergencySummary, ReadError> {
        let source = member(&*self.ctx.ledger, &ask.source);
        let source = source.ok_or(ReadError::TemporarilyUnavailable("the source has left the network"))?;
        let mut failure = ReadError::TemporarilyUnavailable("too few holders of the emergency key answer");
        let mut collected = Collected::default();
        let mut asked: FuturesUnordered<_> = holders.iter().map(|holder| self.ask(holder, ask)).collect();
        while let Some((holder, answer)) = asked.next().await {
            match answer {
                Ok(release) => self.take(&mut collected, &source, &holder, ask, release).await?,
                Err(PeerError::Refused(reason)) => failure = ReadError::Refused(reason),
                Err(PeerError::Unavailable) => {}
            }
            if let Some(text) = collected.open() {
                let made_ms = collected.package.map_or(0, |package| package.statement.made_ms);
                return Ok(EmergencySummary { text, made_ms, blame: collected.blame });
            }
        }
        Err(failure)
    }

    /// One holder; one that refuses is asked again for a while, because its ledger may be a block behind.
    async fn ask(
        &self,
        holder: &OrganisationId,
        ask: &EmergencyAsk,
    ) -> (OrganisationId, Result<EmergencyRelease, PeerError>) {
        let deadline = Instant::now() + self.config.refusal_patience;
        loop {
            let answer = self.ctx.peers.release_emergency(holder, ask.clone());
            let answer = timeout(self.config.custodian_timeout, answer).await;
            match answer.unwrap_or(Err(PeerError::Unavailable)) {
                Err(PeerError::Refused(_)) if Instant::now() < deadline => {
                    sleep(self.config.refusal_pause).await;
                }
                answer => return (holder.clone(), answer),
            }
        }
    }

    async fn take(
        &self,
        collected: &mut Collected,
        source: &Organisation,
        holder: &OrganisationId,
        ask: &EmergencyAsk,
        release: EmergencyRelease,
    ) -> Result<(), ReadError> {
        let Some(sender) = member(&*self.ctx.ledger, holder) else { return Ok(()) };
        let (ctx, source_key, name) = (self.ctx.clone(), source.node_key, holder.clone());
        let (compartment, source) = (ask.compartment, ask.source.clone());
        let checked = blocking(move || {
            let statement = &release.package.statement;
            let asked_for = statement.compartment == compartment && statement.source == source;
            if !asked_for || !is_whole(&release.package, &source_key) {
                return Ok(Err("a summary that its source did not seal"));
            }
            let plain = ctx.node.open(&release.share, &sender.node_key, label::HPKE_EMERGENCY_RELEASE);
            let share = plain.ok().and_then(|plain| share_of(&plain, &release.package, &name));
            Ok::<_, StoreError>(
                share.map(|share| (share, release.package)).ok_or("a share that does not hold"),
            )
        });
        match checked.await? {
            Ok((share, package)) => collected.add(share, package),
            Err(what) => {
                tracing::warn!(%holder, what, "a holder of an emergency key gave what does not hold");
                collected.blame.push(EmergencyBlame { holder: holder.clone(), what });
            }
        }
        Ok(())
    }
}

fn is_whole(package: &EmergencyPackage, source: &PublicKey) -> bool {
    package.is_by(source) && seal::is_well_formed(package)
}

/// The share, if it is the one that the source gave this holder.
fn share_of(plain: &[u8], package: &EmergencyPackage, holder: &OrganisationId) -> Option<Share> {
    let statement = &package.statement;
    let place = statement.holders.iter().position(|one| one == holder)?;
    let mut given: EmergencyShare = decode_canonical(plain).ok()?;
    let share = Share { index: given.index, value: given.value };
    given.value.zeroize();
    let fits = usize::from(share.index) == place + 1
        && share.matches(&statement.share_commitments[place], statement.compartment.as_bytes());
    fits.then_some(share)
}

impl Collected {
    fn add(&mut self, share: Share, package: EmergencyPackage) {
        if !self.shares.iter().any(|known| known.index == share.index) {
            self.shares.push(share);
        }
        let revision = |package: &EmergencyPackage| package.statement.revision;
        if self.package.as_ref().is_none_or(|known| revision(known) < revision(&package)) {
            self.package = Some(package);
        }
    }

    fn open(&self) -> Option<Zeroizing<Vec<u8>>> {
        let package = self.package.as_ref()?;
        if self.shares.len() < usize::from(package.statement.threshold) {
            return None;
        }
        let mut text = seal::open(package, &self.shares)?;
        let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        text.truncate(end);
        Some(text)
    }
}

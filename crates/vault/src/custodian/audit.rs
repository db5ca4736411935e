//! Releases against access events, one to one, by this organisation's own ledger.
//!
//! Each release that was written down here must have its event: final, of who was given it, over exactly the versions that
//! were asked for. That no event is without a release can be seen only by putting the logs of all custodians
//! together ([`compare`]): each serves a part of them.

use super::{Custodian, Released};
use crate::ledger::{LedgerError, entry};
use crate::store::StoreError;
use salus_types::state::{AccessEntry, key};
use salus_types::{AccessId, Digest, OrganisationId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

/// Releases looked at in one step.
const RELEASES_PER_PAGE: usize = 1_024;

/// Mismatches that are kept with their events; the others are counted.
const MISMATCHES_KEPT: usize = 64;

/// How a release and the ledger differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mismatch {
    /// The ledger has no such event.
    NoEvent,
    /// The event is of another organisation than was given the release.
    OtherOrganisation,
    /// The event is over other versions than were asked for.
    OtherVersions,
}

impl Mismatch {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoEvent => "released without an entry on the ledger",
            Self::OtherOrganisation => "released to another organisation than the entry names",
            Self::OtherVersions => "released for other versions than the entry names",
        }
    }
}

/// What came of looking at all releases of this custodian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// When it began, by this machine's clock, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Releases looked at.
    pub releases: u64,
    /// Those that do not match an event.
    pub mismatches: u64,
    /// The first of these.
    pub first: Vec<(AccessId, Mismatch)>,
}

/// An access event as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Who announced it.
    pub organisation: OrganisationId,
    /// Root over the ids of the versions.
    pub versions_root: Digest,
    /// How many these are.
    pub count: u32,
}

impl From<AccessEntry> for Event {
    fn from(entry: AccessEntry) -> Self {
        let AccessEntry { organisation, versions_root, count, .. } = entry;
        Self { organisation, versions_root, count }
    }
}

/// Releases of several custodians compared with access events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Events for which every release matches, and that have at least one.
    pub matched: u64,
    /// Releases that match no event, with who gave them.
    pub mismatches: Vec<(OrganisationId, AccessId, Mismatch)>,
    /// Events for which none of these custodians has released anything.
    pub unserved: Vec<AccessId>,
}

/// Whether a release is the one that an event announces.
///
/// # Errors
/// How they differ.
pub fn judge(released: &Released, event: Option<&Event>) -> Result<(), Mismatch> {
    let event = event.ok_or(Mismatch::NoEvent)?;
    if event.organisation != released.to {
        return Err(Mismatch::OtherOrganisation);
    }
    match (event.versions_root, event.count) == (released.versions_root, released.count) {
        true => Ok(()),
        false => Err(Mismatch::OtherVersions),
    }
}

/// Compares the releases of custodians with all events, both ways.
pub fn compare(
    events: &BTreeMap<AccessId, Event>,
    logs: &BTreeMap<OrganisationId, Vec<Released>>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let (mut served, mut wrong) = (BTreeSet::new(), BTreeSet::new());
    for (custodian, log) in logs {
        for released in log {
            match judge(released, events.get(&released.access)) {
                Ok(()) => drop(served.insert(released.access)),
                Err(mismatch) => {
                    wrong.insert(released.access);
                    comparison.mismatches.push((custodian.clone(), released.access, mismatch));
                }
            }
        }
    }
    comparison.matched = served.difference(&wrong).count() as u64;
    comparison.unserved = events.keys().filter(|id| !served.contains(*id)).copied().collect();
    comparison
}

/// Why an audit does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Custodian {
    /// Looks up the event of every release that was written down here.
    ///
    /// # Errors
    /// [`AuditError`].
    pub async fn audit(&self) -> Result<Audit, AuditError> {
        let mut audit = Audit { time_ms: (self.ctx.clock)(), ..Audit::default() };
        let mut page = self.released(None, RELEASES_PER_PAGE).await?;
        while let Some(last) = page.last().cloned() {
            for released in &page {
                let event: Option<AccessEntry> =
                    entry(&*self.ctx.ledger, key::access(&released.access)).await?;
                audit.releases += 1;
                let Err(mismatch) = judge(released, event.map(Event::from).as_ref()) else { continue };
                audit.mismatches += 1;
                if audit.first.len() < MISMATCHES_KEPT {
                    audit.first.push((released.access, mismatch));
                }
            }
            page = self.released(Some(&(last.access, last.versions_root)), RELEASES_PER_PAGE).await?;
        }
        if audit.mismatches > 0 {
            tracing::error!(count = audit.mismatches, "releases match no access event on the ledger");
        }
        *self.audited.lock().unwrap_or_else(PoisonError::into_inner) = Some(audit.clone());
        Ok(audit)
    }

    /// What came of the last audit since the vault was opened.
    pub fn last_audit(&self) -> Option<Audit> {
        self.audited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! Whether to release a share of an emergency key. Pure.
//!
//! It needs no consent, and so it needs everything else: an event that is final on this organisation's own ledger, by who
//! asks, no older than four hours, about exactly this compartment of this source, of which a share is held here.

use super::{Refusal, check};
use crate::ledger::LedgerTime;
use salus_types::OrganisationId;
use salus_types::emergency::emergency_target;
use salus_types::state::EmergencyEntry;
use salus_types::vault::EmergencyAsk;

/// A request for a share, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct EmergencyCase<'a> {
    /// Who asks, by its connection.
    pub peer: &'a OrganisationId,
    /// What is asked.
    pub ask: &'a EmergencyAsk,
    /// The ledger's entry of the event.
    pub event: Option<&'a EmergencyEntry>,
    /// The ledger's time.
    pub now: LedgerTime,
    /// This machine's clock, in milliseconds since 1970-01-01 UTC.
    pub clock_ms: u64,
    /// Whether a share of this source's compartment is held here.
    pub held: bool,
}

/// That a share may be released: made by [`emergency`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Released(());

/// Whether to release.
///
/// # Errors
/// The first reason against it.
pub fn emergency(case: &EmergencyCase<'_>) -> Result<Released, Refusal> {
    let event = case.event.ok_or(Refusal::NoSuchEvent)?;
    check(event.height <= case.now.height, Refusal::NotFinal)?;
    check(event.organisation == *case.peer, Refusal::OtherOrganisation)?;
    check(event.began_ms.is_none(), Refusal::LocalOnly)?;
    check(case.now.time_ms < event.access_until_ms, Refusal::EmergencyOver)?;
    check(case.clock_ms < event.access_until_ms, Refusal::EmergencyOver)?;
    let EmergencyAsk { salt, source, compartment, .. } = case.ask;
    check(emergency_target(salt, source, compartment) == event.target, Refusal::OtherTarget)?;
    check(case.held, Refusal::NoShare)?;
    Ok(Released(()))
}

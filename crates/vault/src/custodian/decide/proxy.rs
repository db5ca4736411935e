//! Requests of who acts for a patient. Pure.
//!
//! The patient signed the mandate; the ledger's appointment commits to it, stands, and names the same key; that key signed
//! the request, for this organisation, lately. Versions are released upon a reading on the ledger over exactly them, and
//! only as far as the mandate reaches, of compartments that are the patient's by the source's own word. Whether an
//! appointment has expired is judged by the later of block time and this machine's clock, as for a grant.

use super::{Allowed, HeldVersion, REQUEST_CLOCK_MS_MAX, Reach, Refusal, check, select, versions_root};
use crate::ledger::LedgerTime;
use salus_types::proxy::{Act, ProxyRead};
use salus_types::state::{ActEntry, AppointmentEntry};
use salus_types::vault::{Mandate, PatientAsk, ProxyRequest, SignedMandate};
use salus_types::{NetworkId, OrganisationId};

/// A mandate as it is shown, and what the ledger says.
#[derive(Clone, Copy, Debug)]
pub struct MandateCase<'a> {
    /// This network.
    pub network: &'a NetworkId,
    /// The mandate.
    pub signed: &'a SignedMandate,
    /// The ledger's entry.
    pub appointment: Option<&'a AppointmentEntry>,
    /// The ledger's time.
    pub now: LedgerTime,
    /// This machine's clock, in milliseconds since 1970-01-01 UTC.
    pub clock_ms: u64,
}

/// Whether a mandate holds, now.
///
/// # Errors
/// The first reason against it.
pub fn mandate<'a>(case: &MandateCase<'a>) -> Result<Reach<'a>, Refusal> {
    let mandate: &Mandate = &case.signed.mandate;
    check(mandate.network == *case.network, Refusal::Network)?;
    check(case.signed.is_by_owner(), Refusal::NoMandate)?;
    let entry = case.appointment.ok_or(Refusal::NoSuchAppointment)?;
    check(mandate.commitment() == entry.mandate, Refusal::OtherMandate)?;
    check(mandate.proxy == entry.proxy, Refusal::OtherMandate)?;
    check(mandate.shares == entry.shares, Refusal::OtherMandate)?;
    check(mandate.expiry_ms == entry.expiry_ms, Refusal::OtherMandate)?;
    check(entry.ended.is_none(), Refusal::AppointmentEnded)?;
    check(entry.is_live(case.now.time_ms.max(case.clock_ms)), Refusal::Expired)?;
    Ok(Reach {
        source: &mandate.source,
        owner: mandate.owner,
        named: &mandate.compartments,
        future: true,
        within: None,
    })
}

/// What a request must hold, before anything is looked up.
///
/// # Errors
/// The first reason against it.
pub fn request(audience: &OrganisationId, clock_ms: u64, request: &ProxyRequest) -> Result<(), Refusal> {
    let body = &request.body;
    check(body.audience == *audience, Refusal::Audience)?;
    check(body.time_ms.abs_diff(clock_ms) <= REQUEST_CLOCK_MS_MAX, Refusal::Stale)?;
    let kem_key = body.mandate.mandate.kem_key.len();
    check(kem_key == salus_types::organisation::KEM_KEY_LENGTH, Refusal::Signature)?;
    check(request.is_by_proxy(), Refusal::Signature)?;
    check(body.ask != PatientAsk::AccessLog, Refusal::PatientsAlone)
}

/// Whether to release, where the mandate holds. `act` is the ledger's entry of the act that the request names.
///
/// # Errors
/// The first reason against it.
pub fn release(
    reach: &Reach<'_>,
    now: LedgerTime,
    request: &ProxyRequest,
    act: Option<&ActEntry>,
    held: &[Option<HeldVersion>],
) -> Result<Allowed, Refusal> {
    let versions = &*request.body.versions;
    let act = act.ok_or(Refusal::NoSuchAct)?;
    check(act.height <= now.height, Refusal::NotFinal)?;
    let Act::ProxyRead(ProxyRead { versions_root: root, count }) = act.act else {
        return Err(Refusal::NoSuchAct);
    };
    check(versions.len() == count as usize, Refusal::RootMismatch)?;
    check(versions_root(versions) == root, Refusal::RootMismatch)?;
    check(held.iter().flatten().all(|held| reach.covers(held)), Refusal::OutsideTerms)?;
    select(versions, held, request.body.ask == PatientAsk::Release)
}

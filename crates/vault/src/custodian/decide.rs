//! The decision to release. Pure: everything that it looks at is in its arguments.
//!
//! Upon a grantee's request with an access event: the terms name this network and who asks; the ledger has the grant;
//! terms and scope open its commitments; the owner's own key consents; the grant is live and has begun; the event is
//! final, by who asks, under this grant, for this purpose, by the practitioner the terms may name, over exactly these
//! versions; every version known here lies in a compartment of the owner that the terms reach.
//! Whether a grant has expired is judged by the later of block time and this machine's clock: a ledger that stands still
//! keeps no grant alive. Whether it has begun is judged by block time.
//! Upon a patient's request: the signature, the audience and the time are right, and every compartment is the owner's.
//! Upon a source's request: [`source`]. Upon an emergency: [`emergency`]. Upon a request of who acts for a patient:
//! [`proxy`].
//!
//! Versions that are not known here, or whose batch is not anchored, are left out; if nothing remains, that is said.
//! Architecture invariant: [`Allowed`] is made here and nowhere else, and nothing is released without one.

pub mod emergency;
pub mod proxy;
mod refusal;
pub mod source;

pub use refusal::Refusal;

use crate::ledger::LedgerTime;
use commonware_codec::Encode as _;
use salus_crypto::merkle;
use salus_types::action::scope_commitment;
use salus_types::state::{AccessEntry, GrantEntry};
use salus_types::vault::{Consent, PatientRequest, Terms, VERSIONS_PER_REQUEST_MAX};
use salus_types::{Address, CompartmentId, NetworkId, OrganisationId, VersionId, namespace};

/// How far the clock of who signs a request may be off, in milliseconds.
pub const REQUEST_CLOCK_MS_MAX: u64 = 5 * 60 * 1_000;

/// A version in custody here, with what is known of its compartment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldVersion {
    /// Its source.
    pub source: OrganisationId,
    /// The owner that the source states, if any.
    pub owner: Option<Address>,
    /// Its compartment and that one's predecessors, newest first.
    pub lineage: Vec<CompartmentId>,
    /// Compartments that succeed its compartment, oldest first.
    pub heirs: Vec<CompartmentId>,
    /// Whether the ledger has the root of its batch.
    pub anchored: bool,
}

/// The terms as they are opened, and what the ledger says.
#[derive(Clone, Copy, Debug)]
pub struct TermsCase<'a> {
    /// This network.
    pub network: &'a NetworkId,
    /// Who asks, by its connection.
    pub peer: &'a OrganisationId,
    /// The terms.
    pub terms: &'a Terms,
    /// Opens their commitment.
    pub terms_salt: &'a [u8; 32],
    /// The owner's consent.
    pub consent: &'a Consent,
    /// The ledger's entry.
    pub grant: Option<&'a GrantEntry>,
    /// The ledger's time.
    pub now: LedgerTime,
    /// This machine's clock, in milliseconds since 1970-01-01 UTC.
    pub clock_ms: u64,
}

/// A request to release against an access event.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseCase<'a> {
    /// The terms.
    pub terms: TermsCase<'a>,
    /// The ledger's entry of the event.
    pub access: Option<&'a AccessEntry>,
    /// The versions asked for.
    pub versions: &'a [VersionId],
    /// What is held of each, in the same order.
    pub held: &'a [Option<HeldVersion>],
    /// Whether packages are asked for.
    pub packages: bool,
}

/// Which compartments may be read: made by [`terms`] and by [`proxy::mandate`] alone.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    source: &'a OrganisationId,
    owner: Address,
    named: &'a [CompartmentId],
    future: bool,
    /// What somebody who made the terms for the owner may see at all.
    within: Option<&'a [CompartmentId]>,
}

/// What may be released: made in this module alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowed {
    versions: Vec<VersionId>,
    packages: bool,
}

impl Allowed {
    /// The versions, in the order asked for.
    pub fn versions(&self) -> &[VersionId] {
        &self.versions
    }

    /// Whether packages go with the shares.
    pub fn packages(&self) -> bool {
        self.packages
    }
}

impl Reach<'_> {
    /// Whether a compartment of this lineage is reached: one that is named, an earlier epoch of it (ADR 0007), or, with
    /// "future records too", a later one.
    pub fn covers(&self, held: &HeldVersion) -> bool {
        let granted = |id: &CompartmentId| self.named.contains(id);
        let (itself, earlier) = held.lineage.split_at(held.lineage.len().min(1));
        let named = itself.iter().chain(&held.heirs).any(granted);
        let later = earlier.iter().any(granted);
        let mut all = held.lineage.iter().chain(&held.heirs);
        holds(held.source == *self.source)
            && holds(held.owner == Some(self.owner))
            && holds(named || later)
            && holds(named || self.future)
            && holds(self.within.is_none_or(|within| all.any(|id| within.contains(id))))
    }
}

/// Whether terms hold for who asks, now.
///
/// # Errors
/// The first reason against it.
pub fn terms<'a>(case: &TermsCase<'a>) -> Result<Reach<'a>, Refusal> {
    let terms = case.terms;
    check(terms.network == *case.network, Refusal::Network)?;
    check(terms.grantee == *case.peer, Refusal::NotTheGrantee)?;
    let grant = case.grant.ok_or(Refusal::NoSuchGrant)?;
    check(terms.commitment(case.terms_salt) == grant.terms, Refusal::TermsDoNotOpen)?;
    check(terms.expiry_ms == grant.expiry_ms, Refusal::TermsDoNotOpen)?;
    let scope = scope_commitment(&terms.grantee, terms.purpose, &terms.scope_salt);
    check(scope == grant.scope, Refusal::ScopeDoesNotOpen)?;
    check(case.consent.is_by_owner(terms), Refusal::NoConsent)?;
    check(case.consent.is_as_granted(grant), Refusal::NoConsent)?;
    check(grant.revoked.is_none(), Refusal::Revoked)?;
    check(grant.is_live(case.now.time_ms.max(case.clock_ms)), Refusal::Expired)?;
    check(case.now.time_ms >= terms.not_before_ms, Refusal::NotYetValid)?;
    let mandate = case.consent.mandate.as_ref().map(|signed| &signed.mandate);
    Ok(Reach {
        source: &terms.source,
        owner: terms.owner,
        named: &terms.compartments,
        future: terms.future,
        within: mandate.map(|mandate| &*mandate.compartments),
    })
}

/// Whether to release against an access event.
///
/// # Errors
/// The first reason against it.
pub fn release(case: &ReleaseCase<'_>) -> Result<Allowed, Refusal> {
    let reach = terms(&case.terms)?;
    let terms = case.terms.terms;
    let event = case.access.ok_or(Refusal::NoSuchEvent)?;
    check(event.height <= case.terms.now.height, Refusal::NotFinal)?;
    check(event.organisation == *case.terms.peer, Refusal::OtherOrganisation)?;
    check(event.grant == terms.grant, Refusal::OtherGrant)?;
    check(event.purpose == terms.purpose, Refusal::WrongPurpose)?;
    check(terms.practitioner.is_none_or(|only| only == event.practitioner), Refusal::WrongPractitioner)?;
    check(case.versions.len() <= VERSIONS_PER_REQUEST_MAX, Refusal::RootMismatch)?;
    check(case.versions.len() == event.count as usize, Refusal::RootMismatch)?;
    check(versions_root(case.versions) == event.versions_root, Refusal::RootMismatch)?;
    let known = case.held.iter().flatten();
    check(known.clone().all(|held| reach.covers(held)), Refusal::OutsideTerms)?;
    select(case.versions, case.held, case.packages)
}

/// What a patient's request must hold, before anything is looked up.
///
/// # Errors
/// The first reason against it.
pub fn patient(
    network: &NetworkId,
    audience: &OrganisationId,
    clock_ms: u64,
    request: &PatientRequest,
) -> Result<Address, Refusal> {
    let body = &request.body;
    check(body.network == *network, Refusal::Network)?;
    check(body.audience == *audience, Refusal::Audience)?;
    check(body.time_ms.abs_diff(clock_ms) <= REQUEST_CLOCK_MS_MAX, Refusal::Stale)?;
    check(body.kem_key.len() == salus_types::organisation::KEM_KEY_LENGTH, Refusal::Signature)?;
    let signed = body.patient.verify(namespace::PATIENT_REQUEST, &body.encode(), &request.signature);
    check(signed.is_ok(), Refusal::Signature)?;
    Ok(Address::of(&body.patient))
}

/// Whether to release to the owner.
///
/// # Errors
/// The first reason against it.
pub fn release_to_owner(
    owner: &Address,
    versions: &[VersionId],
    held: &[Option<HeldVersion>],
    packages: bool,
) -> Result<Allowed, Refusal> {
    check(held.iter().flatten().all(|held| held.owner == Some(*owner)), Refusal::NotTheOwner)?;
    select(versions, held, packages)
}

/// Leaves out what is unknown or not anchored.
fn select(versions: &[VersionId], held: &[Option<HeldVersion>], packages: bool) -> Result<Allowed, Refusal> {
    check(held.len() == versions.len() && held.iter().any(Option::is_some), Refusal::VersionUnknown)?;
    let anchored = |held: &Option<HeldVersion>| held.as_ref().is_some_and(|held| held.anchored);
    let chosen = versions.iter().zip(held).filter(|(_, held)| anchored(held));
    let versions: Vec<_> = chosen.map(|(version, _)| *version).collect();
    check(!versions.is_empty(), Refusal::NotAnchored)?;
    Ok(Allowed { versions, packages })
}

/// The root that an access event carries for these versions.
pub fn versions_root(versions: &[VersionId]) -> salus_crypto::Digest {
    let leaves: Vec<&[u8]> = versions.iter().map(VersionId::as_bytes).collect();
    merkle::root(&leaves)
}

#[cfg_attr(test, track_caller)]
fn check(condition: bool, otherwise: Refusal) -> Result<(), Refusal> {
    if holds(condition) { Ok(()) } else { Err(otherwise) }
}

/// Every condition of the decision passes through here, so that a test can leave out one at a time.
#[cfg_attr(test, track_caller)]
fn holds(condition: bool) -> bool {
    #[cfg(test)]
    if tests::is_left_out(std::panic::Location::caller()) {
        return true;
    }
    condition
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

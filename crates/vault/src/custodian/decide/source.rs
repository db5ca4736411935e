//! What a source may ask for. Pure.
//!
//! It gets back only what it sealed itself, sealed to it: with its compartment keys it could open that from the day it
//! sealed it, so nothing is disclosed that it does not know. It has destroyed only what a newer generation replaces here,
//! or what this organisation has not to keep any more, by this organisation's own ledger.

use super::{Allowed, REQUEST_CLOCK_MS_MAX, Refusal, check};
use salus_types::vault::{SourceAsk, SourceRequest};
use salus_types::{NetworkId, OrganisationId, PublicKey, VersionId};

/// A source's request, and what is known of who asks.
#[derive(Clone, Copy, Debug)]
pub struct SourceCase<'a> {
    /// This network.
    pub network: &'a NetworkId,
    /// This organisation.
    pub audience: &'a OrganisationId,
    /// Who asks, by its connection.
    pub peer: &'a OrganisationId,
    /// The source's node key, by this organisation's ledger.
    pub node_key: Option<&'a PublicKey>,
    /// This machine's clock, in milliseconds since 1970-01-01 UTC.
    pub clock_ms: u64,
    /// The request.
    pub request: &'a SourceRequest,
}

/// What a request must hold, before anything is looked up.
///
/// # Errors
/// The first reason against it.
pub fn request(case: &SourceCase<'_>) -> Result<(), Refusal> {
    let body = &case.request.body;
    check(body.network == *case.network, Refusal::Network)?;
    check(body.audience == *case.audience, Refusal::Audience)?;
    check(body.source == *case.peer, Refusal::NotTheSource)?;
    check(body.time_ms.abs_diff(case.clock_ms) <= REQUEST_CLOCK_MS_MAX, Refusal::Stale)?;
    let destroys = body.ask == SourceAsk::Destroy;
    check(!destroys || body.versions.is_empty(), Refusal::OtherAsk)?;
    let key = case.node_key.ok_or(Refusal::NotTheSource)?;
    check(case.request.is_by(key), Refusal::Signature)
}

/// Whether to give a source back its versions; `held` is source and sequence of each, where it is held.
///
/// # Errors
/// The first reason against it.
pub fn give_back(
    request: &SourceRequest,
    held: &[Option<(OrganisationId, u64)>],
) -> Result<Allowed, Refusal> {
    let body = &request.body;
    check(body.ask != SourceAsk::Destroy, Refusal::OtherAsk)?;
    check(held.len() == body.versions.len(), Refusal::VersionUnknown)?;
    let known = || held.iter().flatten();
    check(known().all(|(source, _)| *source == body.source), Refusal::NotTheSource)?;
    check(known().all(|(_, sequence)| *sequence == body.sequence), Refusal::OtherBatch)?;
    let versions = body.versions.iter().zip(held).filter(|(_, held)| held.is_some());
    let versions: Vec<VersionId> = versions.map(|(version, _)| *version).collect();
    check(!versions.is_empty(), Refusal::VersionUnknown)?;
    Ok(Allowed { versions, packages: body.ask == SourceAsk::Release })
}

/// Whether to destroy what is held of a batch below a generation: the newest generation held here is that one or a
/// later one (`replaced`), or this organisation keeps none of the batch's compartments by its own ledger (`due`).
///
/// # Errors
/// The first reason against it.
pub fn destroy(request: &SourceRequest, replaced: bool, due: bool) -> Result<(), Refusal> {
    check(request.body.ask == SourceAsk::Destroy, Refusal::OtherAsk)?;
    check(replaced || !due, Refusal::StillDue)
}

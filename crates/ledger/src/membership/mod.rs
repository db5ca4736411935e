//! `membership`: which organisations there are, and on whose behalf a transaction speaks. Governance changes it.

pub(crate) mod genesis;
mod roster;

pub(crate) use roster::Roster;

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::OrganisationId;
use salus_types::organisation::Organisation;
use salus_types::state::{OrganisationEntry, key};

/// The entry of the organisation whose node key signed the call.
fn signing_entry(call: &Call<'_>, state: &Overlay<'_>) -> Result<OrganisationEntry, Rejection> {
    state.read(&key::organisation(&call.signer)).ok_or(Rejection::NotAnOrganisation)
}

/// The organisation whose node key signed the call.
pub(crate) fn signing_organisation(call: &Call<'_>, state: &Overlay<'_>) -> Result<Organisation, Rejection> {
    Ok(signing_entry(call, state)?.organisation)
}

/// The entry of the organisation that signed, which must be the one that the action names.
pub(crate) fn named_entry(
    call: &Call<'_>,
    named: &OrganisationId,
    state: &Overlay<'_>,
) -> Result<OrganisationEntry, Rejection> {
    let entry = signing_entry(call, state)?;
    if entry.organisation.id != *named {
        return Err(Rejection::OtherOrganisation(named.clone()));
    }
    Ok(entry)
}

/// The organisation that signed, which must be the one that the action names.
pub(crate) fn named_organisation(
    call: &Call<'_>,
    named: &OrganisationId,
    state: &Overlay<'_>,
) -> Result<Organisation, Rejection> {
    Ok(named_entry(call, named, state)?.organisation)
}

/// The signing organisation, which must be of a class that keeps clinical records.
pub(crate) fn record_keeper(organisation: Organisation) -> Result<Organisation, Rejection> {
    if !organisation.class.keeps_records() {
        return Err(Rejection::Class(organisation.class));
    }
    Ok(organisation)
}

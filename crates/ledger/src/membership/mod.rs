//! `membership`: which organisations there are. Read-only after genesis until governance arrives.

pub(crate) mod genesis;

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::OrganisationId;
use salus_types::organisation::Organisation;
use salus_types::state::key;

/// The organisation whose node key signed the call.
pub(crate) fn signing_organisation(call: &Call<'_>, state: &Overlay<'_>) -> Result<Organisation, Rejection> {
    state.read(&key::organisation(&call.signer)).ok_or(Rejection::NotAnOrganisation)
}

/// The organisation that signed, which must be the one that the action names.
pub(crate) fn named_organisation(
    call: &Call<'_>,
    named: &OrganisationId,
    state: &Overlay<'_>,
) -> Result<Organisation, Rejection> {
    let organisation = signing_organisation(call, state)?;
    if organisation.id != *named {
        return Err(Rejection::OtherOrganisation(named.clone()));
    }
    Ok(organisation)
}

/// The signing organisation, which must be of a class that keeps clinical records.
pub(crate) fn record_keeper(organisation: Organisation) -> Result<Organisation, Rejection> {
    if !organisation.class.keeps_records() {
        return Err(Rejection::Class(organisation.class));
    }
    Ok(organisation)
}

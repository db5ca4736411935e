//! Upon `Access(grant, versions, purpose)`: only while the grant is live, only by the organisation and for
//! the purpose that its scope commits to, only for a practitioner whom that organisation registered.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::signing_organisation;
use crate::view::Overlay;
use salus_types::action::{Access, scope_commitment};
use salus_types::state::{AccessEntry, GrantEntry, PractitionerEntry, StateKey, key};

pub(crate) fn access(
    call: &Call<'_>,
    action: &Access,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = signing_organisation(call, state)?;
    let grant_key = key::grant(&action.grant);
    let mut grant: GrantEntry = state.read(&grant_key).ok_or(Rejection::Unknown("grant"))?;
    check_live(&grant, call.context.time_ms)?;
    if scope_commitment(&organisation.id, action.purpose, &action.scope_salt) != grant.scope {
        return Err(Rejection::Scope);
    }
    let practitioner: Option<PractitionerEntry> = state.read(&key::practitioner(&action.practitioner));
    if practitioner.is_none_or(|entry| entry.organisation != organisation.id) {
        return Err(Rejection::Practitioner);
    }
    let id = action.id(&call.signer);
    let entry = AccessEntry {
        grant: action.grant,
        organisation: organisation.id,
        purpose: action.purpose,
        versions_root: action.versions_root,
        count: action.count,
        practitioner: action.practitioner,
        height: call.context.height,
        time_ms: call.context.time_ms,
    };
    let access_key = key::access(&id);
    state.create(access_key, &entry, "the access event")?;
    state.put(key::access_of_grant(&action.grant, grant.accesses), &id)?;
    grant.accesses = grant.accesses.checked_add(1).ok_or(Rejection::Malformed("too many access events"))?;
    state.put(grant_key, &grant)?;
    Ok(access_key)
}

fn check_live(grant: &GrantEntry, time_ms: u64) -> Result<(), Rejection> {
    if let Some(height) = grant.revoked {
        return Err(Rejection::Revoked(height));
    }
    if !grant.is_live(time_ms) {
        return Err(Rejection::GrantExpired);
    }
    Ok(())
}

//! Upon `BreakGlass(target, ground, statement)`: by providers alone, for a practitioner whom they registered. Events are
//! numbered without gaps, so that none is out of sight.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::BreakGlass;
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EMERGENCY_REVIEW_MS};
use salus_types::organisation::Class;
use salus_types::state::{EmergencyEntry, PractitionerEntry, StateKey, key};
use salus_types::{Digest, OrganisationId};

pub(crate) fn break_glass(
    call: &Call<'_>,
    action: &BreakGlass,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    if organisation.class != Class::Provider {
        return Err(Rejection::Class(organisation.class));
    }
    check_practitioner(&action.practitioner, &organisation.id, state)?;
    let time_ms = call.context.time_ms;
    if action.began_ms.is_some_and(|began| began > time_ms) {
        return Err(Rejection::Malformed("the emergency has not begun"));
    }
    let number: u64 = state.read(&key::emergencies()).unwrap_or_default();
    let entry = EmergencyEntry {
        number,
        organisation: organisation.id,
        target: action.target,
        practitioner: action.practitioner,
        ground: action.ground,
        statement: action.statement,
        began_ms: action.began_ms,
        height: call.context.height,
        time_ms,
        access_until_ms: action.began_ms.unwrap_or(time_ms).saturating_add(EMERGENCY_ACCESS_MS),
        review_due_ms: time_ms.saturating_add(EMERGENCY_REVIEW_MS),
    };
    let id = action.id();
    let event = key::emergency(&id);
    state.create(event, &entry, "the emergency access")?;
    state.put(key::emergency_of_number(number), &id)?;
    state.put(key::emergencies(), &(number + 1))?;
    Ok(event)
}

/// Whether an organisation vouches for a practitioner.
pub(super) fn check_practitioner(
    practitioner: &Digest,
    organisation: &OrganisationId,
    state: &Overlay<'_>,
) -> Result<(), Rejection> {
    let entry: Option<PractitionerEntry> = state.read(&key::practitioner(practitioner));
    if entry.is_none_or(|entry| entry.organisation != *organisation) {
        return Err(Rejection::Practitioner);
    }
    Ok(())
}

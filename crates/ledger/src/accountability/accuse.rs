//! Upon `Accuse(validator, contradiction)`: by any member, against a member, once for each validator and epoch.
//!
//! That the votes convict the validator needs no state and is checked before. Nothing follows by itself: a restored
//! backup looks like a lie, so the members decide by a vote.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_entry;
use crate::view::Overlay;
use salus_types::action::Accuse;
use salus_types::state::{FaultEntry, OrganisationEntry, StateKey, key};

pub(crate) fn accuse(
    call: &Call<'_>,
    action: &Accuse,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let accuser = named_entry(call, &action.organisation, state)?;
    let accused: Option<OrganisationEntry> = state.read(&key::organisation(&action.validator));
    let accused = accused.ok_or(Rejection::Unknown("organisation"))?;
    let number: u64 = state.read(&key::faults()).unwrap_or_default();
    let entry = FaultEntry {
        number,
        organisation: accused.organisation.id,
        validator: action.validator,
        misdeed: action.contradiction.misdeed,
        epoch: action.contradiction.epoch,
        view: action.contradiction.view,
        accuser: accuser.organisation.id,
        height: call.context.height,
        time_ms: call.context.time_ms,
    };
    let fault = key::fault(&action.validator, entry.epoch);
    state.create(fault, &entry, "the fault")?;
    state.put(key::fault_of_number(number), &fault)?;
    state.put(key::faults(), &(number + 1))?;
    Ok(fault)
}

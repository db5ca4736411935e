//! Upon `RegisterPatient(address)`: only by an organisation that keeps records; an address is registered once.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::{record_keeper, signing_organisation};
use crate::view::Overlay;
use salus_types::action::RegisterPatient;
use salus_types::state::{PatientEntry, StateKey, key};

pub(crate) fn register_patient(
    call: &Call<'_>,
    action: &RegisterPatient,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = record_keeper(signing_organisation(call, state)?)?;
    let entry = PatientEntry { organisation: organisation.id, height: call.context.height };
    let key = key::patient(&action.address);
    state.create(key, &entry, "the address")?;
    Ok(key)
}

//! Upon `EndAppointment(appointment)`: by the key that appointed, or by the one appointed. It ends at this place in the
//! order, for good.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::AppointmentId;
use salus_types::action::EndAppointment;
use salus_types::state::{AppointmentEntry, StateKey, key};

pub(crate) fn end_appointment(
    call: &Call<'_>,
    action: &EndAppointment,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let key = key::appointment(&action.appointment);
    let mut entry: AppointmentEntry = state.read(&key).ok_or(Rejection::Unknown("appointment"))?;
    let by_who_appointed = AppointmentId::of(&call.signer) == action.appointment;
    if !by_who_appointed && call.signer != entry.proxy {
        return Err(Rejection::NotConcerned);
    }
    if let Some(height) = entry.ended {
        return Err(Rejection::AppointmentEnded(height));
    }
    entry.ended = Some(call.context.height);
    state.put(key, &entry)?;
    Ok(key)
}

//! Upon `RegisterPractitioner(commitment)`: by any organisation, for people who read on its behalf.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::signing_organisation;
use crate::view::Overlay;
use salus_types::action::RegisterPractitioner;
use salus_types::state::{PractitionerEntry, StateKey, key};

pub(crate) fn register_practitioner(
    call: &Call<'_>,
    action: &RegisterPractitioner,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = signing_organisation(call, state)?;
    let entry = PractitionerEntry { organisation: organisation.id, height: call.context.height };
    let key = key::practitioner(&action.commitment);
    state.create(key, &entry, "the practitioner")?;
    Ok(key)
}

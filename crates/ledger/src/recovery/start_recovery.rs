//! Upon `StartRecovery(recovery, number, device)`: by the organisation that keeps the share. Attempts are numbered without
//! gaps, so that a device which finds no next one knows, by proof, that nobody recovers.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::StartRecovery;
use salus_types::recovery::RECOVERY_DELAY_MS;
use salus_types::state::{RecoveryEntry, StateKey, key};

pub(crate) fn start_recovery(
    call: &Call<'_>,
    action: &StartRecovery,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?.id;
    if let Some(before) = action.number.checked_sub(1) {
        let before: Option<RecoveryEntry> = state.read(&key::recovery(&action.recovery, before));
        let before = before.ok_or(Rejection::Unknown("recovery before this one"))?;
        if before.organisation != organisation {
            return Err(Rejection::OtherOrganisation(before.organisation));
        }
    }
    let time_ms = call.context.time_ms;
    let entry = RecoveryEntry {
        organisation,
        device: action.device,
        height: call.context.height,
        time_ms,
        ready_ms: time_ms.saturating_add(RECOVERY_DELAY_MS),
        cancelled: None,
    };
    let recovery = key::recovery(&action.recovery, action.number);
    state.create(recovery, &entry, "the recovery")?;
    Ok(recovery)
}

//! Upon `CancelRecovery(recovery, number)`, signed by the key whose hash is the recovery's id: no share is given out for that
//! attempt from that block on. It is never too late to say so.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::RecoveryId;
use salus_types::action::CancelRecovery;
use salus_types::state::{RecoveryEntry, StateKey, key};

pub(crate) fn cancel_recovery(
    call: &Call<'_>,
    action: &CancelRecovery,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    if RecoveryId::of(&call.signer) != action.recovery {
        return Err(Rejection::NotTheCanceller);
    }
    let recovery = key::recovery(&action.recovery, action.number);
    let entry: Option<RecoveryEntry> = state.read(&recovery);
    let entry = entry.ok_or(Rejection::Unknown("recovery"))?;
    if entry.cancelled.is_some() {
        return Err(Rejection::Exists("the cancellation"));
    }
    state.put(recovery, &RecoveryEntry { cancelled: Some(call.context.height), ..entry })?;
    Ok(recovery)
}

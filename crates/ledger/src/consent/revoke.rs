//! Upon `Revoke(grant)`: only the grantor, or who appointed the one that granted; reads stop at this place in the order,
//! for good.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::action::Revoke;
use salus_types::state::{GrantEntry, StateKey, key};
use salus_types::{AppointmentId, GrantId};

pub(crate) fn revoke(
    call: &Call<'_>,
    action: &Revoke,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let key = key::grant(&action.grant);
    let entry: GrantEntry = state.read(&key).ok_or(Rejection::Unknown("grant"))?;
    let grantor = match &entry.by_proxy {
        None => GrantId::of(&call.signer) == action.grant,
        Some(by) => AppointmentId::of(&call.signer) == by.appointment,
    };
    if !grantor {
        return Err(Rejection::NotTheGrantor);
    }
    end(call, key, entry, state)?;
    Ok(key)
}

/// Ends a grant, once, whoever may.
pub(crate) fn end(
    call: &Call<'_>,
    key: StateKey,
    mut entry: GrantEntry,
    state: &mut Overlay<'_>,
) -> Result<(), Rejection> {
    if let Some(height) = entry.revoked {
        return Err(Rejection::Revoked(height));
    }
    entry.revoked = Some(call.context.height);
    state.put(key, &entry)
}

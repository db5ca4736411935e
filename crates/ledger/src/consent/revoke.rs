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
    let mut entry: GrantEntry = state.read(&key).ok_or(Rejection::Unknown("grant"))?;
    let grantor = match &entry.by_proxy {
        None => GrantId::of(&call.signer) == action.grant,
        Some(by) => AppointmentId::of(&call.signer) == by.appointment,
    };
    if !grantor {
        return Err(Rejection::NotTheGrantor);
    }
    if let Some(height) = entry.revoked {
        return Err(Rejection::Revoked(height));
    }
    entry.revoked = Some(call.context.height);
    state.put(key, &entry)?;
    Ok(key)
}

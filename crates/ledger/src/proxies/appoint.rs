//! Upon `Appoint(mandate, proxy, shares, expiry)`: signed by a key never used before; the appointment is that key's hash.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::AppointmentId;
use salus_types::action::Appoint;
use salus_types::proxy::{PROXY_GRAIN_MS, PROXY_PERIOD_MS_MAX};
use salus_types::state::{AppointmentEntry, StateKey, key};

pub(crate) fn appoint(
    call: &Call<'_>,
    action: &Appoint,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let now = call.context.time_ms;
    let latest = now.saturating_add(PROXY_PERIOD_MS_MAX);
    let whole = action.expiry_ms.is_multiple_of(PROXY_GRAIN_MS);
    if action.expiry_ms <= now || action.expiry_ms > latest || !whole {
        return Err(Rejection::AppointmentPeriod);
    }
    let entry = AppointmentEntry {
        mandate: action.mandate,
        proxy: action.proxy,
        shares: action.shares,
        expiry_ms: action.expiry_ms,
        height: call.context.height,
        time_ms: now,
        ended: None,
        acts: 0,
    };
    let key = key::appointment(&AppointmentId::of(&call.signer));
    state.create(key, &entry, "the appointment")?;
    Ok(key)
}

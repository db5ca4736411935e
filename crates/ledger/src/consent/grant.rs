//! Upon `Grant(terms, scope, expiry)`: signed by a key never used before; the grant is that key's hash.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::GrantId;
use salus_types::action::Grant;
use salus_types::state::{GrantEntry, StateKey, key};

pub(crate) fn grant(call: &Call<'_>, action: &Grant, state: &mut Overlay<'_>) -> Result<StateKey, Rejection> {
    check_period(call, action.expiry_ms)?;
    let entry = GrantEntry {
        terms: action.terms,
        scope: action.scope,
        expiry_ms: action.expiry_ms,
        height: call.context.height,
        revoked: None,
        accesses: 0,
        by_proxy: None,
    };
    let key = key::grant(&GrantId::of(&call.signer));
    state.create(key, &entry, "the grant")?;
    Ok(key)
}

/// A grant ends in the future, and no later than the network allows, whoever makes it.
pub(crate) fn check_period(call: &Call<'_>, expiry_ms: u64) -> Result<(), Rejection> {
    let (now, longest) = (call.context.time_ms, call.parameters.grant_period_ms_max);
    if expiry_ms <= now || expiry_ms > now.saturating_add(longest) {
        return Err(Rejection::GrantPeriod(longest));
    }
    Ok(())
}

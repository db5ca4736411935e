//! Upon `Revoke(grant)`: only the grantor; reads stop at this place in the order, for good.

use crate::Rejection;
use crate::execute::Call;
use crate::view::Overlay;
use salus_types::GrantId;
use salus_types::action::Revoke;
use salus_types::state::{GrantEntry, StateKey, key};

pub(crate) fn revoke(
    call: &Call<'_>,
    action: &Revoke,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    if GrantId::of(&call.signer) != action.grant {
        return Err(Rejection::NotTheGrantor);
    }
    let key = key::grant(&action.grant);
    let mut entry: GrantEntry = state.read(&key).ok_or(Rejection::Unknown("grant"))?;
    if let Some(height) = entry.revoked {
        return Err(Rejection::Revoked(height));
    }
    entry.revoked = Some(call.context.height);
    state.put(key, &entry)?;
    Ok(key)
}

//! Upon `Dropped(grant)`: a former grantee states that its copy is gone; only once the grant is dead.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::Dropped;
use salus_types::state::{DroppedEntry, GrantEntry, StateKey, key};

pub(crate) fn dropped(
    call: &Call<'_>,
    action: &Dropped,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    let grant: GrantEntry = state.read(&key::grant(&action.grant)).ok_or(Rejection::Unknown("grant"))?;
    if grant.is_live(call.context.time_ms) {
        return Err(Rejection::StillLive);
    }
    let entry = DroppedEntry { count: action.count, height: call.context.height };
    let key = key::dropped(&action.grant, &organisation.id);
    state.create(key, &entry, "the receipt")?;
    Ok(key)
}

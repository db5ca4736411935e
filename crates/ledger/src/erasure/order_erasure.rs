//! Upon `OrderErasure(versions, ground)`: by those who keep records alone. That the versions are of the signer's own making
//! whoever holds them checks, who knows their source. Orders are numbered without gaps, so that none is out of sight.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::OrderErasure;
use salus_types::erasure::ERASURE_RECEIPTS_MS;
use salus_types::state::{ErasureEntry, StateKey, key};

pub(crate) fn order_erasure(
    call: &Call<'_>,
    action: &OrderErasure,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    if !organisation.class.keeps_records() {
        return Err(Rejection::Class(organisation.class));
    }
    let number: u64 = state.read(&key::erasures()).unwrap_or_default();
    let time_ms = call.context.time_ms;
    let entry = ErasureEntry {
        number,
        organisation: organisation.id,
        versions_root: action.versions_root,
        count: action.count,
        ground: action.ground,
        height: call.context.height,
        time_ms,
        receipts_due_ms: time_ms.saturating_add(ERASURE_RECEIPTS_MS),
    };
    let id = action.id();
    let order = key::erasure(&id);
    state.create(order, &entry, "the order to erase")?;
    state.put(key::erasure_of_number(number), &id)?;
    state.put(key::erasures(), &(number + 1))?;
    Ok(order)
}

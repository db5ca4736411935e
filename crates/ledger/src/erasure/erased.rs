//! Upon `Erased(order)`: once by each member. One that comes after it was due says so; one that never comes shows by its
//! absence.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::Erased;
use salus_types::state::{ErasedEntry, ErasureEntry, StateKey, key};

pub(crate) fn erased(
    call: &Call<'_>,
    action: &Erased,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    let order: Option<ErasureEntry> = state.read(&key::erasure(&action.erasure));
    let order = order.ok_or(Rejection::Unknown("order to erase"))?;
    if action.versions > order.count {
        return Err(Rejection::Malformed("more than was ordered"));
    }
    let entry = ErasedEntry {
        versions: action.versions,
        copies: action.copies,
        late: call.context.time_ms >= order.receipts_due_ms,
        height: call.context.height,
        time_ms: call.context.time_ms,
    };
    let receipt = key::erased(&action.erasure, &organisation.id);
    state.create(receipt, &entry, "the receipt")?;
    Ok(receipt)
}

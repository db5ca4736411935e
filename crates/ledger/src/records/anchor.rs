//! Upon `Anchor(batch_root, sequence)`: only by an organisation that keeps records; a number is used once.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::{named_organisation, record_keeper};
use crate::view::Overlay;
use salus_types::action::Anchor;
use salus_types::state::{AnchorEntry, StateKey, key};

pub(crate) fn anchor(
    call: &Call<'_>,
    action: &Anchor,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = record_keeper(named_organisation(call, &action.organisation, state)?)?;
    let entry = AnchorEntry {
        batch_root: action.batch_root,
        size_class: action.size_class,
        height: call.context.height,
        time_ms: call.context.time_ms,
    };
    let key = key::anchor(&organisation.id, action.sequence);
    state.create(key, &entry, "an anchor with this number")?;
    Ok(key)
}

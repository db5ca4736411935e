//! Upon `AnchorLog(head, entries)`: an organisation binds itself to its access log so far. Its anchors are counted, so that
//! whoever checks the log against them knows that they have all.

use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_organisation;
use crate::view::Overlay;
use salus_types::action::AnchorLog;
use salus_types::state::{LogEntry, StateKey, key};

pub(crate) fn anchor_log(
    call: &Call<'_>,
    action: &AnchorLog,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let organisation = named_organisation(call, &action.organisation, state)?;
    let entry = LogEntry { head: action.head, entries: action.entries, height: call.context.height };
    let at = key::log(&organisation.id, action.sequence);
    state.create(at, &entry, "a log anchor with this number")?;
    let anchors = key::log_anchors(&organisation.id);
    let count: u64 = state.read(&anchors).unwrap_or_default();
    state.put(anchors, &(count + 1))?;
    Ok(at)
}

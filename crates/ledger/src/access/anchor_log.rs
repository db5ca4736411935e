//! Upon `AnchorLog(head, entries)`: an organisation binds itself to its access log so far.

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
    let key = key::log(&organisation.id, action.sequence);
    state.create(key, &entry, "a log anchor with this number")?;
    Ok(key)
}

//! Upon `Vote(proposal, approve)`: by any member, once, while the proposal is open and its time not over.

use super::{is_set, set};
use crate::Rejection;
use crate::execute::Call;
use crate::membership::named_entry;
use crate::view::Overlay;
use salus_types::action::Vote;
use salus_types::governance::Outcome;
use salus_types::state::{ProposalEntry, StateKey, key};

pub(crate) fn vote(call: &Call<'_>, action: &Vote, state: &mut Overlay<'_>) -> Result<StateKey, Rejection> {
    let voter = named_entry(call, &action.organisation, state)?;
    let key = key::proposal(&action.proposal);
    let mut entry: ProposalEntry = state.read(&key).ok_or(Rejection::Unknown("proposal"))?;
    if entry.outcome != Outcome::Open || call.context.time_ms >= entry.closes_ms {
        return Err(Rejection::Closed);
    }
    if is_set(&entry.approvals, voter.slot) || is_set(&entry.refusals, voter.slot) {
        return Err(Rejection::Exists("the vote"));
    }
    set(if action.approve { &mut entry.approvals } else { &mut entry.refusals }, voter.slot);
    state.put(key, &entry)?;
    Ok(key)
}

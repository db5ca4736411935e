//! Upon `Propose(change)`: by any member, for what could be carried out now; its own vote is for it.

use super::{change, set};
use crate::Rejection;
use crate::execute::Call;
use crate::membership::{Roster, named_entry};
use crate::view::{Overlay, StateView};
use salus_types::action::Propose;
use salus_types::governance::{Change, Outcome};
use salus_types::state::{Ballot, OpenProposals, ProposalEntry, StateKey, key};
use salus_types::{Bounded, OrganisationId};

/// Most open proposals of one organisation, so that none fills the list for all.
const PROPOSALS_OF_ORGANISATION_MAX: usize = 8;

/// Keys that a proposal reads as far as `state` tells: the open proposals, the organisations that it names.
pub(crate) fn follow_up_reads(action: &Propose, state: &dyn StateView) -> Vec<StateKey> {
    let mut keys = change::reads(&action.change, &Roster::load(state));
    keys.extend(super::epoch::open(state).iter().map(key::proposal));
    keys
}

pub(crate) fn propose(
    call: &Call<'_>,
    action: &Propose,
    state: &mut Overlay<'_>,
) -> Result<StateKey, Rejection> {
    let proposer = named_entry(call, &action.organisation, state)?;
    if matches!(&action.change, Change::Update(update) if update.organisation.id != action.organisation) {
        return Err(Rejection::OtherOrganisation(action.organisation.clone()));
    }
    let (id, mut list) = (action.id(), state.read::<OpenProposals>(&key::proposals()).unwrap_or_default());
    if state.contains(&key::proposal(&id)) {
        return Err(Rejection::Exists("the proposal"));
    }
    check_room(&list, &action.organisation, state)?;
    // What cannot be carried out now is not voted on. Tried on a copy.
    change::apply(&action.change, call.context.height, &mut state.copy())?;
    let mut approvals = Ballot::default();
    set(&mut approvals, proposer.slot);
    let entry = ProposalEntry {
        number: list.made,
        change: action.change.clone(),
        proposer: action.organisation.clone(),
        height: call.context.height,
        closes_ms: call.context.time_ms.saturating_add(call.parameters.voting_period_ms),
        approvals,
        refusals: Ballot::default(),
        outcome: Outcome::Open,
        decided: None,
    };
    state.create(key::proposal(&id), &entry, "the proposal")?;
    state.put(key::proposal_of_number(list.made), &id)?;
    let mut open = list.open.into_inner();
    open.push(id);
    list.open = Bounded::new(open).map_err(|_| Rejection::Full("open proposals"))?;
    list.made += 1;
    state.put(key::proposals(), &list)?;
    Ok(key::proposal(&id))
}

fn check_room(list: &OpenProposals, proposer: &OrganisationId, state: &Overlay<'_>) -> Result<(), Rejection> {
    let own = |entry: &ProposalEntry| entry.proposer == *proposer;
    let entries = list.open.iter().filter_map(|id| state.read::<ProposalEntry>(&key::proposal(id)));
    let full = list.open.len() >= salus_types::state::PROPOSALS_OPEN_MAX;
    if full || entries.filter(own).count() >= PROPOSALS_OF_ORGANISATION_MAX {
        return Err(Rejection::Full("open proposals"));
    }
    Ok(())
}

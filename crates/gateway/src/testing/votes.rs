//! Proposals and votes on the chain in memory: recorded, and never decided.

use super::chain::State;
use commonware_codec::{Encode as _, Read};
use salus_types::action::{Propose, Vote};
use salus_types::governance::Outcome;
use salus_types::state::{Ballot, OpenProposals, ProposalEntry, StateKey, key};
use salus_types::{Bounded, decode_canonical};

fn read<T: Read<Cfg = ()> + commonware_codec::Encode>(state: &State, key: &StateKey) -> Option<T> {
    state.get(key).map(|bytes| decode_canonical(bytes).expect("an entry of this type"))
}

fn set(ballot: &mut Ballot, slot: u8) {
    ballot[usize::from(slot) / 8] |= 1 << (slot % 8);
}

/// Notes a proposal, and the vote of the place that made it.
pub(super) fn propose(
    state: &mut State,
    action: &Propose,
    slot: u8,
    height: u64,
    closes_ms: u64,
) -> StateKey {
    let mut list: OpenProposals = read(state, &key::proposals()).unwrap_or_default();
    let (id, number) = (action.id(), list.made);
    let mut entry = ProposalEntry {
        number,
        change: action.change.clone(),
        proposer: action.organisation.clone(),
        height,
        closes_ms,
        approvals: Ballot::default(),
        refusals: Ballot::default(),
        outcome: Outcome::Open,
        decided: None,
    };
    set(&mut entry.approvals, slot);
    list.made += 1;
    list.open = Bounded::new([list.open.into_inner(), vec![id]].concat()).expect("few");
    state.insert(key::proposals(), list.encode().to_vec());
    state.insert(key::proposal_of_number(number), id.encode().to_vec());
    state.insert(key::proposal(&id), entry.encode().to_vec());
    key::proposal(&id)
}

/// Notes a vote.
pub(super) fn vote(state: &mut State, action: &Vote, slot: u8) -> StateKey {
    let place = key::proposal(&action.proposal);
    let mut entry: ProposalEntry = read(state, &place).expect("a proposal");
    set(if action.approve { &mut entry.approvals } else { &mut entry.refusals }, slot);
    state.insert(place, entry.encode().to_vec());
    place
}

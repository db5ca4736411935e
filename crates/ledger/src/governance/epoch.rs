//! Upon the last block of an epoch: votes are counted, and what was accepted comes into force.

use super::{change, clear, count};
use crate::Rejection;
use crate::execute::BlockContext;
use crate::membership::Roster;
use crate::view::{Overlay, StateView};
use salus_types::governance::{Change, Outcome};
use salus_types::membership::validator_keys;
use salus_types::state::{OpenProposals, ProposalEntry, StateKey, key};
use salus_types::{Bounded, ProposalId, PublicKey, decode_canonical};

/// With what the next epoch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextEpoch {
    /// Node keys of its validators, ascending.
    pub validators: Vec<PublicKey>,
}

/// Keys that ending an epoch reads, as far as `state` tells: the roster, the open proposals, the organisations that
/// they name. Fetch those that are new, and ask again until none is.
pub(crate) fn epoch_end_reads(state: &dyn StateView) -> Vec<StateKey> {
    let mut keys = Roster::keys();
    keys.extend([key::proposals(), key::parameters()]);
    let roster = Roster::load(state);
    for id in open(state) {
        keys.push(key::proposal(&id));
        if let Some(proposal) = proposal(state, &id) {
            keys.extend(change::reads(&proposal.change, &roster));
        }
    }
    keys
}

pub(super) fn open(state: &dyn StateView) -> Vec<ProposalId> {
    let list: Option<OpenProposals> =
        state.get(&key::proposals()).and_then(|value| decode_canonical(value).ok());
    list.map_or_else(Vec::new, |list| list.open.into_inner())
}

fn proposal(state: &dyn StateView, id: &ProposalId) -> Option<ProposalEntry> {
    decode_canonical(state.get(&key::proposal(id))?).ok()
}

/// Counts the votes on the proposals that were open before this block. Those that it makes itself wait for the next
/// epoch's end: what they touch was not read ahead.
pub(crate) fn end_epoch(
    context: BlockContext,
    before: &dyn StateView,
    state: &mut Overlay<'_>,
) -> Result<NextEpoch, Rejection> {
    // All are counted before any is carried out: who joins or leaves now has no say in the others.
    let members = Roster::load(&*state).members().count();
    let mut decided = Vec::new();
    for id in open(before) {
        let outcome = proposal(&*state, &id).map(|entry| tally(&entry, members, context.time_ms));
        decided.extend(outcome.filter(|outcome| *outcome != Outcome::Open).map(|outcome| (id, outcome)));
    }
    for (id, outcome) in decided {
        let Some(mut entry) = proposal(&*state, &id) else { continue };
        entry.outcome = outcome;
        if outcome == Outcome::Executed && !carry_out(&entry.change, context.height, state)? {
            entry.outcome = Outcome::Failed;
        }
        entry.decided = Some(context.height);
        state.put(key::proposal(&id), &entry)?;
        close(&id, state)?;
    }
    Ok(NextEpoch { validators: validator_keys(Roster::load(&*state).members()) })
}

fn tally(entry: &ProposalEntry, members: usize, time_ms: u64) -> Outcome {
    if count(&entry.approvals) * 3 >= members * 2 {
        Outcome::Executed
    } else if count(&entry.refusals) * 3 > members {
        Outcome::Refused
    } else if time_ms >= entry.closes_ms {
        Outcome::Lapsed
    } else {
        Outcome::Open
    }
}

/// Carries out a change on a copy first: one that is not possible any more leaves no trace. Says whether it was.
fn carry_out(change: &Change, height: u64, state: &mut Overlay<'_>) -> Result<bool, Rejection> {
    let mut changed = state.copy();
    let Ok(left) = change::apply(change, height, &mut changed) else { return Ok(false) };
    *state = changed;
    if let Some(slot) = left {
        forget_votes(slot, state)?;
    }
    Ok(true)
}

/// The votes of a member that left count no more: another one may get its place.
fn forget_votes(slot: u8, state: &mut Overlay<'_>) -> Result<(), Rejection> {
    for id in open(&*state) {
        if let Some(mut entry) = proposal(&*state, &id) {
            clear(&mut entry.approvals, slot);
            clear(&mut entry.refusals, slot);
            state.put(key::proposal(&id), &entry)?;
        }
    }
    Ok(())
}

fn close(id: &ProposalId, state: &mut Overlay<'_>) -> Result<(), Rejection> {
    let mut list: OpenProposals = state.read(&key::proposals()).unwrap_or_default();
    let mut open = list.open.into_inner();
    open.retain(|other| other != id);
    list.open = Bounded::new(open).map_err(|_| Rejection::Full("open proposals"))?;
    state.put(key::proposals(), &list)
}

//! `governance`: the organisations change their network by votes, one organisation one vote.
//!
//! Upon the last block of an epoch: the votes on every open proposal are counted. What two thirds of the members of that
//! moment approve is carried out, oldest first; what more than a third refuse, or whose time is over, is closed.

mod change;
mod epoch;
mod propose;
#[cfg(test)]
mod tests;
mod vote;

pub use epoch::NextEpoch;
pub(crate) use epoch::{end_epoch, epoch_end_reads};
pub(crate) use propose::{follow_up_reads, propose};
pub(crate) use vote::vote;

use salus_types::state::Ballot;

fn set(ballot: &mut Ballot, slot: u8) {
    ballot[usize::from(slot) / 8] |= 1 << (slot % 8);
}

fn clear(ballot: &mut Ballot, slot: u8) {
    ballot[usize::from(slot) / 8] &= !(1 << (slot % 8));
}

fn is_set(ballot: &Ballot, slot: u8) -> bool {
    ballot[usize::from(slot) / 8] >> (slot % 8) & 1 == 1
}

fn count(ballot: &Ballot) -> usize {
    ballot.iter().map(|byte| byte.count_ones() as usize).sum()
}

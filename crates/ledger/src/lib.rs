//! The ledger: a pure, synchronous state machine over signed transactions.
//!
//! Upon `Grant(terms, scope)`: signed by a one-time key; reads for that scope may begin.
//! Upon `Access(grant)`: only while the grant is live, only by the grantee, only for the purpose in its scope.
//! Upon `Revoke(grant)`: only by the same one-time key; from that place in the order on no access succeeds.
//! Upon `Propose(change)` and `Vote(proposal)`: by members; what two thirds approve is in force after the epoch.
//! Upon `Accuse(validator, votes)`: votes that no honest validator signs are on the ledger for everybody to see.
//! Upon `Anchor(batch)`: only by an organisation that keeps records, each number once.
//!
//! A transaction passes three phases, the cheapest first: [`check_stateless`] (network, form, signature; no
//! state), then in order of the block [`Executor::apply`], which checks against the state and writes.
//! Every action creates an entry that cannot be created twice, so nothing can be replayed.
//!
//! Architecture invariant: the ledger knows no clock (time is the block's), no network, no randomness, no
//! I/O. It reads only keys that [`read_set`] and [`follow_up_reads`] name, so that the node can fetch them beforehand.

mod access;
mod accountability;
mod consent;
mod emergency;
mod erasure;
mod execute;
mod governance;
mod membership;
mod proxies;
mod records;
mod recovery;
mod registry;
mod rejection;
mod stateless;
mod view;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use execute::{
    BlockContext, Executed, Executor, execute_block, follow_up_reads, genesis_writes, parameters, read_set,
    select_and_execute,
};
pub use governance::NextEpoch;
pub use rejection::Rejection;
pub use stateless::check_stateless;
pub use view::StateView;

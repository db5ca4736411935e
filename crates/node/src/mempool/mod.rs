//! The mempool: transactions that wait for a block.
//!
//! Upon submit: check signatures, insert, gossip, wake the leader. Upon gossip: the same, without passing it on (every
//! validator hears every origin). Upon finalisation of a block: drop what it holds and what has expired, and offer
//! again what a losing branch had taken.
//!
//! State is in [`state`] (no `async`, no clock), the loops are in [`actor`].

pub mod actor;
pub mod state;

pub use actor::Mempool;
pub use state::{Local, Refusal, State};

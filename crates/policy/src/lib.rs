//! Who may do what with which records, for which purpose.
//!
//! The rules are Cedar policies in `policies/*.cedar`, written to be read by a compliance officer; this crate
//! puts a request before them and says which rule decided. What no rule permits is denied, and a rule that
//! fails to evaluate never permits.
//!
//! Architecture invariant: pure. No I/O, no clock; everything the rules look at is in the request.

mod area;
mod memory;
mod request;
mod rules;
#[cfg(test)]
mod tests;

pub use area::{Area, area_of};
pub use request::{Action, Circumstances, Principal, Relation, Request, Resource, Role, ShareFacts};
#[cfg(test)]
pub(crate) use rules::decide_anew;
pub use rules::{Broken, Decision, Reason, decide, policies};

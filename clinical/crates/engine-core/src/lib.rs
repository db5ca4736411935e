//! The clinical store behind one principal-aware guard.
//!
//! Every FHIR request runs inside [`principal::within`]; every storage hook asks the principal that was set
//! there. Architecture invariant: a hook that finds no principal answers with an error and no data, so a
//! task that was spawned outside a request can read nothing.
//!
//! What is absent: no consensus, no policy, and of keys only the one of the file ([`at_rest`]). The gateway decides who may see what and says it in
//! the principal; this crate only makes the answer true for every path of the FHIR API.
//!
//! This crate is the only one that instantiates the generic `helios` handlers, which is what makes it slow
//! to compile; keep sockets, command line and internal routes in `engine`.

pub mod at_rest;
pub mod compartment;
mod durable;
mod engine;
pub mod erase;
mod error;
mod feed;
mod guard;
mod metadata;
pub mod outbox;
pub mod principal;
mod profiles;
pub mod shares;
mod store;
mod work;

pub use engine::{Engine, FeedValidation, Options, Status};
pub use error::Error;
pub use work::{Work, takers};

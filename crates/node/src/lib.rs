//! The node: the only crate that names the consensus and the network of commonware.
//!
//! One node per organisation. Validators agree on blocks (Simplex, Ed25519), followers verify them; every node keeps
//! the newest blocks, the authenticated state, and an index of transactions. The ledger's rules are `salus-ledger`'s; this
//! crate orders, stores, proves, and tells.
//!
//! * [`run()`] starts a node on real sockets; [`engine::start`] is the same wiring on any runtime and network.
//! * [`NodeHandle`] is all that the rest of the program holds.
//! * [`application`] is the application under the consensus, [`mempool`] what waits for it.
//! * [`epochs`] is who signs which heights; one engine of consensus follows the other.
//! * [`contract`] is the seam to the rules of the ledger, [`evidence`] what validators did wrong.
//! * [`certificate`] reads finality certificates without commonware, as other languages must.
//!
//! Architecture invariant: only finalised blocks leave this crate. Nothing notarised, proposed or executed on a branch
//! is visible outside.

pub mod application;
pub mod block;
pub mod certificate;
mod consensus;
pub mod contract;
mod early;
pub mod engine;
pub mod epochs;
pub mod evidence;
pub mod feed;
pub mod handle;
pub mod index;
pub mod join;
mod journal;
pub mod keys;
pub mod measures;
pub mod mempool;
pub mod network;
pub mod pacing;
pub mod preload;
pub mod proof;
mod reader;
mod retention;
pub mod run;
pub mod runtime;
pub mod state;
pub mod store;
pub mod sync;
pub mod testing;
pub mod watched;

pub use engine::NodeError;
pub use epochs::{EpochRecord, EpochView};
pub use evidence::Evidence;
pub use feed::{FinalisedBlock, Head};
pub use handle::{Events, NodeHandle, Stats, SubmitError, TxStatus};
pub use index::Place;
pub use join::Anchor;
pub use proof::{Certified, Shown, StateProof, state_evidence_holds};
pub use run::{NodeConfig, run, run_from};

//! Salus crypto: the few constructions that every other crate builds upon, each behind one small module.
//!
//! * [`hash`]: SHA-256 with domain tags and injective framing.
//! * [`sign`]: Ed25519 with ZIP-215 rules and namespaces, single and in batches.
//! * [`merkle`]: RFC 9162 trees and inclusion proofs.
//!
//! Architecture invariant: layer 0. This crate knows no domain word, does no input or output, reads no clock, and
//! keeps no state but a random generator per thread.

mod bytes_type;
pub mod hash;
pub mod merkle;
pub mod random;
pub mod sign;

pub use bytes_type::HexError;
pub use hash::Digest;
pub use sign::{PublicKey, Signature, SigningKey};

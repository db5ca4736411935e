//! Salus crypto: the few constructions that every other crate builds upon, each behind one small module.
//!
//! * [`hash`]: SHA-256 with domain tags and injective framing.
//! * [`commit`]: hiding commitments to framed parts.
//! * [`sign`]: Ed25519 with ZIP-215 rules and namespaces, single and in batches.
//! * [`merkle`]: RFC 9162 trees and inclusion proofs.
//! * [`kdf`]: HKDF-SHA256 under labels.
//! * [`aead`]: AES-256-GCM under single-use keys, key commitments, and a STREAM for long plaintexts.
//! * [`hpke`]: X-Wing public-key encryption, link keys, and envelopes signed by their sender.
//! * [`shamir`]: t-of-n shares of 32-byte secrets.
//! * [`oprf`]: RFC 9497, a keyed function that one side computes with the other side's key and without showing the input.
//! * [`passphrase`]: Argon2id, for what people remember.
//! * [`secret`], [`random`]: secrets that are wiped, and where they come from.
//!
//! Architecture invariant: layer 0. This crate knows no domain word, does no input or output, reads no clock, and
//! keeps no state but a random generator per thread. No error, `Debug` or `Display` of it shows a secret.

pub mod aead;
mod bytes_type;
pub mod commit;
pub mod hash;
pub mod hpke;
pub mod kdf;
pub mod merkle;
pub mod oprf;
pub mod passphrase;
pub mod random;
pub mod secret;
pub mod shamir;
pub mod sign;

pub use bytes_type::HexError;
pub use commit::commitment;
pub use hash::Digest;
pub use hpke::{Envelope, HpkePrivateKey, HpkePublicKey, SignedEnvelope};
pub use secret::Secret32;
pub use shamir::Share;
pub use sign::{PublicKey, Signature, SigningKey};

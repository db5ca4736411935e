//! Every decoder of bytes from outside: what must hold whatever the bytes are, and from which bytes to start.
//!
//! A [`Target`] is a row of one table, [`targets()`]. The same row is run in two ways: by libFuzzer, which sees what code an
//! input reaches (`fuzz/`, for the decoders of `crypto`, `types` and `verifier`), and here, by plain mutation of
//! seeds ([`mutate`]). `cargo xtask fuzz` does both. `tests/decoders.rs` reads the sources of all crates and fails if a
//! decoder has no row.
//!
//! What must hold: no panic, what decodes encodes to the same bytes, and memory stays in proportion to the input
//! ([`check`]).
//!
//! Architecture invariant: nothing of the product depends on this crate.

pub mod check;
pub mod corpus;
pub mod mutate;
mod network;
mod targets;

pub use targets::targets;

/// Decoders that are fuzzed together.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, of small letters and `_`.
    pub name: &'static str,
    /// What it decodes, as `tests/decoders.rs` names decoders.
    pub decoders: &'static [&'static str],
    /// Its share of the executions.
    pub weight: u32,
    /// Whether libFuzzer runs it; if not, seeds are mutated here.
    pub instrumented: bool,
    /// Valid inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Tries one input; panics if something does not hold.
    pub run: fn(&[u8]),
}

/// The target with a name.
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}

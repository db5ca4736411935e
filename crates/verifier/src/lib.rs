//! Salus verifier.

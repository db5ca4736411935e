//! Salus policy.

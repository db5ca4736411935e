//! Salus vault.

//! Salus gateway.

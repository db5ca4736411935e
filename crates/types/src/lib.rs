//! Salus types.

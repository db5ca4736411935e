//! Salus crypto.

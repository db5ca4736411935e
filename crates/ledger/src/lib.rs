//! Salus ledger.

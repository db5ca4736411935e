//! `recovery`: who recovers a patient's root, on the ledger before any share is given out, and that the patient cancelled.

mod cancel_recovery;
mod start_recovery;
#[cfg(test)]
mod tests;

pub(crate) use cancel_recovery::cancel_recovery;
pub(crate) use start_recovery::start_recovery;

//! `emergency`: who breaks the glass, on the ledger before it happens, and whether it was reviewed in time.

mod break_glass;
mod review;
#[cfg(test)]
mod tests;

pub(crate) use break_glass::break_glass;
pub(crate) use review::review;

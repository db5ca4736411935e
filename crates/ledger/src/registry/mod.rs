//! `registry`: pairwise patient addresses and practitioner commitments.

mod register_patient;
mod register_practitioner;
#[cfg(test)]
mod tests;

pub(crate) use register_patient::register_patient;
pub(crate) use register_practitioner::register_practitioner;

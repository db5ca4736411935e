//! `proxies`: who may act for a patient, everything that was done so, and its end.

mod act;
mod appoint;
mod end_appointment;
#[cfg(test)]
mod tests;

pub(crate) use act::act;
pub(crate) use appoint::appoint;
pub(crate) use end_appointment::end_appointment;

//! `consent`: grants, and their end.

mod grant;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use grant::{check_period, grant};
pub(crate) use revoke::{end, revoke};

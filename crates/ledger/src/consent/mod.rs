//! `consent`: grants, and their end.

mod grant;
mod revoke;
#[cfg(test)]
mod tests;

pub(crate) use grant::grant;
pub(crate) use revoke::revoke;

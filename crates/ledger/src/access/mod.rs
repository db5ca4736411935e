//! `access`: who reads what under which grant, on the ledger before it happens.

#[expect(clippy::module_inception, reason = "the module's main action bears its name")]
mod access;
mod anchor_log;
mod dropped;
#[cfg(test)]
mod tests;

pub(crate) use access::access;
pub(crate) use anchor_log::anchor_log;
pub(crate) use dropped::dropped;

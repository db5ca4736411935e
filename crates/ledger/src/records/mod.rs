//! `records`: commitments to sealed record versions.

mod anchor;
#[cfg(test)]
mod tests;

pub(crate) use anchor::anchor;

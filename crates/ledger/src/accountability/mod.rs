//! `accountability`: what validators did against the consensus, for everybody to see and for the members to judge.

mod accuse;
#[cfg(test)]
mod tests;

pub(crate) use accuse::accuse;

//! `erasure`: what is to be destroyed, by whose order and why, and the receipts of those who destroyed it.

mod erased;
mod order_erasure;
#[cfg(test)]
mod tests;

pub(crate) use erased::erased;
pub(crate) use order_erasure::order_erasure;

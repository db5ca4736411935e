//! Tests of the node in one binary, because linking the consensus is slow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificate;
mod cluster;
mod crash;
mod epoch_table;
mod epochs;
mod index;
mod limits;
mod load;
mod mempool;
mod network;
mod proofs;
mod races;
mod restart;
mod upgrade;

//! The contract of the socket, checked against a real process over a real Unix socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

mod access;
mod at_rest;
mod durability;
mod erase;
mod input;
mod load;
mod paging;
mod sealed;
mod shares;
mod statement;
mod support;
mod validation;

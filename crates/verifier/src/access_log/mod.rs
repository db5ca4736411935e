//! The access log of an organisation: the rules of its chain, for the node that writes it and for whoever checks it.

mod audit;
mod position;
mod words;

pub use audit::{AnchorFile, LogAudit, LogError, LogHead, VerifiedLog};
pub use position::{LogFault, Position};
pub use words::{Account, Side};

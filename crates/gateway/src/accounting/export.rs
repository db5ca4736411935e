//! The whole log for an auditor: its lines page by page, and its anchors.

use crate::error::Error;
use crate::log::anchor;
use crate::proven::prove;
use crate::state::Gateway;
use salus_types::state::key;
use salus_verifier::{AnchorFile, LogHead, Subject};

/// Lines on one page.
const LINES_MAX: usize = 1_000;

/// A page of the log.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct LogPage {
    /// Exact lines, oldest first.
    pub lines: Vec<String>,
    /// What the ledger has of the log, if the page is the last one, which is empty.
    pub head: Option<LogHead>,
}

/// The lines after an entry; at their end, the proofs of all anchors.
///
/// # Errors
/// The store or the ledger does not answer.
pub async fn log_page(gateway: &Gateway, after: u64) -> Result<LogPage, Error> {
    let lines = gateway.log.lines_after(after, LINES_MAX).await?;
    let head = if lines.is_empty() { Some(head(gateway).await?) } else { None };
    Ok(LogPage { lines, head })
}

async fn head(gateway: &Gateway) -> Result<LogHead, Error> {
    let organisation = gateway.config.organisation.clone();
    let mut anchors = Vec::new();
    for sequence in 0..anchor::read(gateway)?.sequence {
        let entry = prove(gateway, &Subject::Entry(key::log(&organisation, sequence)), &[]).await?;
        anchors.push(AnchorFile { sequence, entry });
    }
    // Its handovers lead to a block after all others, and it is verified first.
    let handovers = gateway.chain().handovers().await?;
    let count = prove(gateway, &Subject::Entry(key::log_anchors(&organisation)), &handovers).await?;
    Ok(LogHead::new(organisation, anchors, count))
}

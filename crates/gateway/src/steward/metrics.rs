//! `GET /metrics` on the peer listener, in Prometheus' text format 0.0.4: for the own organisation's scraper, which
//! shows the node's own certificate. Counts only.

use crate::PeerIdentity;
use crate::error::{Code, Error};
use crate::peer::node_status;
use crate::state::Gateway;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use std::fmt::Write as _;

/// Answers the own organisation alone.
pub(crate) async fn metrics(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Extension<PeerIdentity>,
) -> Result<Response, Error> {
    if from != gateway.config.organisation {
        return Err(Error::new(Code::Forbidden, "metrics are for this organisation's own operators"));
    }
    let text = exposition(&gateway).await;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn exposition(gateway: &Gateway) -> String {
    let status = node_status(gateway).await;
    let engine = gateway.engine.status().await.unwrap_or_default();
    let moves = gateway.ports.keeper.moves().await;
    let (owed, faults) = (moves.receipts_owed.values().sum(), moves.faults.values().sum());
    let gauges = [
        ("salus_ledger_height", "Height of the newest applied block.", status.height),
        ("salus_ledger_lag_blocks", "Final blocks not applied yet.", status.lag),
        ("salus_ledger_peers", "Connected nodes.", u64::from(status.peers)),
        ("salus_ledger_mempool_transactions", "Transactions that wait.", u64::from(status.mempool)),
        ("salus_vault_stored_versions", "Record versions that wait to be sealed.", status.queues.stored),
        ("salus_vault_sealed_versions", "Record versions that wait to be anchored.", status.queues.sealed),
        ("salus_vault_anchored_versions", "Record versions that are anchored.", status.queues.anchored),
        ("salus_vault_anchor_lag_ms", "Age of the oldest version that waits.", status.queues.anchor_lag_ms),
        ("salus_custody_batches_to_move", "Batches that other custodians are to have.", moves.to_move),
        ("salus_custody_batches_late", "Batches that one of their new custodians lacks.", moves.late),
        ("salus_custody_batches_moved", "Batches that have moved.", moves.moved),
        ("salus_custody_receipts", "Receipts for destroyed shares.", moves.receipts),
        ("salus_custody_receipts_missing", "Receipts that custodians owe.", owed),
        ("salus_custody_faults", "Shares, packages and receipts that did not hold.", faults),
        ("salus_engine_resources", "Resources in the clinical store.", engine.resources),
        ("salus_engine_outbox_versions", "Versions in the clinical store's outbox.", engine.outbox),
    ];
    let mut text = String::new();
    for (name, help, value) in gauges {
        // Writing to a String cannot fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
    }
    text
}

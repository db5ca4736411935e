//! The network: how every node does, and what is in the newest blocks.

use crate::body::{Json, Params};
use crate::chain::{FinalisedBlock, NetworkView};
use crate::error::Error;
use crate::peer::{NodeStatus, node_status};
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use futures::future::join_all;
use salus_policy::Action as Ask;
use salus_types::OrganisationId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most blocks in one answer.
const BLOCKS_COUNT_MAX: u64 = 100;

pub(super) async fn network(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::ViewNetwork)?;
    let network = gateway.chain().network();
    let members = network.organisations();
    let nodes = join_all(members.map(|member| node(&gateway, &member.id, member.name.as_str()))).await;
    let head = gateway.chain().head();
    Ok(Json(json!({ "head": { "height": head.height, "timeMs": head.time_ms }, "organisations": nodes })))
}

async fn node(gateway: &Gateway, id: &OrganisationId, name: &str) -> Value {
    let own = *id == gateway.config.organisation;
    let status = match own {
        true => Some(node_status(gateway).await),
        false => gateway.ports.peers.status(id).await.ok(),
    };
    let reachable = status.is_some();
    let NodeStatus { height, lag, peers, queues, .. } = status.unwrap_or_default();
    // Behind what this node knows to be final, or, for itself, behind what it has not applied yet.
    let lag = match own {
        true => lag,
        false => gateway.chain().head().height.saturating_sub(height),
    };
    let mut node = json!({
        "organisation": id, "name": name, "height": height, "lag": lag, "peers": peers, "reachable": reachable,
    });
    if own {
        node["queues"] = json!(queues);
        node["moves"] = json!(gateway.ports.keeper.moves().await);
    }
    node
}

#[derive(Deserialize)]
pub(super) struct Range {
    from: Option<u64>,
    count: Option<u64>,
}

pub(super) async fn blocks(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(range): Params<Range>,
) -> Result<Json<Vec<Value>>, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::ViewNetwork)?;
    let (head, network) = (gateway.chain().head().height, gateway.chain().network());
    let count = range.count.unwrap_or(20).min(BLOCKS_COUNT_MAX);
    let from = range.from.unwrap_or_else(|| head.saturating_sub(count.saturating_sub(1)));
    let mut rows = Vec::new();
    for height in (from..from.saturating_add(count)).take_while(|height| *height <= head) {
        rows.extend(gateway.chain().block(height).await.map(|block| block_row(&network, &block)));
    }
    rows.reverse();
    Ok(Json(rows))
}

/// The leader is empty if it is no member any more, or has another key now.
fn block_row(network: &NetworkView, block: &FinalisedBlock) -> Value {
    let header = &block.block.header;
    let mut actions: BTreeMap<&str, u32> = BTreeMap::new();
    for transaction in block.block.transactions.iter() {
        *actions.entry(transaction.action.name()).or_default() += 1;
    }
    let leader = network.of_key(&header.leader);
    json!({
        "height": header.height,
        "timeMs": header.time_ms,
        "transactions": header.transactions,
        "leader": leader.map_or("", |member| member.id.as_str()),
        "actions": actions,
    })
}

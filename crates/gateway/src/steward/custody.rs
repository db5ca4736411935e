//! Custody: whether every copy is there and whole, and whether what was released was announced.

use crate::body::Json;
use crate::error::Error;
use crate::peer::{CustodyReport, Moves, refused};
use crate::state::Gateway;
use axum::extract::State;
use axum::http::HeaderMap;
use salus_policy::Action as Ask;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Custody {
    #[serde(flatten)]
    report: CustodyReport,
    moves: Moves,
}

pub(super) async fn custody(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
) -> Result<Json<Custody>, Error> {
    gateway.staff.allowed(&gateway, &headers, Ask::ViewNetwork)?;
    let report = gateway.ports.keeper.custody_report().await.map_err(refused)?;
    Ok(Json(Custody { report, moves: gateway.ports.keeper.moves().await }))
}

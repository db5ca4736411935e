//! The encrypted profile of a patient's devices: which organisations, which grants. Opaque here.

use super::rows;
use crate::body::{Octets, raw};
use crate::error::{Code, Error};
use crate::state::Gateway;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) async fn read(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Response, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    let row = gateway.store.read(|tx| rows::BACKUPS.get(tx, &user.to_string()))?;
    let row = row.ok_or_else(|| Error::new(Code::NotFound, "nothing has been kept yet"))?;
    Ok(raw(STANDARD.decode(row).map_err(Error::internal)?.into()))
}

pub(super) async fn write(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Octets(bytes): Octets,
) -> Result<StatusCode, Error> {
    let (user, _) = gateway.accounts.require(&headers)?;
    let row = STANDARD.encode(&bytes);
    gateway.store.write(move |tx| rows::BACKUPS.put(tx, &user.to_string(), &row)).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `POST /feeds/{feed}/documents`: a C-CDA document of a backend client that may write everything.

use super::take::{Ended, Format, take};
use super::{FeedKind, find};
use crate::body::Json;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::Ask;
use crate::fhir::authenticate;
use crate::fhir::authorise::authorise;
use crate::fhir::principal::Principal;
use crate::state::Gateway;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

/// `{ "written": resources that were new }`; 422 if it is kept for a person to look at, and need not come again.
pub(super) async fn documents(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let principal = authenticate::principal(&gateway, &headers).await?;
    let Principal::System(system) = &principal else {
        return Err(Error::new(Code::Forbidden, "documents are for a system to hand in, by its own right"));
    };
    authorise(&gateway, &principal, &Ask::batch()).await?;
    let feed = find(&gateway, &name).filter(|feed| matches!(feed.kind, FeedKind::Documents));
    let feed = feed.ok_or(Error::new(Code::NotFound, "there is no such feed"))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !["application/xml", "text/xml", "application/cda+xml"].iter().any(|known| kind.starts_with(known)) {
        return Err(Error::new(Code::MediaType, "a document is application/xml"));
    }
    match take(&gateway, feed, system, Format::Document, body.to_vec()).await? {
        Ended::Stored { written } => Ok(Json(json!({ "written": written }))),
        Ended::Kept(reason) => {
            Err(Error::new(Code::Unprocessable, format!("{reason}; it is kept for a person to look at")))
        }
        Ended::Refused { reason, again: true } => Err(Error::new(Code::Away, reason).retry_after(5)),
        Ended::Refused { reason, again: false } => Err(Error::new(Code::Unprocessable, reason)),
    }
}

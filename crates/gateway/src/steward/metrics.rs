//! `GET /metrics` on the peer listener: for the own organisation's scraper, which shows the node's own certificate.
//! Counts only, see [`crate::metrics`].

use crate::PeerIdentity;
use crate::error::{Code, Error};
use crate::metrics::CONTENT_TYPE;
use crate::state::Gateway;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// Answers the own organisation alone.
pub(crate) async fn metrics(
    State(gateway): State<Gateway>,
    Extension(PeerIdentity(from)): Extension<PeerIdentity>,
) -> Result<Response, Error> {
    if from != gateway.config.organisation {
        return Err(Error::new(Code::Forbidden, "metrics are for this organisation's own operators"));
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], gateway.metrics().await).into_response())
}

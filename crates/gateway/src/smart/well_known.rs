//! `smart-configuration` (<https://hl7.org/fhir/smart-app-launch/conformance.html>): only what is true.

use crate::state::Gateway;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// `GET /fhir/.well-known/smart-configuration`
pub(crate) async fn configuration(State(gateway): State<Gateway>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&gateway.config.public_url)))
}

fn document(base: &str) -> Value {
    json!({
        "issuer": base,
        "jwks_uri": format!("{base}/smart/jwks"),
        "token_endpoint": format!("{base}/smart/token"),
        "revocation_endpoint": format!("{base}/smart/revoke"),
        "introspection_endpoint": format!("{base}/smart/introspect"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": ["system/*.cruds", "user/*.cruds", "patient/*.cruds"],
        "capabilities": ["client-confidential-asymmetric", "permission-v2", "permission-patient", "permission-user"],
    })
}

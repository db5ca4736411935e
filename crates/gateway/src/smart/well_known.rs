//! `smart-configuration` (<https://hl7.org/fhir/smart-app-launch/conformance.html>) and `openid-configuration` (OpenID
//! Connect Discovery 1.0), which are one document: only what is true.

use crate::state::Gateway;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// `GET /fhir/.well-known/smart-configuration`, `GET /.well-known/openid-configuration`
pub(crate) async fn configuration(State(gateway): State<Gateway>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document(&gateway.config.public_url)))
}

fn document(base: &str) -> Value {
    json!({
        "issuer": base,
        "jwks_uri": format!("{base}/smart/jwks"),
        "authorization_endpoint": format!("{base}/smart/authorize"),
        "token_endpoint": format!("{base}/smart/token"),
        "registration_endpoint": format!("{base}/smart/register"),
        "revocation_endpoint": format!("{base}/smart/revoke"),
        "introspection_endpoint": format!("{base}/smart/introspect"),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
        "scopes_supported": [
            "system/*.cruds", "user/*.cruds", "patient/*.rs", "openid", "fhirUser", "launch", "launch/patient",
            "offline_access", "online_access",
        ],
        "capabilities": [
            "launch-standalone", "launch-ehr", "authorize-post", "client-public", "client-confidential-asymmetric",
            "sso-openid-connect", "context-standalone-patient", "context-ehr-patient", "context-banner",
            "permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v2",
        ],
    })
}

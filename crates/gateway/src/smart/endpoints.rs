//! Token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), JWK set.

use super::access::{AccessToken, Grant, OnBehalf, TOKEN_SECONDS};
use super::assertion::{ASSERTION_TYPE, Proven};
use super::extension::on_behalf;
use super::scope::{ScopeContext, Scopes};
use crate::error::{Code, Error, Result};
use crate::rate::Caller;
use crate::state::Gateway;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::header;
use axum::response::IntoResponse;
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct TokenForm {
    grant_type: Option<String>,
    scope: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    patient: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AboutForm {
    token: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// `POST /smart/token`
pub(crate) async fn token(
    State(gateway): State<Gateway>,
    caller: Caller,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Result<impl IntoResponse> {
    gateway.smart.limit.check(caller)?;
    let Form(form) = form.map_err(|_| malformed())?;
    if form.grant_type.as_deref() != Some("client_credentials") {
        return Err(Error::new(Code::OAuthGrantType, "this server offers `client_credentials` only"));
    }
    let asked: Scopes = form
        .scope
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|error: super::scope::BadScope| Error::new(Code::OAuthScope, error.to_string()))?;
    let proven = authenticate(&gateway, form.client_assertion_type, form.client_assertion).await?;
    let grant = grant(&gateway, proven, &asked, form.patient)?;
    let (scope, patient) = (grant.scope.clone(), grant.patient.clone());
    let mut answer = json!({
        "access_token": gateway.smart.tokens.issue(grant)?,
        "token_type": "bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": scope,
    });
    if let Some(patient) = patient {
        answer["patient"] = Value::String(patient);
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

fn grant(gateway: &Gateway, proven: Proven, asked: &Scopes, form_patient: Option<String>) -> Result<Grant> {
    let Proven { client, extensions, salus } = proven;
    let scope = asked.intersection(&client.scopes);
    if scope.is_empty() {
        return Err(Error::new(
            Code::OAuthScope,
            "nothing of the scope asked for is registered for this client",
        ));
    }
    let on_behalf = on_behalf(gateway.config.organisation.as_str(), extensions, salus, form_patient)?;
    let Some(on_behalf) = on_behalf else {
        if !scope.only(&[ScopeContext::System]) {
            return Err(Error::new(
                Code::OAuthScope,
                "without a practitioner only `system/` scopes are granted",
            ));
        }
        return Ok(Grant { client: client.id, scope, patient: None, on_behalf: None });
    };
    if !client.may_assert_users {
        return Err(Error::new(Code::OAuthUnauthorized, "this client may not act for practitioners"));
    }
    if !scope.only(&[ScopeContext::User, ScopeContext::Patient]) {
        return Err(Error::new(
            Code::OAuthScope,
            "with a practitioner only `user/` and `patient/` scopes are granted",
        ));
    }
    if gateway.practitioners.find(&on_behalf.practitioner)?.is_none() {
        return Err(Error::new(
            Code::OAuthGrant,
            "`hl7-b2b.subject_id` is no practitioner of this organisation",
        ));
    }
    let patient = Some(on_behalf.patient);
    let on_behalf = OnBehalf {
        practitioner: on_behalf.practitioner,
        purpose: on_behalf.purpose,
        reason: on_behalf.reason,
    };
    Ok(Grant { client: client.id, scope, patient, on_behalf: Some(on_behalf) })
}

/// `POST /smart/revoke`: a client ends its own token. Says the same for a token that is not valid.
pub(crate) async fn revoke(
    State(gateway): State<Gateway>,
    caller: Caller,
    form: Result<Form<AboutForm>, FormRejection>,
) -> Result<impl IntoResponse> {
    gateway.smart.limit.check(caller)?;
    let Form(form) = form.map_err(|_| malformed())?;
    let proven = authenticate(&gateway, form.client_assertion_type, form.client_assertion).await?;
    if let Some(token) = own_token(&gateway, form.token.as_deref(), &proven) {
        gateway.smart.tokens.revoke(&token).await?;
    }
    Ok(Json(json!({})))
}

/// `POST /smart/introspect`: a client learns what its own token says, and of others nothing.
pub(crate) async fn introspect(
    State(gateway): State<Gateway>,
    caller: Caller,
    form: Result<Form<AboutForm>, FormRejection>,
) -> Result<impl IntoResponse> {
    gateway.smart.limit.check(caller)?;
    let Form(form) = form.map_err(|_| malformed())?;
    let proven = authenticate(&gateway, form.client_assertion_type, form.client_assertion).await?;
    let Some(token) = own_token(&gateway, form.token.as_deref(), &proven) else {
        return Ok(Json(json!({ "active": false })));
    };
    let mut answer = json!({
        "active": true,
        "client_id": token.client_id,
        "sub": token.sub,
        "scope": token.scope,
        "iat": token.iat,
        "exp": token.exp,
        "iss": token.iss,
        "aud": token.aud,
    });
    if let Some(patient) = token.patient {
        answer["patient"] = Value::String(patient);
    }
    Ok(Json(answer))
}

/// `GET /smart/jwks`
pub(crate) async fn jwks(State(gateway): State<Gateway>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(gateway.smart.tokens.jwks()))
}

fn own_token(gateway: &Gateway, token: Option<&str>, proven: &Proven) -> Option<AccessToken> {
    let token = gateway.smart.tokens.check(token?).ok()?;
    (token.client_id == proven.client.id).then_some(token)
}

async fn authenticate(gateway: &Gateway, kind: Option<String>, assertion: Option<String>) -> Result<Proven> {
    if kind.as_deref() != Some(ASSERTION_TYPE) {
        return Err(Error::new(
            Code::OAuthRequest,
            "`client_assertion_type` must be the JWT bearer type of RFC 7523",
        ));
    }
    let assertion =
        assertion.ok_or_else(|| Error::new(Code::OAuthRequest, "`client_assertion` is missing"))?;
    gateway.smart.authenticate(&assertion).await
}

fn malformed() -> Error {
    Error::new(Code::OAuthRequest, "the body is no `application/x-www-form-urlencoded` form")
}

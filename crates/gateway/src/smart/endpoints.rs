//! Token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), JWK set.

use super::access::{AccessToken, Grant, OnBehalf, TOKEN_SECONDS};
use super::app::token::{self as apps, Redeemed};
use super::assertion::{ASSERTION_TYPE, Proven};
use super::client::Client;
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
    client_id: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AboutForm {
    token: Option<String>,
    client_id: Option<String>,
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
    let answer = match form.grant_type.as_deref() {
        Some("client_credentials") => of_system(&gateway, form).await?,
        Some("authorization_code") => of_code(&gateway, form).await?,
        Some("refresh_token") => of_refresh(&gateway, form).await?,
        _ => {
            return Err(Error::new(
                Code::OAuthGrantType,
                "this server offers `authorization_code`, `refresh_token` and `client_credentials`",
            ));
        }
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

async fn of_code(gateway: &Gateway, form: TokenForm) -> Result<Value> {
    let client = app(gateway, form.client_id, form.client_assertion_type, form.client_assertion).await?;
    let missing = || Error::new(Code::OAuthRequest, "`code`, `redirect_uri` and `code_verifier` are needed");
    let redeemed = Redeemed {
        code: form.code.ok_or_else(missing)?,
        redirect: form.redirect_uri.ok_or_else(missing)?,
        verifier: form.code_verifier.ok_or_else(missing)?,
    };
    apps::by_code(gateway, &client, redeemed).await
}

async fn of_refresh(gateway: &Gateway, form: TokenForm) -> Result<Value> {
    let missing = || Error::new(Code::OAuthRequest, "`refresh_token` is missing");
    let token = form.refresh_token.ok_or_else(missing)?;
    // An app without keys need not name itself (RFC 6749, 6): its name would prove nothing, and the token tells it.
    let unnamed = form.client_id.is_none() && form.client_assertion.is_none();
    let id = if unnamed { Some(apps::client_of(gateway, &token)?) } else { form.client_id };
    let client = app(gateway, id, form.client_assertion_type, form.client_assertion).await?;
    apps::by_refresh(gateway, &client, &token, form.scope.as_deref()).await
}

/// The app that asks: by its assertion, or by its name alone if it has no keys.
async fn app(
    gateway: &Gateway,
    id: Option<String>,
    kind: Option<String>,
    assertion: Option<String>,
) -> Result<Client> {
    let client = client_of(gateway, id, kind, assertion).await?;
    match client.app {
        Some(_) => Ok(client),
        None => Err(Error::new(Code::OAuthUnauthorized, "this client is no app of a person")),
    }
}

/// The client that asks: by its assertion, or, of an app that has no keys, by its name alone.
async fn client_of(
    gateway: &Gateway,
    id: Option<String>,
    kind: Option<String>,
    assertion: Option<String>,
) -> Result<Client> {
    let unknown = || Error::new(Code::OAuthClient, "the client is not known, or did not prove who it is");
    if assertion.is_none()
        && kind.is_none()
        && let Some(id) = id
    {
        let client = gateway.smart.clients.find(&id)?;
        return client.filter(|client| client.app.is_some() && client.is_public()).ok_or_else(unknown);
    }
    let client = authenticate(gateway, kind, assertion).await?.client;
    if id.is_some_and(|id| id != client.id) { Err(unknown()) } else { Ok(client) }
}

async fn of_system(gateway: &Gateway, form: TokenForm) -> Result<Value> {
    let asked: Scopes = form
        .scope
        .as_deref()
        .unwrap_or_default()
        .parse()
        .map_err(|error: super::scope::BadScope| Error::new(Code::OAuthScope, error.to_string()))?;
    let proven = authenticate(gateway, form.client_assertion_type, form.client_assertion).await?;
    let grant = grant(gateway, proven, &asked, form.patient)?;
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
    Ok(answer)
}

fn grant(gateway: &Gateway, proven: Proven, asked: &Scopes, form_patient: Option<String>) -> Result<Grant> {
    let Proven { client, extensions, salus } = proven;
    if client.app.is_some() {
        return Err(Error::new(
            Code::OAuthUnauthorized,
            "an app reads for a person, and never by its own right",
        ));
    }
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
        return Ok(Grant { client: client.id, scope, patient: None, on_behalf: None, app: None });
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
    Ok(Grant { client: client.id, scope, patient, on_behalf: Some(on_behalf), app: None })
}

/// `POST /smart/revoke`: a client ends its own token; with a refresh token an app gives everything back. Says the same
/// for a token that is not valid.
pub(crate) async fn revoke(
    State(gateway): State<Gateway>,
    caller: Caller,
    form: Result<Form<AboutForm>, FormRejection>,
) -> Result<impl IntoResponse> {
    gateway.smart.limit.check(caller)?;
    let Form(form) = form.map_err(|_| malformed())?;
    let client =
        client_of(&gateway, form.client_id, form.client_assertion_type, form.client_assertion).await?;
    let shown = form.token.unwrap_or_default();
    if let Some(token) = own_token(&gateway, &shown, &client)? {
        gateway.smart.tokens.revoke(&token).await?;
    } else if let Some((authorisation, _)) = apps::of_refresh(&gateway, &shown, &client.id)? {
        apps::give_back(&gateway, &authorisation.id).await?;
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
    let client =
        client_of(&gateway, form.client_id, form.client_assertion_type, form.client_assertion).await?;
    let shown = form.token.unwrap_or_default();
    let Some(token) = own_token(&gateway, &shown, &client)? else {
        let refresh = apps::of_refresh(&gateway, &shown, &client.id)?;
        return Ok(Json(refresh.map_or_else(
            || json!({ "active": false }),
            |(of, exp)| json!({ "active": true, "client_id": of.client, "scope": of.scope.to_string(), "exp": exp }),
        )));
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

/// `GET /smart/jwks`: the keys of access tokens and of id tokens.
pub(crate) async fn jwks(State(gateway): State<Gateway>) -> Result<impl IntoResponse> {
    let smart = &gateway.smart;
    let keys = json!({ "keys": [smart.tokens.jwk(), smart.identities.jwk()?] });
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(keys)))
}

/// A token of this client that is worth something: of an app, while its authorisation holds.
fn own_token(gateway: &Gateway, token: &str, client: &Client) -> Result<Option<AccessToken>> {
    let token = gateway.smart.tokens.check(token).ok().filter(|token| token.client_id == client.id);
    let Some(token) = token else { return Ok(None) };
    let holds = match &token.app {
        Some(app) => gateway.smart.authorised(app, &client.id)?.is_some(),
        None => true,
    };
    Ok(holds.then_some(token))
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

//! `authorize`: the browser comes from an app; everything is checked, and a page of this portal asks the person.
//!
//! Nobody is sent anywhere before the client and its redirect URI are found to be registered as they stand, letter by
//! letter; what is wrong before that is said here, in words.

use super::authorisation::Authorisation;
use super::launch::{self, Launch};
use super::scopes::AppScopes;
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::rate::Caller;
use crate::smart::client::Client;
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use salus_crypto::hash::hash;
use salus_crypto::random;
use salus_types::Digest;
use salus_types::category::Category;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// Requests that wait for a person, by id.
pub(super) const REQUESTS: Rows<Request> = Rows::new("smart-requests");
/// Codes by hash.
pub(super) const CODES: Rows<IssuedCode> = Rows::new("smart-codes");

/// How long a person may take.
const REQUEST_MS: u64 = 15 * 60 * 1_000;
/// Life of a code.
const CODE_MS: u64 = 60 * 1_000;
/// How long a used code is remembered, so that its second use is noticed.
const CODE_KEPT_MS: u64 = 24 * 3_600 * 1_000;
/// Requests that wait at once.
const REQUESTS_MAX: u64 = 10_000;
/// Longest `state` and `nonce`, in bytes.
const STATE_BYTES_MAX: usize = 1_024;
const NONCE_BYTES_MAX: usize = 256;
/// A SHA-256 in base64url.
const CHALLENGE_CHARS: usize = 43;

/// An app's request, checked, while a person is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) state: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    /// What is asked for and registered.
    pub(super) scope: AppScopes,
    /// A launch from a chart.
    pub(super) launch: Option<Launch>,
    expires_ms: u64,
}

/// A code that was given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct IssuedCode {
    pub(super) authorisation: String,
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) expires_ms: u64,
    pub(super) used: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    state: Option<String>,
    aud: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    nonce: Option<String>,
    launch: Option<String>,
}

/// An error of RFC 6749, 4.1.2.1, that the app is told.
type Told = (&'static str, &'static str);

/// `GET /smart/authorize`
pub(super) async fn by_query(
    State(gateway): State<Gateway>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response> {
    gateway.smart.limit.check(caller)?;
    match asked {
        Ok(Query(asked)) => begin(&gateway, asked).await,
        Err(_) => Ok(nowhere()),
    }
}

/// `POST /smart/authorize`
pub(super) async fn by_form(
    State(gateway): State<Gateway>,
    caller: Caller,
    asked: Result<Form<Asked>, FormRejection>,
) -> Result<Response> {
    gateway.smart.limit.check(caller)?;
    match asked {
        Ok(Form(asked)) => begin(&gateway, asked).await,
        Err(_) => Ok(nowhere()),
    }
}

/// What a person reads whom no app may be sent back to.
fn nowhere() -> Response {
    let words = "This app is not known here, or it sent you with an address that it did not register.\n\
                 Nothing was shown to it. You can close this page.\n";
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}

async fn begin(gateway: &Gateway, asked: Asked) -> Result<Response> {
    let client = asked.client_id.as_deref().map(|id| gateway.smart.clients.find(id)).transpose()?.flatten();
    let redirect = asked.redirect_uri.clone().unwrap_or_default();
    let Some((client, app)) = client.and_then(|client| client.app.clone().map(|app| (client, app))) else {
        return Ok(nowhere());
    };
    if !app.redirect_uris.contains(&redirect) {
        return Ok(nowhere());
    }
    // A `state` that is too long is none.
    let state = asked.state.clone().filter(|state| state.len() <= STATE_BYTES_MAX).unwrap_or_default();
    let request = match checked(gateway, &client, &app.scope, asked, redirect.clone(), state.clone()) {
        Ok(request) => request,
        Err(told) => return back(gateway, &redirect, &state, told),
    };
    let id = hex::encode(random::bytes::<16>());
    let page = if request.launch.is_some() { "/clinic/allow" } else { "/allow" };
    let (key, row, client) = (id.clone(), request, client.id.clone());
    let kept = gateway.store.write(move |tx| wait(tx, &key, row, &client)).await?;
    match kept {
        Ok(()) => see(&format!("{}{page}/{id}", gateway.config.public_url)),
        Err(told) => back(gateway, &redirect, &state, told),
    }
}

fn checked(
    gateway: &Gateway,
    client: &Client,
    registered: &AppScopes,
    asked: Asked,
    redirect: String,
    state: String,
) -> Result<Request, Told> {
    let invalid = |why| Err(("invalid_request", why));
    if asked.response_type.as_deref() != Some("code") {
        return Err(("unsupported_response_type", "this server answers with `code` only"));
    }
    if state.is_empty() {
        return invalid("`state` is missing or too long");
    }
    if asked.aud.as_deref().map(|aud| aud.trim_end_matches('/')) != Some(gateway.config.fhir_url().as_str()) {
        return invalid("`aud` is not the FHIR base of this server");
    }
    let challenge = asked.code_challenge.unwrap_or_default();
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if asked.code_challenge_method.as_deref() != Some("S256")
        || challenge.len() != CHALLENGE_CHARS
        || !challenge.bytes().all(base64url)
    {
        return invalid("`code_challenge` with the method S256 is needed");
    }
    if asked.nonce.as_ref().is_some_and(|nonce| nonce.len() > NONCE_BYTES_MAX) {
        return invalid("`nonce` is too long");
    }
    let scope = AppScopes::of(asked.scope.as_deref().unwrap_or_default())
        .map_err(|_| ("invalid_scope", "too many scopes at once"))?
        .both(registered);
    let launch = match asked.launch {
        None => None,
        Some(_) if !scope.has("launch") => return invalid("`launch` needs the scope of that name"),
        Some(token) => Some(
            launch::find(gateway, &token, &client.id)
                .ok_or(("invalid_request", "`launch` is not known, was used, or is for another app"))?,
        ),
    };
    let scope = if launch.is_some() { scope.without(&["launch/patient"]) } else { scope.of_a_patient() };
    if scope.data.is_empty() && !scope.has("openid") {
        return Err(("invalid_scope", "nothing of the scope asked for can be granted to this app"));
    }
    let expires_ms = clock::now_ms() + REQUEST_MS;
    Ok(Request {
        client: client.id.clone(),
        redirect,
        state,
        challenge,
        nonce: asked.nonce,
        scope,
        launch,
        expires_ms,
    })
}

/// A launch is used by the request that brings it.
fn wait(tx: &WriteTransaction, id: &str, row: Request, client: &str) -> Result<Result<(), Told>, StoreError> {
    if REQUESTS.count(tx)? >= REQUESTS_MAX {
        forget(tx)?;
    }
    if REQUESTS.count(tx)? >= REQUESTS_MAX {
        return Ok(Err(("temporarily_unavailable", "too many apps ask at once")));
    }
    if let Some(launch) = &row.launch
        && !launch::take(tx, launch, client)?
    {
        return Ok(Err(("invalid_request", "`launch` was used before")));
    }
    REQUESTS.put(tx, id, &row)?;
    Ok(Ok(()))
}

/// Sends the browser on.
fn see(to: &str) -> Result<Response> {
    let location = HeaderValue::from_str(to).map_err(Error::internal)?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// Sends the browser back to the app with an error.
fn back(gateway: &Gateway, redirect: &str, state: &str, (error, why): Told) -> Result<Response> {
    see(&answered(gateway, redirect, state, &[("error", error), ("error_description", why)])?)
}

/// The redirect URI with an answer; `iss` says whose it is (RFC 9207).
fn answered(gateway: &Gateway, redirect: &str, state: &str, answer: &[(&str, &str)]) -> Result<String> {
    let mut url = Url::parse(redirect).map_err(Error::internal)?;
    {
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(answer);
        if !state.is_empty() {
            pairs.append_pair("state", state);
        }
        pairs.append_pair("iss", &gateway.config.public_url);
    }
    Ok(url.into())
}

/// A request that still waits.
///
/// # Errors
/// [`Code::Gone`].
pub(super) fn waiting(gateway: &Gateway, id: &str) -> Result<Request> {
    fresh(gateway.store.read(|tx| REQUESTS.get(tx, id))?, clock::now_ms())
}

fn fresh(row: Option<Request>, now_ms: u64) -> Result<Request> {
    let row = row.filter(|row| row.expires_ms > now_ms);
    row.ok_or_else(|| Error::new(Code::Gone, "this request is over; go back to the app and begin again"))
}

/// Takes a request, keeps the authorisation, and gives out a code: where the browser goes with it.
pub(super) async fn grant(gateway: &Gateway, id: &str, new: Authorisation) -> Result<String> {
    let request = waiting(gateway, id)?;
    let code = hex::encode(random::bytes::<32>());
    let issued = IssuedCode {
        authorisation: new.id.clone(),
        client: request.client.clone(),
        redirect: request.redirect.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        expires_ms: clock::now_ms() + CODE_MS,
        used: false,
    };
    let (id, key, now_ms) = (id.to_owned(), code_key(&code).to_string(), clock::now_ms());
    gateway
        .store
        .write(move |tx| {
            fresh(REQUESTS.take(tx, &id)?, now_ms)?;
            super::authorisation::keep(tx, &new)?;
            Ok::<_, Error>(CODES.put(tx, &key, &issued)?)
        })
        .await?;
    answered(gateway, &request.redirect, &request.state, &[("code", &code)])
}

/// The table holds hashes, so that a copy of it redeems nothing.
pub(super) fn code_key(code: &str) -> Digest {
    hash("salus/smart-code/v1", &[code.as_bytes()])
}

/// `GET /smart/requests/{id}`: what the page of the portal shows.
pub(super) async fn show(State(gateway): State<Gateway>, Path(id): Path<String>) -> Result<Json<Value>> {
    let request = waiting(&gateway, &id)?;
    let client = gateway.smart.clients.find(&request.client)?;
    let client = client.ok_or_else(|| Error::new(Code::Gone, "this app may not be used here any more"))?;
    let (stays, own) = (request.scope.has("offline_access"), gateway.membership());
    Ok(Json(json!({
        "organisation": gateway.config.organisation,
        "organisationName": own.map(|own| own.organisation.name.as_str().to_owned()),
        "client": client.id,
        "name": client.name,
        "site": client.app.and_then(|app| app.site),
        "redirect": request.redirect,
        "challenge": request.challenge,
        "scope": request.scope.to_string(),
        "categories": categories_of(&request.scope),
        "stays": stays,
        "identity": request.scope.has("openid"),
        "launch": request.launch.is_some(),
    })))
}

/// What the scopes may reach, as people choose: records of every type may be protected, and observations are of many kinds.
fn categories_of(scope: &AppScopes) -> Vec<Category> {
    use Category::{Imaging, Labs, Notes, Procedures, Vitals};
    let Some(kinds) = scope.data.kinds() else { return Category::ALL.to_vec() };
    let reached = |category: Category| {
        let by_type = kinds.iter().any(|kind| match *kind {
            "Observation" | "DiagnosticReport" => {
                [Imaging, Labs, Notes, Procedures, Vitals].contains(&category)
            }
            kind => salus_vault::category::category(kind, "{}") == category,
        });
        by_type || (category.is_protected() && !kinds.is_empty())
    };
    Category::ALL.iter().copied().filter(|category| reached(*category)).collect()
}

/// `POST /smart/requests/{id}/refuse`: the app is told that it was refused, and no more.
pub(super) async fn refuse(State(gateway): State<Gateway>, Path(id): Path<String>) -> Result<Json<Value>> {
    let now_ms = clock::now_ms();
    let request = gateway.store.write(move |tx| fresh(REQUESTS.take(tx, &id)?, now_ms)).await?;
    let told = [("error", "access_denied"), ("error_description", "the person refused")];
    Ok(Json(json!({ "redirect": answered(&gateway, &request.redirect, &request.state, &told)? })))
}

/// Forgets requests and codes that are of no use any more.
pub(super) fn forget(tx: &WriteTransaction) -> Result<(), StoreError> {
    let now = clock::now_ms();
    REQUESTS.prune(tx, |row| row.expires_ms > now)?;
    CODES.prune(tx, |code| code.expires_ms + CODE_KEPT_MS > now).map(|_| ())
}

//! Registering an app (RFC 7591). Anybody may ask; nothing works before a steward has approved.

use super::scopes::AppScopes;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::rate::Caller;
use crate::smart::ScopeContext;
use crate::smart::client::{self, Client};
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use salus_crypto::random;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};

/// Apps and what was decided about them, by client id.
pub(super) const APPS: Rows<Registration> = Rows::new("smart-apps");

/// Registrations that wait at once; more are refused.
const WAITING_MAX: usize = 100;
/// How long one waits before it is forgotten.
const WAITING_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Apps at one organisation.
const APPS_MAX: u64 = 1_000;
/// Longest name in characters; patients read it.
const NAME_CHARS_MAX: usize = 60;
/// Most redirect URIs of one app.
const URIS_MAX: usize = 8;
/// Longest URI in bytes.
const URI_BYTES_MAX: usize = 512;

/// What an app is beside what every client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct App {
    /// Where codes may be sent: compared letter by letter.
    pub(crate) redirect_uris: Vec<String>,
    /// Everything that it may ask for.
    pub(crate) scope: AppScopes,
    /// Where it begins when it is opened from a chart.
    pub(crate) launch_url: Option<String>,
    /// Its page on the web.
    pub(crate) site: Option<String>,
}

impl App {
    /// Origins of its pages: their scripts may call this node.
    pub(crate) fn origins(&self) -> impl Iterator<Item = String> {
        let urls = self.redirect_uris.iter().filter_map(|uri| Url::parse(uri).ok());
        urls.filter(|url| matches!(url.scheme(), "https" | "http"))
            .map(|url| url.origin().ascii_serialization())
    }
}

/// An app and what was decided about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) client: Client,
    pub(super) stage: Stage,
    pub(super) received_ms: u64,
    /// When and by whom it was decided last.
    pub(super) decided: Option<(u64, String)>,
}

/// Where a registration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Waiting,
    Approved,
    Refused,
    Ended,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<Value>,
    scope: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_uri: Option<String>,
    launch_url: Option<String>,
}

/// `POST /smart/register`
pub(super) async fn register(
    State(gateway): State<Gateway>,
    caller: Caller,
    metadata: Result<Json<Metadata>, JsonRejection>,
) -> Result<impl IntoResponse> {
    gateway.smart.registrations.check(caller)?;
    let Json(metadata) = metadata.map_err(|_| refuse("the body is no JSON document of client metadata"))?;
    let client = checked(metadata)?;
    let answer = shown(&client);
    let row = Registration { client, stage: Stage::Waiting, received_ms: clock::now_ms(), decided: None };
    gateway.store.write(move |tx| wait(tx, &row)).await?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

fn refuse(why: &'static str) -> Error {
    Error::new(Code::OAuthMetadata, why)
}

fn wait(tx: &WriteTransaction, row: &Registration) -> Result<()> {
    let waiting = APPS.scan_last_mut(tx, "", usize::MAX)?;
    let waiting = waiting.iter().filter(|(_, row)| row.stage == Stage::Waiting).count();
    if waiting >= WAITING_MAX || APPS.count(tx)? >= APPS_MAX {
        return Err(Error::new(Code::Throttled, "too many apps wait for approval here").retry_after(3_600));
    }
    Ok(APPS.put(tx, &row.client.id, row)?)
}

/// Forgets what was refused, or waited for too long.
pub(super) fn forget(tx: &WriteTransaction) -> Result<(), StoreError> {
    let now = clock::now_ms();
    let kept = |row: &Registration| {
        matches!(row.stage, Stage::Approved | Stage::Ended) || row.received_ms + WAITING_MS > now
    };
    APPS.prune(tx, kept).map(|_| ())
}

fn checked(metadata: Metadata) -> Result<Client> {
    let name = metadata.client_name.as_deref().map(str::trim).unwrap_or_default().to_owned();
    let readable = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(is_plain);
    if !readable {
        return Err(refuse("`client_name` has 1 to 60 characters that people can read"));
    }
    let only = |asked: Option<Vec<String>>, known: &[&str]| {
        asked.is_none_or(|asked| asked.iter().all(|one| known.contains(&one.as_str())))
    };
    if !only(metadata.grant_types, &["authorization_code", "refresh_token"])
        || !only(metadata.response_types, &["code"])
    {
        return Err(refuse("apps get `authorization_code` and `refresh_token`, by `code`"));
    }
    let uris = &metadata.redirect_uris;
    if uris.is_empty() || uris.len() > URIS_MAX || !uris.iter().all(|uri| is_redirect(uri)) {
        return Err(Error::new(
            Code::OAuthRedirect,
            "`redirect_uris` are 1 to 8: `https`, `http` on a loopback address, or an app's own scheme such as \
             `org.example.app:/back`; as they are written when normalised, without a fragment",
        ));
    }
    let pages = [&metadata.client_uri, &metadata.launch_url];
    if !pages.into_iter().flatten().all(|uri| is_page(uri)) {
        return Err(refuse(
            "`client_uri` and `launch_url` are `https` addresses, or `http` on a loopback address",
        ));
    }
    if metadata.jwks_uri.is_some() {
        return Err(refuse("keys are given as `jwks`: no client's address is ever fetched"));
    }
    let keys = match (metadata.token_endpoint_auth_method.as_deref(), metadata.jwks) {
        (Some("none"), None) => client::no_keys(),
        (Some("private_key_jwt"), Some(jwks)) => client::keys_of(jwks).map_err(|_| {
            refuse("`jwks` has 1 to 16 keys, each with a `kid`, RSA of at least 2,048 bits or EC P-384")
        })?,
        _ => {
            return Err(refuse(
                "`token_endpoint_auth_method` is `none`, or `private_key_jwt` with the keys in `jwks`",
            ));
        }
    };
    let scope = AppScopes::of(metadata.scope.as_deref().unwrap_or_default())?;
    let for_people = scope.data.only(&[ScopeContext::Patient, ScopeContext::User]);
    if !for_people || (scope.data.is_empty() && !scope.has("openid")) {
        return Err(refuse("`scope` names nothing that this server offers to apps"));
    }
    let app = App {
        redirect_uris: metadata.redirect_uris,
        scope,
        launch_url: metadata.launch_url,
        site: metadata.client_uri,
    };
    let id = format!("app-{}", hex::encode(random::bytes::<12>()));
    Ok(Client::of_app(id, name, keys, app))
}

/// Letters, digits, signs and single spaces: nothing that hides, or turns the direction of what follows.
fn is_plain(character: char) -> bool {
    character == ' '
        || character.is_alphanumeric()
        || (character.is_ascii_graphic() && !"<>\"`".contains(character))
}

fn normal(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    // A star is a part of a name for parsers and a pattern for people: nothing here is a pattern.
    let exact = url.as_str() == text
        && !text.contains('*')
        && text.len() <= URI_BYTES_MAX
        && url.fragment().is_none();
    (exact && url.username().is_empty() && url.password().is_none()).then_some(url)
}

fn is_web(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

fn is_page(text: &str) -> bool {
    normal(text).is_some_and(|url| is_web(&url))
}

/// A scheme of an app's own has a dot in it (RFC 8252, 7.1): so none that a browser runs or shows is one.
fn is_redirect(text: &str) -> bool {
    normal(text).is_some_and(|url| is_web(&url) || (url.scheme().contains('.') && !url.has_host()))
}

fn shown(client: &Client) -> Value {
    let app = client.app.as_ref();
    let method = if client.is_public() { "none" } else { "private_key_jwt" };
    json!({
        "client_id": client.id,
        "client_id_issued_at": clock::now_s(),
        "client_name": client.name,
        "redirect_uris": app.map(|app| &app.redirect_uris),
        "scope": app.map(|app| app.scope.to_string()),
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_uri": app.and_then(|app| app.site.as_ref()),
        "launch_url": app.and_then(|app| app.launch_url.as_ref()),
    })
}

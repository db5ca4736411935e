//! Another FHIR server, asked for what is new: `GET [type]?_lastUpdated=ge...&_sort=_lastUpdated`, page by page. Where it
//! got to is kept after each page, so that nothing is missed and little is asked twice.
//!
//! Nothing but the configured origin is ever asked: a link elsewhere ends the round, and redirects are not followed.

use super::rows::{PEOPLE, State, change, state};
use super::take::{Ended, Format, take};
use super::write::Filed;
use super::{FeedConfig, FhirFeed, SignIn};
use crate::clock;
use crate::error::{Error, Result};
use crate::smart::ASSERTION_TYPE;
use crate::state::Gateway;
use crate::store::StoreError;
use salus_feeds::fhir::{PAGE_BYTES_MAX, Page, People, page, patients};
use salus_feeds::{from_text, to_text};
use serde_json::{Value, json};
use std::time::Duration;
use url::Url;

/// Longest wait for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Most pages of one type in a round; the next round goes on.
const PAGES_PER_ROUND_MAX: usize = 1_000;
/// Resources on a page, if the other server agrees.
const PAGE_RESOURCES: &str = "100";
/// Resources of the newest instant that are remembered, so that they are not taken again.
const SEEN_MAX: usize = 5_000;
/// How long an assertion is good for, in seconds.
const ASSERTION_S: u64 = 240;

/// Why a round ended early, in words for a steward.
type Trouble = &'static str;

const AWAY: Trouble = "the other server does not answer";
const REFUSES: Trouble = "the other server refuses the question";
const MALFORMED: Trouble = "the other server's answer is not understood";
const ELSEWHERE: Trouble = "the other server's next page is somewhere else, where this node does not ask";
const SIGN_IN: Trouble = "this node could not sign in at the other server";
const OWN: Trouble = "the own clinical store is away";

/// The base URL of a server, without a slash at the end.
pub(super) fn base(settings: &FhirFeed) -> String {
    settings.base.as_str().trim_end_matches('/').to_owned()
}

/// Ids here of the patients that a resource mentions, where they were known before.
pub(super) fn people(gateway: &Gateway, feed: &str, resource: &Value, base: &str) -> Result<People> {
    let mentioned = patients(resource, base);
    let rows = gateway.store.read(|tx| {
        let known = mentioned.into_iter().map(|remote| {
            let id = PEOPLE.get(tx, &format!("{feed}/{remote}"))?;
            Ok::<_, StoreError>(id.map(|id| (remote, id)))
        });
        known.filter_map(std::result::Result::transpose).collect()
    });
    rows.map_err(Error::from)
}

/// Remembers who a patient of the other server is here.
pub(super) async fn remember(
    gateway: &Gateway,
    feed: &FeedConfig,
    format: Format,
    bytes: &[u8],
    filed: &Filed,
) -> Result<()> {
    let Some(id) = filed.known.values().next().filter(|_| format == Format::Resource).cloned() else {
        return Ok(());
    };
    let resource = std::str::from_utf8(bytes).ok().and_then(from_text).unwrap_or_default();
    let Some(remote) = resource["id"].as_str() else { return Ok(()) };
    let key = format!("{}/{remote}", feed.name);
    gateway.store.write(move |tx| PEOPLE.put(tx, &key, &id)).await.map_err(Error::from)
}

/// Asks every so often, until the gateway stops.
pub(super) async fn run(gateway: Gateway, feed: FeedConfig, settings: FhirFeed) {
    let asking = async {
        loop {
            super::ended(&gateway, &feed, round(&gateway, &feed, &settings).await.err());
            tokio::time::sleep(settings.every).await;
        }
    };
    tokio::select! {
        () = gateway.stopped() => (),
        () = asking => (),
    }
}

/// Asks once for what is new of every type.
pub(super) async fn round(
    gateway: &Gateway,
    feed: &FeedConfig,
    settings: &FhirFeed,
) -> std::result::Result<(), Trouble> {
    let client = client(settings)?;
    let token = token(&client, settings).await?;
    for kind in &settings.types {
        let mut url = first(gateway, feed, settings, kind)?;
        for _ in 0..PAGES_PER_ROUND_MAX {
            let got = get(&client, &url, token.as_deref(), kind).await?;
            take_page(gateway, feed, kind, &got).await?;
            let Some(next) = got.next else { break };
            url = settings
                .base
                .join(&next)
                .ok()
                .filter(|next| is_same_origin(&settings.base, next))
                .ok_or(ELSEWHERE)?;
        }
    }
    Ok(())
}

fn is_same_origin(base: &Url, other: &Url) -> bool {
    base.origin() == other.origin() && other.username().is_empty() && other.password().is_none()
}

fn client(settings: &FhirFeed) -> std::result::Result<reqwest::Client, Trouble> {
    // An error means that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(ANSWER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(settings.base.scheme() == "https");
    if let Some(pem) = &settings.authorities {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| SIGN_IN)?;
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|_| AWAY)
}

fn first(
    gateway: &Gateway,
    feed: &FeedConfig,
    settings: &FhirFeed,
    kind: &str,
) -> std::result::Result<Url, Trouble> {
    let state = state(gateway, &feed.name).map_err(|_| OWN)?;
    let mut url: Url = format!("{}/{kind}", base(settings)).parse().map_err(|_| MALFORMED)?;
    let mut query = url.query_pairs_mut();
    if let Some(cursor) = state.cursors.get(kind) {
        query.append_pair("_lastUpdated", &format!("ge{cursor}"));
    }
    query.append_pair("_sort", "_lastUpdated").append_pair("_count", PAGE_RESOURCES);
    drop(query);
    Ok(url)
}

async fn get(
    client: &reqwest::Client,
    url: &Url,
    token: Option<&str>,
    kind: &str,
) -> std::result::Result<Page, Trouble> {
    let mut request = client.get(url.clone()).header("accept", "application/fhir+json");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(|_| AWAY)?;
    if !answer.status().is_success() {
        return Err(REFUSES);
    }
    page(&whole(answer, PAGE_BYTES_MAX).await?, kind).map_err(|_| MALFORMED)
}

/// The body of an answer, up to a limit.
async fn whole(mut answer: reqwest::Response, bytes_max: usize) -> std::result::Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| AWAY)? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(MALFORMED);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Takes what is on a page, and moves the cursor.
async fn take_page(
    gateway: &Gateway,
    feed: &FeedConfig,
    kind: &str,
    page: &Page,
) -> std::result::Result<(), Trouble> {
    let before = state(gateway, &feed.name).map_err(|_| OWN)?;
    let (cursor, seen) = (before.cursors.get(kind), before.seen.get(kind));
    let system = gateway.feeds.system(&feed.name);
    for resource in &page.resources {
        let is_old = time_of(resource) == cursor.map(String::as_str)
            && seen.is_some_and(|seen| seen.contains(&version_of(resource)));
        if is_old {
            continue;
        }
        let bytes = to_text(resource).into_bytes();
        match take(gateway, feed, &system, Format::Resource, bytes).await {
            Ok(Ended::Refused { again: true, .. }) | Err(_) => return Err(OWN),
            Ok(_) => {}
        }
    }
    let Some(newest) = page.newest.clone() else { return Ok(()) };
    let of_newest =
        page.resources.iter().filter(|one| time_of(one) == Some(newest.as_str())).map(version_of).collect();
    let kind = kind.to_owned();
    let moved = change(gateway, &feed.name, move |state| move_on(state, kind, newest, of_newest));
    moved.await.map_err(|_| OWN)
}

fn move_on(state: &mut State, kind: String, newest: String, mut of_newest: Vec<String>) {
    let cursor = state.cursors.entry(kind.clone()).or_default();
    let seen = state.seen.entry(kind).or_default();
    if *cursor == newest {
        of_newest.retain(|version| !seen.contains(version));
        seen.extend(of_newest);
    } else if *cursor < newest {
        *cursor = newest;
        *seen = of_newest;
    }
    seen.truncate(SEEN_MAX);
}

fn time_of(resource: &Value) -> Option<&str> {
    resource["meta"]["lastUpdated"].as_str()
}

fn version_of(resource: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&resource["id"]), text(&resource["meta"]["versionId"]))
}

async fn token(
    client: &reqwest::Client,
    settings: &FhirFeed,
) -> std::result::Result<Option<String>, Trouble> {
    match &settings.sign_in {
        SignIn::None => Ok(None),
        SignIn::Bearer(file) => {
            let text = tokio::fs::read_to_string(file).await.map_err(|_| SIGN_IN)?;
            Ok(Some(text.trim().to_owned()))
        }
        SignIn::PrivateKeyJwt { token_url, client: id, key_id, key_file, scope } => {
            let pem = tokio::fs::read(key_file).await.map_err(|_| SIGN_IN)?;
            let assertion = assertion(&pem, key_id, id, token_url)?;
            exchange(client, token_url, &assertion, scope).await.map(Some)
        }
    }
}

/// The assertion of SMART Backend Services.
fn assertion(
    pem: &[u8],
    key_id: &str,
    client: &str,
    token_url: &Url,
) -> std::result::Result<String, Trouble> {
    let key = jsonwebtoken::EncodingKey::from_ec_pem(pem).map_err(|_| SIGN_IN)?;
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES384);
    header.kid = Some(key_id.to_owned());
    let claims = json!({
        "iss": client, "sub": client, "aud": token_url.as_str(),
        "exp": clock::now_s() + ASSERTION_S, "jti": uuid::Uuid::new_v4().to_string(),
    });
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| SIGN_IN)
}

async fn exchange(
    client: &reqwest::Client,
    url: &Url,
    assertion: &str,
    scope: &str,
) -> std::result::Result<String, Trouble> {
    let form: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("scope", scope)
        .append_pair("client_assertion_type", ASSERTION_TYPE)
        .append_pair("client_assertion", assertion)
        .finish();
    let request =
        client.post(url.clone()).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.map_err(|_| AWAY)?;
    if !answer.status().is_success() {
        return Err(SIGN_IN);
    }
    let bytes = whole(answer, 64 * 1024).await?;
    let answer: Value = serde_json::from_slice(&bytes).map_err(|_| SIGN_IN)?;
    answer["access_token"].as_str().map(str::to_owned).ok_or(SIGN_IN)
}

//! Opening an app from a chart (SMART "EHR launch"): a token for one use, bound to the clinician, the chart and the app.

use super::authorisation::{Authorisation, By};
use super::authorize;
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::fhir::principal::Practitioner;
use crate::staff;
use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use salus_crypto::hash::hash;
use salus_crypto::random;
use salus_policy::Action;
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// Launches that wait for their app, by hash of the token.
const LAUNCHES: Rows<Launch> = Rows::new("smart-launches");
/// How long a launch waits for its app.
const LAUNCH_MS: u64 = 5 * 60 * 1_000;
/// Longest use of an app from one launch; a chart is open no longer.
const USE_MS: u64 = 12 * 3_600 * 1_000;

/// A launch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Launch {
    key: String,
    pub(super) client: String,
    pub(super) practitioner: String,
    pub(super) chart: String,
    expires_ms: u64,
}

#[derive(Deserialize)]
pub(super) struct Begin {
    chart: String,
    app: String,
}

/// `GET /staff/launches`: the apps that a clinician may open from a chart.
pub(super) async fn list(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>> {
    clinician(&gateway, &headers)?;
    let apps = gateway.smart.clients.all()?;
    let apps = apps.iter().filter(|client| client.app.as_ref().is_some_and(|app| app.launch_url.is_some()));
    Ok(Json(apps.map(|client| json!({ "id": client.id, "name": client.name })).collect()))
}

/// `POST /staff/launches`: where the browser goes to open an app in a chart.
pub(super) async fn begin(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Begin>,
) -> Result<Json<Value>> {
    let member = clinician(&gateway, &headers)?;
    staff::at_chart(&gateway, member.clone(), &ask.chart)?;
    let client = gateway.smart.clients.find(&ask.app)?;
    let url = client.and_then(|client| client.app?.launch_url);
    let url = url.ok_or_else(|| Error::new(Code::NotFound, "there is no such app"))?;
    let token = hex::encode(random::bytes::<32>());
    let launch = Launch {
        key: key_of(&token),
        client: ask.app,
        practitioner: member.id,
        chart: ask.chart,
        expires_ms: clock::now_ms() + LAUNCH_MS,
    };
    gateway.store.write(move |tx| LAUNCHES.put(tx, &launch.key, &launch)).await?;
    let mut url = Url::parse(&url).map_err(Error::internal)?;
    url.query_pairs_mut().append_pair("iss", &gateway.config.fhir_url()).append_pair("launch", &token);
    Ok(Json(json!({ "url": String::from(url) })))
}

/// `POST /staff/launches/{id}/allow`: the clinician who began it goes on to the app, while the chart is open.
pub(super) async fn allow(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>> {
    let member = clinician(&gateway, &headers)?;
    let request = authorize::waiting(&gateway, &id)?;
    let launch = request.launch.filter(|launch| launch.practitioner == member.id);
    let launch = launch.ok_or_else(|| Error::new(Code::Forbidden, "this was begun by somebody else"))?;
    let at_work = staff::at_chart(&gateway, member, &launch.chart)?;
    let client = gateway.smart.clients.find(&request.client)?;
    let client = client.ok_or_else(|| Error::new(Code::Gone, "this app may not be used here any more"))?;
    let now = clock::now_ms();
    let new = Authorisation {
        id: hex::encode(random::bytes::<16>()),
        client: client.id,
        name: client.name,
        patient: at_work.patient.unwrap_or_default(),
        scope: request.scope,
        made_ms: now,
        until_ms: now + USE_MS,
        used_ms: None,
        generation: 0,
        ended: None,
        by: By::Clinician { practitioner: launch.practitioner, chart: launch.chart },
    };
    Ok(Json(json!({ "redirect": authorize::grant(&gateway, &id, new).await? })))
}

fn clinician(gateway: &Gateway, headers: &HeaderMap) -> Result<crate::practitioner::Practitioner> {
    let member = gateway.staff.member(gateway, headers)?;
    staff::decide(&member, Action::OpenChart, Purpose::Treatment, true, false)?;
    Ok(member)
}

/// The launch with a token, for this client.
pub(super) fn find(gateway: &Gateway, token: &str, client: &str) -> Option<Launch> {
    let found = gateway.store.read(|tx| LAUNCHES.get(tx, &key_of(token))).ok()??;
    (found.client == client && found.expires_ms > clock::now_ms()).then_some(found)
}

/// Uses a launch; `false` if it was used. Of many at once exactly one wins.
pub(super) fn take(tx: &WriteTransaction, launch: &Launch, client: &str) -> Result<bool, StoreError> {
    Ok(LAUNCHES.take(tx, &launch.key)?.is_some_and(|found| found.client == client))
}

/// Forgets launches that no app came for.
pub(super) fn forget(tx: &WriteTransaction) -> Result<(), StoreError> {
    let now = clock::now_ms();
    LAUNCHES.prune(tx, |launch| launch.expires_ms > now).map(|_| ())
}

fn key_of(token: &str) -> String {
    hash("salus/smart-launch/v1", &[token.as_bytes()]).to_string()
}

/// The clinician of an authorisation, while the chart is open.
///
/// # Errors
/// [`Code::Forbidden`] once the chart is closed.
pub(crate) fn at_work(gateway: &Gateway, practitioner: &str, chart: &str) -> Result<Option<Practitioner>> {
    let Some(member) = gateway.practitioners.find(practitioner)? else { return Ok(None) };
    staff::at_chart(gateway, member, chart).map(Some)
}

//! Charts: a care relation of one practitioner to one patient, for twelve hours, with a reason.

use super::patients;
use super::rows::{self, Chart};
use crate::body::Json;
use crate::cases;
use crate::clock;
use crate::error::{Code, Error};
use crate::log::{Access, Kind, Who};
use crate::merge;
use crate::practitioner::Practitioner;
use crate::shares::{Fetched, Source, SourceState};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use salus_crypto::random;
use salus_policy::Action;
use salus_types::category::Purpose;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long a chart stays open.
const CHART_LIFETIME_MS: u64 = 12 * 3_600 * 1_000;
/// Longest reason in characters.
const REASON_CHARS_MAX: usize = 500;

#[derive(Deserialize)]
pub(super) struct Open {
    patient: String,
    reason: String,
    purpose: Purpose,
}

pub(super) async fn open(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Open>,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let reason = checked_reason(&ask.reason)?;
    super::decide(&member, Action::OpenChart, ask.purpose, !reason.is_empty(), false)?;
    let patient = patients::find(&gateway, &member.id, &ask.patient).await?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?.id;
    let restricted = cases::is_restricted(&gateway, &patient)?;
    super::decide(&member, Action::OpenChart, ask.purpose, !reason.is_empty(), restricted)?;
    record(&gateway, &member, &patient, &reason, ask.purpose).await?;
    let expires_ms = clock::now_ms() + CHART_LIFETIME_MS;
    let (id, chart) = keep(&gateway, &member, &patient, (reason, ask.purpose), expires_ms).await?;
    let mut also = Vec::new();
    for other in merge::group(&gateway, &patient)?.into_iter().filter(|other| *other != patient) {
        // The same person: each registration has its own list of who looked.
        let (reason, purpose) = (chart.reason.clone(), chart.purpose);
        record(&gateway, &member, &other, &reason, purpose).await?;
        let (id, _) = keep(&gateway, &member, &other, (reason, purpose), expires_ms).await?;
        also.push(json!({ "chart": id, "patient": other }));
    }
    let sources = gateway.shares.sources(&gateway, &super::at_work(member, Some(chart))).await?;
    let sources = with_silent(&gateway, sources);
    Ok(Json(json!({ "chart": id, "patient": patient, "sources": sources, "also": also })))
}

/// Opens a chart in an emergency, until `expires_ms`; its id.
///
/// # Errors
/// A fault of the log or the store.
pub(crate) async fn open_in_emergency(
    gateway: &Gateway,
    member: &Practitioner,
    patient: &str,
    reason: &str,
    expires_ms: u64,
) -> Result<String, Error> {
    record(gateway, member, patient, reason, Purpose::Emergency).await?;
    let why = (reason.to_owned(), Purpose::Emergency);
    Ok(keep(gateway, member, patient, why, expires_ms).await?.0)
}

/// The access log has the entry on disk before the chart is open.
async fn record(
    gateway: &Gateway,
    member: &Practitioner,
    patient: &str,
    reason: &str,
    purpose: Purpose,
) -> Result<(), Error> {
    let access = Access::about(who(member), Kind::ChartOpened, patient, Some(purpose), reason);
    gateway.log.append(access)?.durable().await
}

pub(crate) fn who(member: &Practitioner) -> Who {
    Who::Practitioner {
        id: member.id.clone(),
        name: member.name.clone(),
        role: member.role.as_str().to_owned(),
        commitment: member.commitment,
    }
}

async fn keep(
    gateway: &Gateway,
    member: &Practitioner,
    patient: &str,
    (reason, purpose): (String, Purpose),
    expires_ms: u64,
) -> Result<(String, Chart), Error> {
    let id = hex::encode(random::bytes::<16>());
    let now_ms = clock::now_ms();
    let chart =
        Chart { practitioner: member.id.clone(), patient: patient.to_owned(), reason, purpose, expires_ms };
    let (key, row, last) = (id.clone(), chart.clone(), format!("{}/{patient}", member.id));
    gateway
        .store
        .write(move |tx| {
            rows::LAST_OPENED.put(tx, &last, &now_ms)?;
            rows::CHARTS.prune(tx, |chart| !rows::is_over(chart.expires_ms))?;
            rows::CHARTS.put(tx, &key, &row)
        })
        .await?;
    Ok((id, chart))
}

/// The chart with an id, if it is this practitioner's and still open.
///
/// # Errors
/// [`Code::Forbidden`], the same for a chart that is not there and for one of somebody else.
pub(super) fn open_chart(gateway: &Gateway, member: &Practitioner, id: &str) -> Result<Chart, Error> {
    let chart = gateway.store.read(|tx| rows::CHARTS.get(tx, id))?;
    let chart = chart.filter(|chart| chart.practitioner == member.id && !rows::is_over(chart.expires_ms));
    chart.ok_or_else(|| Error::new(Code::Forbidden, "this chart is not open; open it again with a reason"))
}

/// The reason without surrounding space.
///
/// # Errors
/// [`Code::Invalid`] if it is too long.
pub(crate) fn checked_reason(reason: &str) -> Result<String, Error> {
    let reason = reason.trim();
    let fits = reason.chars().count() <= REASON_CHARS_MAX;
    fits.then(|| reason.to_owned()).ok_or_else(|| Error::new(Code::Invalid, "the reason is too long"))
}

/// What is known of other organisations' records, with those of which nothing is shared.
fn with_silent(gateway: &Gateway, mut known: Vec<Source>) -> Vec<Source> {
    let network = gateway.chain().network();
    let keepers = network.organisations().filter(|member| member.class.keeps_records());
    for keeper in keepers.map(|member| &member.id) {
        if known.iter().any(|source| source.organisation == *keeper) {
            continue;
        }
        let own = *keeper == gateway.config.organisation;
        known.push(Source {
            organisation: keeper.clone(),
            state: if own { SourceState::Own } else { SourceState::None },
            grant: None,
            categories: Vec::new(),
            expires: None,
            note: None,
        });
    }
    known
}

/// Fetches what the patient's grants reach and is not here yet.
pub(super) async fn fetch_shared(
    State(gateway): State<Gateway>,
    Path(chart): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Fetched>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let chart = open_chart(&gateway, &member, &chart)?;
    let restricted = cases::is_restricted(&gateway, &chart.patient)?;
    super::decide(&member, Action::OpenChart, chart.purpose, true, restricted)?;
    let mut fetched = gateway.shares.fetch(&gateway, &super::at_work(member, Some(chart))).await?;
    fetched.sources = with_silent(&gateway, fetched.sources);
    Ok(Json(fetched))
}

//! This organisation's patients: who they are, nothing of what they have.

use super::rows;
use crate::body::Json;
use crate::clock;
use crate::engine::{EnginePrincipal, Mode, PRINCIPAL_HEADER, Reach, read_whole};
use crate::error::{Code, Error};
use crate::practitioner::Practitioner;
use crate::state::Gateway;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use salus_policy::Action;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Patients on one page.
const PAGE_PATIENTS: usize = 50;
/// Longest search text in characters.
const SEARCH_CHARS_MAX: usize = 100;

/// What is looked for; in bodies only, towards the engine too, because a name in a URL ends up in logs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    search: String,
    #[serde(default)]
    page: usize,
}

/// Who a patient is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sex: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(flatten)]
    card: Card,
    shared: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_opened: Option<String>,
}

pub(super) async fn list(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(search): Json<Search>,
) -> Result<Json<Vec<Row>>, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::ListPatients)?;
    let bundle = fetch(&gateway, &member.id, Method::POST, "/fhir/Patient/_search", form_of(&search)).await?;
    let entries =
        bundle.as_ref().and_then(|bundle| bundle["entry"].as_array()).map_or(&[][..], Vec::as_slice);
    let mut cards: Vec<_> = entries.iter().filter_map(|entry| card(&entry["resource"])).collect();
    cards.sort_by_cached_key(|card| card.name.to_lowercase());
    let mut rows = Vec::with_capacity(cards.len());
    for card in cards {
        rows.push(row(&gateway, &member, card).await?);
    }
    Ok(Json(rows))
}

/// The form of a FHIR search for a page of patients.
fn form_of(search: &Search) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("_elements", "id,name,birthDate,gender");
    query.append_pair("_count", &PAGE_PATIENTS.to_string());
    if search.page > 0 {
        query.append_pair("_offset", &search.page.saturating_mul(PAGE_PATIENTS).to_string());
    }
    let text: String = search.search.chars().take(SEARCH_CHARS_MAX).collect();
    for word in text.split_whitespace() {
        // A comma, dollar sign or bar would mean something in a FHIR search value.
        query.append_pair("name", &word.replace(['\\', ',', '$', '|'], ""));
    }
    query.finish()
}

async fn row(gateway: &Gateway, member: &Practitioner, card: Card) -> Result<Row, Error> {
    let key = format!("{}/{}", member.id, card.id);
    let opened = gateway.store.read(|tx| rows::LAST_OPENED.get(tx, &key))?;
    let grants = gateway.ports.shared.grants(&card.id).await.map_err(crate::peer::refused)?;
    let now = gateway.chain().head().time_ms;
    Ok(Row {
        card,
        shared: grants.iter().any(|grant| grant.not_before_ms <= now && now < grant.expiry_ms),
        last_opened: opened.map(clock::instant),
    })
}

/// Who a patient of this organisation is; `None` if there is no such patient.
pub(super) async fn find(gateway: &Gateway, asker: &str, id: &str) -> Result<Option<Card>, Error> {
    if !crate::fhir::is_id(id) {
        return Err(Error::new(Code::Invalid, "the patient's id does not parse"));
    }
    let patient = fetch(gateway, asker, Method::GET, &format!("/fhir/Patient/{id}"), String::new()).await?;
    Ok(patient.as_ref().and_then(card))
}

/// The name of a patient of this organisation, if there is such a patient.
///
/// # Errors
/// The engine's.
pub(crate) async fn find_name(gateway: &Gateway, asker: &str, id: &str) -> Result<Option<String>, Error> {
    Ok(find(gateway, asker, id).await?.map(|card| card.name))
}

/// When a patient of this organisation was born, as FHIR writes it, if it is known.
///
/// # Errors
/// [`Code::NotFound`] if there is no such patient; the engine's.
pub(crate) async fn birth_date(gateway: &Gateway, asker: &str, id: &str) -> Result<Option<String>, Error> {
    let card = find(gateway, asker, id).await?;
    Ok(card.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?.birth_date)
}

/// Asks the engine as somebody who may see everything here: what goes on of the answer is for the caller to decide.
pub(crate) async fn fetch(
    gateway: &Gateway,
    asker: &str,
    method: Method,
    path: &str,
    form: String,
) -> Result<Option<Value>, Error> {
    fetch_within(gateway, (asker, Reach::All), method, path, form).await
}

/// Asks the engine as somebody who may see this far.
pub(crate) async fn fetch_within(
    gateway: &Gateway,
    (asker, reach): (&str, Reach),
    method: Method,
    path: &str,
    form: String,
) -> Result<Option<Value>, Error> {
    let principal = EnginePrincipal {
        id: asker.to_owned(),
        read: reach,
        write: Reach::None,
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: Mode::Interactive,
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(PRINCIPAL_HEADER, principal.header())
        .header(header::ACCEPT, "application/fhir+json")
        .body(Body::from(form))
        .map_err(Error::internal)?;
    let response = gateway.engine.send(request).await?;
    match response.status() {
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
        status if status.is_success() => {
            let body = read_whole(response.into_body()).await?;
            serde_json::from_slice(&body).map(Some).map_err(|_| crate::engine::EngineError::Malformed.into())
        }
        status => Err(crate::engine::EngineError::Refused { status: status.as_u16() }.into()),
    }
}

fn card(patient: &Value) -> Option<Card> {
    let text = |name: &str| patient[name].as_str().map(str::to_owned);
    (patient["resourceType"] == "Patient").then_some(())?;
    Some(Card { id: text("id")?, name: name_of(patient), birth_date: text("birthDate"), sex: text("gender") })
}

/// The usual or official name, as people write it.
fn name_of(patient: &Value) -> String {
    let names = patient["name"].as_array().map_or(&[][..], Vec::as_slice);
    let with_use = |wanted: &str| names.iter().find(|name| name["use"] == wanted);
    let Some(name) = with_use("usual").or_else(|| with_use("official")).or_else(|| names.first()) else {
        return "(no name)".into();
    };
    if let Some(text) = name["text"].as_str() {
        return text.to_owned();
    }
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    given.chain(name["family"].as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_written_as_people_write_them() {
        for (names, expected) in [
            (json!([{ "family": "Lind", "given": ["Bo", "K."] }]), "Bo K. Lind"),
            (json!([{ "use": "maiden", "family": "Old" }, { "use": "official", "family": "New" }]), "New"),
            (json!([{ "text": "Dr. Bo Lind", "family": "Lind" }]), "Dr. Bo Lind"),
            (json!([]), "(no name)"),
        ] {
            assert_eq!(name_of(&json!({ "name": names })), expected);
        }
    }
}

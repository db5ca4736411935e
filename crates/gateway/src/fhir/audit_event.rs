//! AuditEvent (<https://hl7.org/fhir/R4/auditevent.html>): the node's own access log, to read. Nobody writes it.
//!
//! Who may: a steward, who sees every entry; and an app that a patient lets read the whole of their record, which sees that
//! patient's own list. What the log says of an access (types, reasons) may tell of a category, so an app that sees a part of
//! the record sees none of it. The elements are those of IHE BALP as far as the log knows them; no profile is claimed.
//!
//! Entries have the number of the log in their id for stewards. For a patient's app it is the number in that patient's own
//! list: it tells nothing of how much others are looked at.

use super::ask::{Ask, What};
use super::authorise::{self, Permit};
use super::json::write_string;
use super::pages;
use super::principal::Principal;
use super::proxy::Answered;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::log::{Entry, Kind, Page, Who};
use crate::state::Gateway;
use axum::body::Body;
use axum::http::Response;
use salus_crypto::hash::hash;
use serde_json::{Value, json};
use time::Date;
use time::format_description::well_known::{Iso8601, Rfc3339};

/// Entries of a page where the caller does not say, and at most.
const COUNT_USUAL: usize = 50;
const COUNT_MAX: usize = 200;
/// Pages of the log that are looked through for one answer.
const LOOKS_MAX: usize = 20;

/// System of the categories that a person grants by.
pub(super) const CATEGORIES: &str = "https://salus.network/fhir/category";

/// Whose entries are seen.
enum View {
    /// All of them.
    Steward(Option<String>),
    /// One patient's.
    Own(String),
}

/// What a search wants.
struct Search {
    from_ms: u64,
    to_ms: u64,
    count: usize,
    before: u64,
}

/// Answers every request about AuditEvent.
///
/// # Errors
/// [`Code::Forbidden`] and [`Code::Scope`] for who is not entitled, [`Code::NotSupported`] for all but reading and searching.
pub(crate) async fn serve(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    query: &str,
) -> Result<Answered> {
    if !matches!(ask.what, What::Read | What::Search) {
        return Err(Error::new(
            Code::NotSupported,
            "the access log is written by this node alone; an AuditEvent can be read and searched for",
        ));
    }
    let view = view(gateway, principal, ask)?;
    let response = match &ask.id {
        Some(id) => {
            let entry = find(gateway, &view, id).await?;
            pages::answer(event(gateway, &view, &entry).to_string())
        }
        None => search(gateway, &view, query).await?,
    };
    let ask = Ask { patient: view.patient(), ..ask.clone() };
    Ok(Answered { response, asks: vec![ask], permit: Permit::without_engine() })
}

impl View {
    fn patient(&self) -> Option<String> {
        match self {
            Self::Steward(patient) => patient.clone(),
            Self::Own(patient) => Some(patient.clone()),
        }
    }

    fn id(&self, entry: &Entry) -> String {
        match self {
            Self::Steward(_) => format!("log-{}", entry.number),
            Self::Own(patient) => {
                format!("own-{}-{}", entry.patient_number.unwrap_or_default(), mark(patient))
            }
        }
    }

    /// The number by which the entries are in order.
    fn number(&self, entry: &Entry) -> u64 {
        match self {
            Self::Steward(_) => entry.number,
            Self::Own(_) => entry.patient_number.unwrap_or_default(),
        }
    }
}

/// Tells the lists of patients apart.
fn mark(patient: &str) -> String {
    hash("salus/audit-event/v1", &[patient.as_bytes()]).to_string()[..16].to_owned()
}

fn view(gateway: &Gateway, principal: &Principal, ask: &Ask) -> Result<View> {
    match principal {
        Principal::Practitioner(who) => {
            authorise::views_access_log(who, ask)?;
            let patient = who.patient.clone();
            if patient.is_some() && ask.patient.is_some() && patient != ask.patient {
                return Err(Error::new(Code::Scope, "this token is for another patient"));
            }
            Ok(View::Steward(patient.or_else(|| ask.patient.clone())))
        }
        Principal::App(app) => {
            authorise::reads_whole_record(gateway, app, ask)?;
            if ask.patient.as_ref().is_some_and(|patient| *patient != app.patient) {
                return Err(Error::new(
                    Code::Scope,
                    "this app reads one patient's record, and this is another's",
                ));
            }
            Ok(View::Own(app.patient.clone()))
        }
        Principal::System(_) => Err(Error::new(
            Code::Forbidden,
            "the access log is for stewards, and for patients of their own record; not for systems",
        )),
    }
}

async fn find(gateway: &Gateway, view: &View, id: &str) -> Result<Entry> {
    let missing = || Error::new(Code::NotFound, "there is no such entry, or not for this caller");
    let (page, own) = match view {
        View::Steward(_) => {
            let number =
                id.strip_prefix("log-").and_then(|number| number.parse::<u64>().ok()).ok_or_else(missing)?;
            (Page { before: number.saturating_add(1), limit: 1 }, u64::MAX)
        }
        View::Own(_) => {
            let number = id.strip_prefix("own-").and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
            (Page { before: u64::MAX, limit: 1 }, number.ok_or_else(missing)?.saturating_add(1))
        }
    };
    let found = entries(gateway, view, page, own).await?.into_iter().next();
    found.filter(|entry| view.id(entry) == id).ok_or_else(missing)
}

/// The newest entries of a view that are older than a number.
async fn entries(gateway: &Gateway, view: &View, page: Page, before_own: u64) -> Result<Vec<Entry>> {
    match view.patient() {
        Some(patient) => {
            let lines = gateway.log.lines_of_patient(&patient, page, before_own).await?;
            Ok(lines.into_iter().map(|line| line.entry).collect())
        }
        None => gateway.log.newest(page).await,
    }
}

fn understand(query: &str) -> Result<Search> {
    let invalid = |text: &'static str| Error::new(Code::Invalid, text);
    let mut search = Search { from_ms: 0, to_ms: u64::MAX, count: COUNT_USUAL, before: u64::MAX };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "patient" | "_format" => (),
            "_sort" if value == "-date" => (),
            "_count" => {
                let count = value.parse().map_err(|_| invalid("`_count` must be a number"))?;
                search.count = usize::min(count, COUNT_MAX);
            }
            pages::PAGE => {
                search.before = value.parse().map_err(|_| invalid("this link to a page is not valid"))?
            }
            "date" => {
                narrow_time(&mut search, &value).ok_or_else(|| invalid("the date is not understood"))?
            }
            _ => {
                return Err(invalid(
                    "an AuditEvent is searched for by `patient` and `date`, with `_count`; newest first",
                ));
            }
        }
    }
    Ok(search)
}

/// `ge`, `gt`, `le`, `lt` or nothing, then a day or an instant.
fn narrow_time(search: &mut Search, value: &str) -> Option<()> {
    let (prefix, text) = match value.get(..2) {
        Some("ge" | "gt" | "le" | "lt" | "eq") => value.split_at(2),
        _ => ("eq", value),
    };
    let ms = |nanos: i128| u64::try_from(nanos / 1_000_000).ok();
    let (first, last) = match Date::parse(text, &Iso8601::DATE) {
        Ok(day) => {
            let first = ms(day.midnight().assume_utc().unix_timestamp_nanos())?;
            (first, first + 86_399_999)
        }
        Err(_) => {
            let at = ms(time::OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos())?;
            (at, at)
        }
    };
    let (from, to) = match prefix {
        "ge" => (first, u64::MAX),
        "gt" => (last.saturating_add(1), u64::MAX),
        "le" => (0, last),
        "lt" => (0, first.saturating_sub(1)),
        _ => (first, last),
    };
    search.from_ms = search.from_ms.max(from);
    search.to_ms = search.to_ms.min(to);
    Some(())
}

/// Newest first. The log only grows, so that pages stay as they are while it is written.
async fn search(gateway: &Gateway, view: &View, query: &str) -> Result<Response<Body>> {
    let search = understand(query)?;
    let by_own = matches!(view, View::Own(_));
    let (mut before, mut before_own) =
        if by_own { (u64::MAX, search.before) } else { (search.before, u64::MAX) };
    let mut found: Vec<Entry> = Vec::new();
    for _ in 0..LOOKS_MAX {
        let page = entries(gateway, view, Page { before, limit: usize::MAX }, before_own).await?;
        let Some(oldest) = page.last() else { break };
        (before, before_own) = (oldest.number, if by_own { view.number(oldest) } else { u64::MAX });
        let old = oldest.time_ms < search.from_ms;
        let fits = |entry: &Entry| (search.from_ms..=search.to_ms).contains(&entry.time_ms);
        found.extend(page.into_iter().filter(fits));
        if old || found.len() > search.count {
            break;
        }
    }
    let more = found.len() > search.count;
    found.truncate(search.count);
    Ok(pages::answer(bundle(gateway, view, query, &found, more)))
}

fn bundle(gateway: &Gateway, view: &View, query: &str, found: &[Entry], more: bool) -> String {
    let base = gateway.config.fhir_url();
    let entries = found.iter().map(|entry| {
        let resource = event(gateway, view, entry);
        json!({ "fullUrl": format!("{base}/AuditEvent/{}", view.id(entry)), "resource": resource, "search": { "mode": "match" } })
            .to_string()
    });
    let entries: Vec<String> = entries.collect();
    let mut out = String::from("{\"resourceType\":\"Bundle\",\"type\":\"searchset\"");
    if let Some(last) = found.last().filter(|_| more) {
        let query = pages::without(query, &[pages::PAGE]);
        let separator = if query.is_empty() { "" } else { "&" };
        out.push_str(",\"link\":[{\"relation\":\"next\",\"url\":");
        write_string(
            &mut out,
            &format!("{base}/AuditEvent?{query}{separator}{}={}", pages::PAGE, view.number(last)),
        );
        out.push_str("}]");
    }
    if !entries.is_empty() {
        out.push_str(&format!(",\"entry\":[{}]", entries.join(",")));
    }
    out.push('}');
    out
}

/// What happened, in the words of FHIR: action, interaction.
fn action(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Read | Kind::ReRead | Kind::Proof | Kind::ProxyRead | Kind::EmergencyRead => ("R", "read"),
        Kind::Search
        | Kind::Export
        | Kind::ChartOpened
        | Kind::ShareImport
        | Kind::EmergencyFound
        | Kind::Registration
        | Kind::Located
        | Kind::LocatedElsewhere
        | Kind::EmergencyOpened => ("E", "search"),
        Kind::Write => ("U", "update"),
        Kind::ShareDropped => ("D", "delete"),
        Kind::Case
        | Kind::Accounting
        | Kind::Recovery
        | Kind::App
        | Kind::Appointment
        | Kind::Link
        | Kind::HealthCard => ("E", "operation"),
    }
}

fn agent(gateway: &Gateway, who: &Who) -> Value {
    match who {
        Who::Practitioner { id, name, role, .. } => json!({
            "who": { "reference": format!("Practitioner/{id}"), "display": name },
            "role": [{ "text": role }], "requestor": true,
        }),
        Who::System { id } => {
            json!({ "who": { "display": id }, "role": [{ "text": "system" }], "requestor": true })
        }
        Who::App { name, .. } => {
            json!({ "who": { "display": name }, "role": [{ "text": "app" }], "requestor": true })
        }
        Who::Elsewhere { organisation, name, role, .. } => json!({
            "who": { "display": format!("{name} ({organisation})") }, "role": [{ "text": role }], "requestor": true,
        }),
        Who::Proxy { .. } => json!({
            "who": { "display": "somebody who acts for the patient" }, "role": [{ "text": "proxy" }], "requestor": true,
        }),
        Who::Node => json!({
            "who": { "display": gateway.config.organisation.to_string() }, "role": [{ "text": "node" }], "requestor": false,
        }),
    }
}

/// An entry as an AuditEvent.
fn event(gateway: &Gateway, view: &View, entry: &Entry) -> Value {
    let access = &entry.access;
    let (action, interaction) = action(access.kind);
    let organisation = gateway.config.organisation.to_string();
    let mut agent = agent(gateway, &access.who);
    if !access.reason.is_empty() {
        agent["extension"] = json!([{
            "url": "https://salus.network/fhir/StructureDefinition/reason", "valueString": access.reason,
        }]);
    }
    let mut entities: Vec<Value> = access
        .types
        .iter()
        .map(|kind| {
            let types = "http://hl7.org/fhir/resource-types";
            let system = if crate::smart::is_type(kind) { types } else { CATEGORIES };
            json!({ "type": { "system": system, "code": kind }, "name": kind })
        })
        .collect();
    if let Some(patient) = &access.patient {
        let role = json!({ "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient" });
        entities.push(json!({ "what": { "reference": format!("Patient/{patient}") }, "role": role }));
    }
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": view.id(entry),
        "type": { "system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest", "display": "RESTful Operation" },
        "subtype": [
            { "system": "http://hl7.org/fhir/restful-interaction", "code": interaction },
            { "system": "https://salus.network/fhir/access", "code": serde_json::to_value(access.kind).unwrap_or_default() },
        ],
        "action": action,
        "recorded": clock::instant(entry.time_ms),
        "outcome": "0",
        "agent": [agent],
        "source": { "site": organisation, "observer": { "display": organisation } },
    });
    if let Some(purpose) = access.purpose {
        event["purposeOfEvent"] = json!([{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": purpose.act_reason(),
        }] }]);
    }
    if !entities.is_empty() {
        event["entity"] = json!(entities);
    }
    event
}

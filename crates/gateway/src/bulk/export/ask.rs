//! What an export is asked for (Bulk Data Access 2.0, "Query Parameters"): from the query, or from a Parameters resource.

use crate::bulk::subject;
use crate::error::{Code, Error, Result};
use crate::fhir::ask::Ask;
use crate::fhir::{is_id, metadata};
use crate::smart::is_type;
use crate::state::Gateway;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Names of the one format that there is.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];
/// Most filters of one export.
const FILTERS_MAX: usize = 64;
/// Most patients that may be named.
const PATIENTS_MAX: usize = 10_000;
/// Parameters with a leading underscore by which a filter may choose.
const CHOOSING: [&str; 7] = ["_id", "_lastUpdated", "_tag", "_security", "_profile", "_source", "_has"];

/// Whose records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// Everybody's, and what is nobody's.
    System,
    /// Those of all patients, or of some that were named.
    Patients(Vec<String>),
    /// Those of a group's members.
    Group(String),
}

/// A search that chooses among the records of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) kind: String,
    pub(crate) query: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) level: Level,
    /// FHIR types; empty: all that the client may read.
    pub(crate) types: Vec<String>,
    pub(crate) filters: Vec<Filter>,
    /// Records that changed at this FHIR instant or later.
    pub(crate) since: Option<String>,
}

impl Order {
    /// Whether records of a type can be among what is asked for.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        let named = self.types.is_empty() || self.types.iter().any(|one| one == kind);
        named && (self.level == Level::System || subject::parameter_of(kind).is_some())
    }

    /// The searches of a type: one for each filter, or one that chooses nothing.
    pub(crate) fn queries(&self, kind: &str) -> Vec<&str> {
        let mut queries: Vec<&str> =
            self.filters.iter().filter(|filter| filter.kind == kind).map(|one| one.query.as_str()).collect();
        if queries.is_empty() {
            queries.push("");
        }
        queries
    }
}

/// Understands the parameters.
///
/// # Errors
/// [`Code::Invalid`] for what is not understood or not offered.
pub(crate) async fn parse(
    gateway: &Gateway,
    ask: &Ask,
    parameters: &[(String, String)],
    lenient: bool,
) -> Result<Order> {
    let level = match (ask.kind.as_str(), &ask.id) {
        ("Group", Some(id)) => Level::Group(id.clone()),
        ("Patient", _) => Level::Patients(Vec::new()),
        _ => Level::System,
    };
    let mut order = Order { level, types: Vec::new(), filters: Vec::new(), since: None };
    for (name, value) in parameters {
        match name.as_str() {
            "_outputFormat" if FORMATS.contains(&value.replace(' ', "+").as_str()) => {}
            "_outputFormat" => return Err(invalid("files are written as application/fhir+ndjson")),
            "_since" => order.since = Some(instant(value)?),
            "_type" => order.types.extend(value.split(',').map(|kind| kind.trim().to_owned())),
            "_typeFilter" => order.filters.extend(filters(value)?),
            "patient" => name_patient(&mut order.level, value)?,
            _ if lenient => {}
            _ => return Err(invalid("a parameter of the export is not offered here")),
        }
    }
    check(&order, &metadata::types(gateway).await?)?;
    order.types.sort_unstable();
    order.types.dedup();
    Ok(order)
}

fn check(order: &Order, known: &[String]) -> Result<()> {
    if order.filters.len() > FILTERS_MAX {
        return Err(invalid("an export has at most 64 filters"));
    }
    if !order.types.iter().all(|kind| is_type(kind) && known.contains(kind)) {
        return Err(invalid("`_type` names a type that this server does not know"));
    }
    if !order.types.iter().all(|kind| order.wants(kind)) {
        return Err(invalid("`_type` names a type whose records belong to no patient"));
    }
    if !order.filters.iter().all(|filter| known.contains(&filter.kind) && order.wants(&filter.kind)) {
        return Err(invalid("`_typeFilter` names a type that is not exported"));
    }
    Ok(())
}

fn name_patient(level: &mut Level, reference: &str) -> Result<()> {
    let id = subject::local_patient(reference).or_else(|| is_id(reference).then_some(reference));
    match (level, id) {
        (Level::Patients(named), Some(id)) if named.len() < PATIENTS_MAX => {
            named.push(id.to_owned());
            Ok(())
        }
        (Level::Patients(_), _) => {
            Err(invalid("`patient` is a reference to a patient here, at most 10,000 of them"))
        }
        _ => Err(invalid("`patient` may be named in `Patient/$export` only")),
    }
}

/// `Type?query`, or several of them after commas.
fn filters(text: &str) -> Result<Vec<Filter>> {
    let mut parts: Vec<String> = Vec::new();
    for piece in text.split(',') {
        let begins = piece.split_once('?').is_some_and(|(kind, _)| is_type(kind));
        match parts.last_mut() {
            // A comma within a search's value.
            Some(last) if !begins => {
                last.push(',');
                last.push_str(piece);
            }
            _ => parts.push(piece.to_owned()),
        }
    }
    parts.into_iter().map(|part| filter(&part)).collect()
}

fn filter(text: &str) -> Result<Filter> {
    let refuse = || invalid("`_typeFilter` is a search such as `Observation?category=laboratory`");
    let (kind, query) = text.split_once('?').filter(|(kind, _)| is_type(kind)).ok_or_else(refuse)?;
    let chooses = |name: &str| {
        let bare = name.split([':', '.']).next().unwrap_or_default();
        !bare.starts_with('_') || CHOOSING.contains(&bare)
    };
    let mut named = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).peekable();
    if named.peek().is_none() || !named.all(|name| chooses(&name)) {
        return Err(invalid("`_typeFilter` chooses records; it does not shape, sort or include any"));
    }
    Ok(Filter { kind: kind.to_owned(), query: query.to_owned() })
}

fn instant(text: &str) -> Result<String> {
    // A plus sign in a query that was not escaped has become a space.
    let text = text.replace(' ', "+");
    match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(_) => Ok(text),
        Err(_) => Err(invalid("`_since` is a FHIR instant, such as 2026-01-31T12:00:00Z")),
    }
}

/// The parameters in a Parameters resource.
///
/// # Errors
/// [`Code::Invalid`].
pub(crate) fn of_body(body: &[u8]) -> Result<Vec<(String, String)>> {
    let refuse = || invalid("the body is a FHIR Parameters resource");
    let resource: Value = serde_json::from_slice(body).map_err(|_| refuse())?;
    if resource["resourceType"] != "Parameters" {
        return Err(refuse());
    }
    let parameters = resource["parameter"].as_array().map(Vec::as_slice).unwrap_or_default();
    parameters
        .iter()
        .map(|parameter| {
            let name = parameter["name"].as_str().ok_or_else(refuse)?;
            let fields = parameter.as_object().ok_or_else(refuse)?;
            let value = fields.iter().find(|(field, _)| field.starts_with("value")).map(|(_, value)| value);
            let value = value.and_then(|value| value.as_str().or_else(|| value["reference"].as_str()));
            Ok((name.to_owned(), value.ok_or_else(refuse)?.to_owned()))
        })
        .collect()
}

/// A preference of the caller (RFC 7240).
pub(crate) fn prefers(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).any(|one| one.trim().eq_ignore_ascii_case(wanted))
}

fn invalid(why: &'static str) -> Error {
    Error::new(Code::Invalid, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fuzz::{INPUTS, Mutations};

    /// Tries "gateway::bulk/export/ask::parse": what it takes its parameters apart with.
    #[test]
    fn bent_parameters_are_refused_or_understood() {
        let mut mutations = Mutations::new();
        let body: &[u8] =
            br#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"}]}"#;
        let mut refused = 0;
        for _ in 0..INPUTS {
            let text =
                String::from_utf8_lossy(&mutations.of(b"Observation?code=a,b,Condition?x=y")).into_owned();
            refused += usize::from(filters(&text).is_err());
            let text = String::from_utf8_lossy(&mutations.of(b"2026-01-31T12:00:00Z")).into_owned();
            refused += usize::from(instant(&text).is_err());
            refused += usize::from(of_body(&mutations.of(body)).is_err());
        }
        assert!(refused > 0);
    }

    #[test]
    fn a_filter_is_one_search_or_several_and_a_comma_may_stand_in_its_value() {
        let parts = |text: &str| {
            filters(text).map(|all| all.iter().map(|f| format!("{}?{}", f.kind, f.query)).collect::<Vec<_>>())
        };
        assert_eq!(parts("Observation?code=a,b").expect("one"), ["Observation?code=a,b"]);
        assert_eq!(
            parts("Observation?code=a,b,Condition?clinical-status=active").expect("two"),
            ["Observation?code=a,b", "Condition?clinical-status=active"]
        );
        for bad in [
            "",
            "Observation",
            "Observation?",
            "?code=a",
            "Observation/1?code=a",
            "Observation?_include=Observation:subject",
            "Observation?code=a&_count=1",
            "Observation?_elements=id",
            "Observation?_sort=date",
            "Observation?_cursor=x",
            "Observation?_summary:x=count",
            "../Observation?code=a",
        ] {
            assert!(filters(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_an_instant_and_a_lost_plus_is_put_back() {
        assert_eq!(instant("2026-01-31T12:00:00 02:00").expect("instant"), "2026-01-31T12:00:00+02:00");
        for bad in ["", "2026", "2026-01-31", "yesterday", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z&x=1"]
        {
            assert!(instant(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parameters_resource_says_the_same_as_a_query() {
        let body = br#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},
            {"name":"_since","valueInstant":"2026-01-01T00:00:00Z"},
            {"name":"patient","valueReference":{"reference":"Patient/p1"}}]}"#;
        let said = of_body(body).expect("parameters");
        let pairs: Vec<(&str, &str)> = said.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            pairs,
            [("_type", "Patient"), ("_since", "2026-01-01T00:00:00Z"), ("patient", "Patient/p1")]
        );
        for bad in ["", "{}", r#"{"resourceType":"Parameters","parameter":[{"name":"_type"}]}"#, "[1]"] {
            assert!(of_body(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

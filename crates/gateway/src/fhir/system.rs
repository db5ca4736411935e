//! `GET /fhir?_type=A,B&...` and `POST /fhir/_search`: one search over several types
//! (<https://hl7.org/fhir/R4/http.html#search>). The engine knows none, so this node runs one search for each type, in the
//! order in which they are named, each with the permit of a search of that type, and pages over all of them.
//!
//! What has a meaning within one type only is refused: includes, chains, `_has`, sorting, and what shapes the answer.

use super::ask::{Ask, What};
use super::authorise::{Permit, authorise};
use super::pages::{self, Binding, PAGE, Paged, Place, Source};
use super::principal::Principal;
use super::proxy::Answered;
use crate::error::{Code, Error, Result};
use crate::smart::is_type;
use crate::state::Gateway;

/// Most types of one search.
const TYPES_MAX: usize = 10;
/// Entries of a page where the caller does not say.
const COUNT_USUAL: usize = 50;
/// Parameters with a leading underscore that mean the same for every type.
const COMMON: [&str; 11] = [
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_text",
    "_content",
    "_type",
    "_count",
    "_format",
    PAGE,
];

/// What is asked for, from the query or the form.
struct Question {
    kinds: Vec<String>,
    query: String,
    count: usize,
}

fn understand(query: &str) -> Result<Question> {
    let mut kinds: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let bare = name.split(':').next().unwrap_or_default();
        if name.contains('.') || (name.starts_with('_') && !COMMON.contains(&bare)) {
            return Err(Error::new(
                Code::Invalid,
                "a search over several types takes no includes, chains, sorting or shaping; search one type for that",
            ));
        }
        if name == "_type" {
            kinds.extend(value.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned));
        }
    }
    if kinds.is_empty() || kinds.len() > TYPES_MAX || !kinds.iter().all(|kind| is_type(kind)) {
        return Err(Error::new(Code::Invalid, "name one to ten types, as in `_type=Condition,Observation`"));
    }
    if kinds.iter().any(|kind| kind == "AuditEvent") {
        return Err(Error::new(Code::Invalid, "AuditEvent is searched by itself"));
    }
    let count = pages::count_of(query)?.unwrap_or(COUNT_USUAL);
    Ok(Question { kinds, query: pages::without(query, &["_type", "_count", "_format"]), count })
}

/// Answers.
///
/// # Errors
/// The refusal of the first type that the caller may not search.
pub(crate) async fn search(gateway: &Gateway, principal: &Principal, query: &str) -> Result<Answered> {
    let binding = Binding::of(principal, "/fhir");
    let from = match pages::token_of(query) {
        Some(token) => binding.open(gateway, &token)?,
        None => Place { asked: query.to_owned(), ..Place::default() },
    };
    let question = understand(&from.asked)?;
    let mut asks = Vec::new();
    let mut permits: Vec<Permit> = Vec::new();
    for kind in &question.kinds {
        let ask = Ask::whole(What::Search, kind).with_patient_of(Some(&question.query));
        let permit = authorise(gateway, principal, &ask).await?;
        permit.check_query(&question.query)?;
        asks.push(ask);
        permits.push(permit);
    }
    let sources = permits.iter().zip(&question.kinds);
    let sources = sources
        .map(|(permit, kind)| Source::Engine(permit, format!("/fhir/{kind}?{}", question.query)))
        .collect();
    // Scopes and choices are those of the caller, whatever the type.
    let narrowing = permits.first().and_then(|permit| permit.narrowing.as_ref());
    let paged = Paged { sources, count: Some(question.count), from, narrowing };
    let page = paged.fill(gateway).await?;
    let response = pages::answer(page.bundle(gateway, &binding, "/fhir", question.count == 0)?);
    let permit = permits.swap_remove(0);
    Ok(Answered { response, asks, permit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_meaning_over_several_types_is_refused() {
        let question =
            understand("_type=Condition,Observation&patient=p1&_count=3&_lastUpdated=ge2020").expect("fine");
        assert_eq!(question.kinds, ["Condition", "Observation"]);
        assert_eq!((question.query.as_str(), question.count), ("patient=p1&_lastUpdated=ge2020", 3));
        for query in [
            "",
            "_type=",
            "_type=observation",
            "_type=A,B,C,D,E,F,G,H,I,J,K",
            "_type=AuditEvent",
            "_type=Patient,Observation&_include=Observation:subject",
            "_type=Patient&_revinclude:iterate=Observation:subject",
            "_type=Observation&subject.name=x",
            "_type=Patient&_has:Observation:subject:code=1",
            "_type=Patient&_sort=_id",
            "_type=Patient&_elements=id",
            "_type=Patient&_summary=count",
            "_type=Patient&_count=x",
        ] {
            assert!(understand(query).is_err(), "{query}");
        }
    }
}

//! Words for codes that come without any, for the narrative.

use super::document::Found;
use crate::state::Gateway;
use futures::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Codes that are looked up for one summary.
const CODES_MAX: usize = 200;
/// How long the summary waits for them, all together; what is not known by then stays without.
const WAIT: Duration = Duration::from_secs(3);

/// Displays by system and code.
pub(super) type Words = BTreeMap<(String, String), String>;

/// The concept that says what a resource is about.
pub(super) fn concept(value: &Value) -> Option<&Value> {
    ["code", "medicationCodeableConcept", "vaccineCode", "category"].iter().find_map(|field| {
        let concept = &value[*field];
        let concept = if concept.is_array() { &concept[0] } else { concept };
        concept.is_object().then_some(concept)
    })
}

/// A concept's own words.
pub(super) fn own(concept: &Value) -> Option<&str> {
    let mut codings = concept["coding"].as_array().into_iter().flatten();
    concept["text"].as_str().or_else(|| codings.find_map(|coding| coding["display"].as_str()))
}

/// A concept's codes.
pub(super) fn codes(concept: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let codings = concept["coding"].as_array().into_iter().flatten();
    codings.filter_map(|coding| {
        Some((coding["system"].as_str()?.to_owned(), coding["code"].as_str()?.to_owned()))
    })
}

/// Looks up what the found resources leave unsaid.
pub(super) async fn of(gateway: &Gateway, found: &[Found]) -> Words {
    let silent = found.iter().filter_map(|one| concept(&one.value)).filter(|concept| own(concept).is_none());
    let wanted: BTreeSet<(String, String)> = silent.flat_map(codes).take(CODES_MAX).collect();
    let asked = wanted.into_iter().map(|(system, code)| async move {
        let display = tokio::time::timeout(WAIT, gateway.terminology.display(&system, &code)).await;
        display.ok().flatten().map(|display| ((system, code), display))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

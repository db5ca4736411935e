//! `GET /fhir/metadata?mode=terminology`: what is known of codes here
//! (<https://hl7.org/fhir/R4/terminologycapabilities.html>).

use crate::state::Gateway;
use salus_feeds::units::UCUM;
use serde_json::{Value, json};

/// When what this statement can say last changed.
const DATE: &str = "2026-11-28";

/// What a listing takes.
const PARAMETERS: [&str; 6] = ["url", "valueSet", "valueSetVersion", "filter", "offset", "count"];

/// The statement.
pub(crate) async fn statement(gateway: &Gateway) -> Value {
    let tables = gateway.terminology.tables().await;
    let mut systems: Vec<(&str, Option<&str>)> = tables
        .systems
        .iter()
        .filter(|(_, system)| system.whole)
        .map(|(url, system)| (url.as_str(), system.version.as_deref()))
        .collect();
    systems.push((UCUM, None));
    systems.sort_unstable();
    let systems: Vec<Value> = systems
        .into_iter()
        .map(|(url, version)| match version {
            Some(version) => json!({ "uri": url, "version": [{ "code": version, "isDefault": true }] }),
            None => json!({ "uri": url }),
        })
        .collect();
    let more = if gateway.terminology.has_server() {
        "Code systems and value sets that are not listed here are asked for at another terminology server."
    } else {
        "No other terminology server is configured."
    };
    let parameters: Vec<Value> = PARAMETERS.iter().map(|name| json!({ "name": name })).collect();
    json!({
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "name": "SalusTerminology",
        "description": format!("Code systems and value sets of FHIR R4's own definitions, those of this project, and UCUM by its grammar. {more}"),
        "implementation": { "description": "Salus node", "url": gateway.config.fhir_url() },
        "lockedDate": false,
        "codeSystem": systems,
        "expansion": {
            "hierarchical": false,
            "paging": true,
            "incomplete": false,
            "parameter": parameters,
            "textFilter": "What a code or its display holds, whatever the case.",
        },
        "codeSearch": "all",
        "validateCode": { "translations": false },
    })
}

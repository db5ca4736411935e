//! What this node changes in the engine's CapabilityStatement, type by type, so that it claims what works on the public
//! address and nothing else. `tests/statement.rs` asks for everything that is claimed, and for what is not.

use super::subscription::capability;
use serde_json::{Value, json};

/// Types that nobody writes here: interactions that stay.
const READ_ONLY: [(&str, &str); 1] = [("SearchParameter", "what searches mean is the node's business")];
/// Interactions that write.
const WRITES: [&str; 4] = ["create", "update", "patch", "delete"];
/// What else goes where nothing is written.
const CONDITIONAL: [&str; 5] =
    ["conditionalCreate", "conditionalUpdate", "conditionalDelete", "conditionalPatch", "updateCreate"];
/// The operations of every type.
const OPERATIONS: [(&str, &str); 2] = [
    ("validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate"),
    ("proof", "https://salus.network/fhir/OperationDefinition/proof"),
];
/// Those of Patient.
const OF_PATIENT: [(&str, &str); 3] = [
    ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
    ("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
    ("summary", "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"),
];
/// Those of Group.
const OF_GROUP: [(&str, &str); 1] =
    [("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export")];
/// Those of CodeSystem.
const OF_CODE_SYSTEM: [(&str, &str); 2] = [
    ("lookup", "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"),
    ("validate-code", "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code"),
];
/// Those of ValueSet.
const OF_VALUE_SET: [(&str, &str); 2] = [
    ("expand", "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"),
    ("validate-code", "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code"),
];
/// Those of the system.
const OF_SYSTEM: [(&str, &str); 2] = [
    ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"),
    ("import", "https://salus.network/fhir/OperationDefinition/import"),
];
/// Parameters by which an AuditEvent is searched for.
const OF_AUDIT_EVENT: [(&str, &str); 2] = [("date", "date"), ("patient", "reference")];

/// A type's part of the statement, put right.
pub(super) fn of_type(engine: Value) -> Value {
    let kind = engine["type"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "AuditEvent" => return audit_event(),
        "Subscription" => return capability::resource(),
        _ => {}
    }
    let mut claim = engine;
    if let Some((_, why)) = READ_ONLY.iter().find(|(read_only, _)| *read_only == kind) {
        without_writing(&mut claim, why);
    }
    let own: &[(&str, &str)] = match kind.as_str() {
        "Patient" => &OF_PATIENT,
        "Group" => &OF_GROUP,
        "CodeSystem" => &OF_CODE_SYSTEM,
        "ValueSet" => &OF_VALUE_SET,
        _ => &[],
    };
    let operations = OPERATIONS.iter().chain(own);
    claim["operation"] = operations.map(|operation| named(*operation)).collect();
    if let Some(words) = words(&kind) {
        claim["documentation"] = json!(words);
    }
    claim
}

fn named((name, definition): (&str, &str)) -> Value {
    json!({ "name": name, "definition": definition })
}

/// The operations of the whole system.
pub(super) fn operations() -> Value {
    OF_SYSTEM.into_iter().map(named).collect()
}

fn without_writing(claim: &mut Value, why: &str) {
    if let Some(interactions) = claim["interaction"].as_array_mut() {
        interactions.retain(|one| !WRITES.contains(&one["code"].as_str().unwrap_or_default()));
    }
    if let Some(fields) = claim.as_object_mut() {
        fields.retain(|name, _| !CONDITIONAL.contains(&name.as_str()));
    }
    claim["documentation"] = json!(format!("read only: {why}"));
}

fn words(kind: &str) -> Option<&'static str> {
    match kind {
        "Binary" => Some(
            "Bytes in their own media type, up to 11 MiB, or FHIR JSON; `X-Security-Context: Patient/[id]` says whose. Answered as bytes unless FHIR JSON is asked for.",
        ),
        "CodeSystem" | "ValueSet" => Some(
            "The operations answer by FHIR R4's own definitions, this project's tables and UCUM, for whoever is signed in; what else is stored here is read and searched, and not looked up by. See `/fhir/metadata?mode=terminology`.",
        ),
        "Consent" => Some(
            "With what the ledger says of the grants that the reader may know of, as consents of the scope `patient-privacy` (search by `patient`, `scope`, `status`). Those are given and ended by patients on their own devices, and never written here.",
        ),
        _ => None,
    }
}

/// The node's own log.
fn audit_event() -> Value {
    let parameters = OF_AUDIT_EVENT.iter();
    json!({
        "type": "AuditEvent",
        "profile": "http://hl7.org/fhir/StructureDefinition/AuditEvent",
        "documentation": "The node's access log, newest first: for stewards, and for apps that a patient lets read their whole record.",
        "interaction": [{ "code": "read" }, { "code": "search-type" }],
        "versioning": "no-version",
        "readHistory": false,
        "searchParam": parameters.map(|(name, kind)| json!({ "name": name, "type": kind })).collect::<Vec<_>>(),
    })
}

/// The interactions with the whole system: the engine's, and this node's own.
pub(super) fn of_system(engine: Option<&str>) -> Value {
    let mut interactions: Vec<Value> =
        engine.and_then(|engine| serde_json::from_str(engine).ok()).unwrap_or_default();
    interactions.push(json!({
        "code": "search-system",
        "documentation": "`_type` names one to ten types; no includes, chains, `_has`, sorting or shaping",
    }));
    json!(interactions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(kind: &str) -> Value {
        let codes = [
            "read",
            "vread",
            "update",
            "patch",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
        ];
        let interactions: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        json!({ "type": kind, "interaction": interactions, "updateCreate": true, "conditionalCreate": true,
            "operation": [{ "name": "export" }] })
    }

    #[test]
    fn each_type_claims_what_it_offers() {
        for (kind, interactions, operations) in [
            ("Observation", 9, vec!["validate", "proof"]),
            ("Patient", 9, vec!["validate", "proof", "export", "everything", "summary"]),
            ("Subscription", 5, vec!["status", "events", "get-ws-binding-token"]),
            ("SearchParameter", 5, vec!["validate", "proof"]),
            ("CodeSystem", 9, vec!["validate", "proof", "lookup", "validate-code"]),
            ("ValueSet", 9, vec!["validate", "proof", "expand", "validate-code"]),
            ("AuditEvent", 2, vec![]),
        ] {
            let claim = of_type(engine(kind));
            assert_eq!(claim["interaction"].as_array().map(Vec::len), Some(interactions), "{kind}");
            let names: Vec<&str> = claim["operation"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| one["name"].as_str())
                .collect();
            assert_eq!(names, operations, "{kind}");
            assert_eq!(claim["updateCreate"] == true, interactions == 9, "{kind}");
        }
    }
}

//! The CapabilityStatement as the public address gives it, and what happens: one request for each interaction that a type
//! claims, and one for each that it does not. `clinical/` holds the engine's own statement against the engine.

use super::world::{World, is_outcome};
use axum::http::StatusCode;
use serde_json::Value;

const INTERACTIONS: [&str; 9] = [
    "read",
    "vread",
    "history-instance",
    "history-type",
    "search-type",
    "create",
    "update",
    "patch",
    "delete",
];

fn request(kind: &str, code: &str) -> (&'static str, String) {
    // A resource of each type that is there, or a new one.
    let id = match kind {
        "Patient" => "p1",
        "Binary" => "doc",
        "Organization" => "org",
        "AuditEvent" => "log-1",
        _ => "o1",
    };
    match code {
        "read" => ("GET", format!("/fhir/{kind}/{id}")),
        "vread" => ("GET", format!("/fhir/{kind}/{id}/_history/1")),
        "history-instance" => ("GET", format!("/fhir/{kind}/{id}/_history")),
        "history-type" => ("GET", format!("/fhir/{kind}/_history")),
        "search-type" => ("GET", format!("/fhir/{kind}")),
        "create" => ("POST", format!("/fhir/{kind}")),
        "update" => ("PUT", format!("/fhir/{kind}/{id}")),
        "patch" => ("PATCH", format!("/fhir/{kind}/{id}")),
        _ => ("DELETE", format!("/fhir/{kind}/{id}")),
    }
}

fn claims<'a>(of: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    of[list].as_array().into_iter().flatten().filter_map(|one| one[field].as_str()).collect()
}

#[tokio::test]
async fn what_each_type_claims_works_and_what_it_does_not_claim_is_refused_in_words() {
    let world = World::new().await;
    let (system, steward) = (
        world.system("system/*.cruds"),
        world.on_behalf("root", "p1", salus_types::category::Purpose::Treatment),
    );
    // Something that the log can show.
    world.get(&world.clinician(), "/fhir/Observation/o1").await;
    let statement = world.ask(None, "GET", "/fhir/metadata", "").await.json();
    let mut wrong = Vec::new();
    let types = statement["rest"][0]["resource"].as_array().expect("types").clone();
    assert!(types.len() >= 6, "{types:?}");
    for claim in &types {
        let kind = claim["type"].as_str().expect("a type");
        let token = if kind == "AuditEvent" { &steward } else { &system };
        let claimed = claims(claim, "interaction", "code");
        for code in INTERACTIONS {
            let (method, path) = request(kind, code);
            let answer = world.ask(Some(token), method, &path, "{}").await;
            let nothing_there = answer.status == StatusCode::NOT_FOUND
                && ["Subscription", "SearchParameter", "Consent", "Group"].contains(&kind);
            // What it wants in a body is its own test's business.
            let refused_in_words = kind == "Subscription" && answer.code() != "not-supported";
            let fine = if claimed.contains(&code) {
                answer.status.is_success() || nothing_there || refused_in_words
            } else {
                is_outcome(&answer)
            };
            if !fine {
                wrong.push(format!("{kind} {code}: {} {}", answer.status, answer.body));
            }
        }
        for operation in claims(claim, "operation", "name") {
            let (method, path) = match operation {
                "validate" => ("POST", format!("/fhir/{kind}/$validate")),
                "proof" => ("GET", format!("/fhir/{kind}/anchored/$proof")),
                "lookup" => {
                    ("GET", "/fhir/CodeSystem/$lookup?system=http://unitsofmeasure.org&code=kg".into())
                }
                "validate-code" if kind == "CodeSystem" => {
                    ("GET", "/fhir/CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=kg".into())
                }
                "validate-code" | "expand" => {
                    let category = "https://salus.network/fhir/ValueSet/category-labs";
                    ("GET", format!("/fhir/ValueSet/${operation}?url={category}&code=laboratory"))
                }
                "export" if kind == "Patient" => ("GET", "/fhir/Patient/$export".to_owned()),
                name => ("GET", format!("/fhir/{kind}/p1/${name}")),
            };
            let answer = world.ask(Some(&system), method, &path, "{}").await;
            let none = operation == "proof" && answer.code() == "not-found";
            // These want a header, or something that is there.
            let offered =
                (operation == "export" || kind == "Subscription") && answer.code() != "not-supported";
            if !answer.status.is_success() && !none && !offered {
                wrong.push(format!("{kind} ${operation}: {} {}", answer.status, answer.body));
            }
        }
    }
    for (code, method, path, body) in [
        ("search-system", "GET", "/fhir?_type=Patient", ""),
        ("history-system", "GET", "/fhir/_history", ""),
        ("batch", "POST", "/fhir", r#"{"resourceType":"Bundle","type":"batch"}"#),
        ("transaction", "POST", "/fhir", r#"{"resourceType":"Bundle","type":"transaction"}"#),
    ] {
        assert!(
            claims(&statement["rest"][0], "interaction", "code").contains(&code),
            "{code} is not claimed"
        );
        let answer = world.ask(Some(&system), method, path, body).await;
        if !answer.status.is_success() {
            wrong.push(format!("{code}: {} {}", answer.status, answer.body));
        }
    }
    let operations = claims(&statement["rest"][0], "operation", "name");
    assert_eq!(operations, ["export", "import"]);
    for (method, path) in [("GET", "/fhir/$export"), ("POST", "/fhir/$import")] {
        assert_ne!(world.ask(Some(&system), method, path, "{}").await.code(), "not-supported", "{path}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a type does not claim, and no caller may have.
#[tokio::test]
async fn types_that_nobody_writes_claim_no_writing() {
    let world = World::new().await;
    let statement = world.ask(None, "GET", "/fhir/metadata", "").await.json();
    for claim in statement["rest"][0]["resource"].as_array().expect("types") {
        let kind = claim["type"].as_str().expect("a type");
        let writes = claims(claim, "interaction", "code")
            .iter()
            .any(|code| ["create", "update", "patch", "delete"].contains(code));
        let read_only = ["AuditEvent", "SearchParameter"].contains(&kind);
        assert_eq!(writes, !read_only, "{kind}");
        let conditional = !read_only && kind != "Subscription";
        assert_eq!(claim.get("conditionalDelete").is_some(), conditional, "{kind}");
    }
}

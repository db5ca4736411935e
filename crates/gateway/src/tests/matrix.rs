//! Who gets what: role by route, with the routes listed from the router itself. A route without a row fails.

use super::routes::paths;
use super::world::{CANARY, OTHER, PATIENT, World};
use crate::fhir::ask::What;
use salus_types::category::Purpose;
use std::collections::{BTreeSet, HashSet};

/// Columns: nobody, system `*.cruds`, system `Observation.rs`, clinician with p1's chart, the same for research,
/// clerk, steward. `ok`: any 2xx, else the status.
struct Row {
    what: What,
    method: &'static str,
    path: &'static str,
    expected: [&'static str; 7],
}

const fn row(what: What, method: &'static str, path: &'static str, expected: [&'static str; 7]) -> Row {
    Row { what, method, path, expected }
}

const OK: &str = "ok";
const NO: &str = "403";
const WHO: &str = "401";
const NONE: &str = "404";

const FHIR: &[Row] = &[
    row(What::Read, "GET", "/fhir/Observation/o1", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::Read, "GET", "/fhir/Observation/o2", [WHO, OK, OK, NONE, NO, NO, NO]),
    row(What::Read, "GET", "/fhir/Patient/p1", [WHO, OK, NO, OK, NO, OK, NO]),
    row(What::Read, "GET", "/fhir/Patient/p2-kanarienvogel", [WHO, OK, NO, NONE, NO, OK, NO]),
    row(What::Read, "GET", "/fhir/Organization/org", [WHO, OK, NO, OK, OK, OK, NO]),
    row(What::Version, "GET", "/fhir/Observation/o1/_history/1", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::InstanceHistory, "GET", "/fhir/Observation/o1/_history", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::TypeHistory, "GET", "/fhir/Observation/_history", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::SystemHistory, "GET", "/fhir/_history", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/Observation?patient=p1", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::Search, "POST", "/fhir/Observation/_search", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/Patient?name=x", [WHO, OK, NO, OK, NO, OK, NO]),
    row(What::Search, "GET", "/fhir/Patient?_revinclude=Observation:subject", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/Observation?subject.name=x", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/Observation?_include=Observation:subject", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::CompartmentSearch, "GET", "/fhir/Patient/p1/Observation", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::Everything, "GET", "/fhir/Patient/p1/$everything", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Create, "POST", "/fhir/Observation", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Create, "POST", "/fhir/Patient", [WHO, OK, NO, OK, NO, OK, NO]),
    row(What::Update, "PUT", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Patch, "PATCH", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Delete, "DELETE", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Conditional, "DELETE", "/fhir/Observation?code=x", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Batch, "POST", "/fhir", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Batch, "POST", "/fhir/", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Validate, "POST", "/fhir/Observation/$validate", [WHO, OK, NO, OK, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/anchored/$proof", [WHO, OK, OK, OK, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/sealed/$proof", [WHO, NONE, NONE, NONE, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/o2/$proof", [WHO, NONE, NONE, NONE, NO, NO, NO]),
];

/// Routes that are no FHIR interaction: method, path, and what somebody without any sign-in gets.
const OTHERS: &[(&str, &str, &str)] = &[
    ("GET", "/fhir/metadata", "200"),
    ("POST", "/fhir/metadata", "405"),
    ("GET", "/fhir/.well-known/smart-configuration", "200"),
    ("POST", "/smart/token", "400"),
    ("POST", "/smart/revoke", "400"),
    ("POST", "/smart/introspect", "400"),
    ("GET", "/smart/jwks", "200"),
];

/// Paths whose rows are in the tests of their own modules.
const ELSEWHERE: &[&str] = &["/ledger/", "/relay/", "/account", "/staff/"];

#[tokio::test]
async fn every_role_gets_what_its_row_says_and_nothing_of_other_patients() {
    let world = World::new().await;
    let callers = [
        None,
        Some(world.system("system/*.cruds")),
        Some(world.system("system/Observation.rs")),
        Some(world.clinician()),
        Some(world.on_behalf("dr-bo", PATIENT, Purpose::Research)),
        Some(world.on_behalf("front-desk", PATIENT, Purpose::Treatment)),
        Some(world.on_behalf("root", PATIENT, Purpose::Treatment)),
    ];
    let mut wrong = Vec::new();
    for row in FHIR {
        for (column, (caller, expected)) in callers.iter().zip(row.expected).enumerate() {
            let answer = world.ask(caller.as_deref(), row.method, row.path, "{}").await;
            let status =
                if answer.status.is_success() { OK.to_owned() } else { answer.status.as_u16().to_string() };
            if status != expected {
                wrong.push(format!(
                    "{} {} column {column}: {status}, not {expected}: {}",
                    row.method, row.path, answer.body
                ));
            }
            let refused = !answer.status.is_success();
            if refused && !answer.body.contains("OperationOutcome") {
                wrong.push(format!("{} {} column {column}: no OperationOutcome", row.method, row.path));
            }
            // The clinician never sees the other patient; a refusal shows nobody anything.
            let may_see = matches!(column, 1 | 2 | 5) && !refused;
            let headers = format!("{:?}", answer.headers);
            if !may_see
                && (answer.body.contains(CANARY) || answer.body.contains(OTHER) || headers.contains(CANARY))
            {
                wrong.push(format!("{} {} column {column}: leaks", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn open_routes_answer_nobody_in_particular() {
    let world = World::new().await;
    for (method, path, expected) in OTHERS {
        let answer = world.ask(None, method, path, "").await;
        assert_eq!(answer.status.as_u16().to_string(), *expected, "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn every_interaction_and_every_route_has_a_row() {
    let interactions: HashSet<What> = FHIR.iter().map(|row| row.what).collect();
    for what in What::ALL {
        assert!(interactions.contains(what), "{what:?} has no row");
    }
    let world = World::new().await;
    let listed = paths(&crate::public_router(world.gateway.clone()));
    let fhir = [
        "/fhir",
        "/fhir/",
        "/fhir/{type}",
        "/fhir/{type}/",
        "/fhir/{type}/{id}",
        "/fhir/{type}/{id}/{*rest}",
        "/fhir/{type}/{id}/$proof",
    ];
    let rows: BTreeSet<&str> = OTHERS.iter().map(|(_, path, _)| *path).chain(fhir).collect();
    for path in &listed {
        let elsewhere = ELSEWHERE.iter().any(|prefix| path.starts_with(prefix));
        assert!(elsewhere || rows.contains(path.as_str()), "`{path}` has no row in the matrix");
    }
    for path in rows {
        assert!(listed.contains(path), "`{path}` has a row, and is no route");
    }
}

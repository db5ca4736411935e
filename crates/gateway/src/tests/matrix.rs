//! Who gets what: role by route, with the routes listed from the router itself. A route without a row fails.

use super::people;
use super::routes::{ANY, routes};
use super::world::{CANARY, OTHER, PATIENT, World};
use crate::fhir::ask::What;
use crate::smart::app::tests as apps;
use salus_types::category::Purpose;
use std::collections::{BTreeSet, HashSet};

/// Columns: nobody, system `*.cruds`, system `Observation.rs`, clinician with p1's chart, the same for research,
/// clerk, steward, an app that p1 lets read all that is not protected. `ok`: any 2xx, else the status.
struct Row {
    what: What,
    method: &'static str,
    path: &'static str,
    expected: [&'static str; 8],
}

const fn row(what: What, method: &'static str, path: &'static str, expected: [&'static str; 8]) -> Row {
    Row { what, method, path, expected }
}

const OK: &str = "ok";
const NO: &str = "403";
const WHO: &str = "401";
const NONE: &str = "404";
/// Allowed, and then refused for want of `Prefer: respond-async`.
const BAD: &str = "400";

const FHIR: &[Row] = &[
    row(What::Read, "GET", "/fhir/Observation/o1", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::Search, "GET", "/fhir/Observation/", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::Read, "GET", "/fhir/Observation/o2", [WHO, OK, OK, NONE, NO, NO, NO, NONE]),
    row(What::Read, "GET", "/fhir/Patient/p1", [WHO, OK, NO, OK, NO, OK, NO, OK]),
    row(What::Read, "GET", "/fhir/Patient/p2-kanarienvogel", [WHO, OK, NO, NONE, NO, OK, NO, NONE]),
    row(What::Read, "GET", "/fhir/Organization/org", [WHO, OK, NO, OK, OK, OK, NO, OK]),
    row(What::Version, "GET", "/fhir/Observation/o1/_history/1", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::InstanceHistory, "GET", "/fhir/Observation/o1/_history", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::TypeHistory, "GET", "/fhir/Observation/_history", [WHO, OK, OK, OK, NO, NO, NO, NO]),
    row(What::SystemHistory, "GET", "/fhir/_history", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/Observation?patient=p1", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::Search, "POST", "/fhir/Observation/_search", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::Search, "GET", "/fhir/Patient?name=x", [WHO, OK, NO, OK, NO, OK, NO, OK]),
    row(
        What::Search,
        "GET",
        "/fhir/Patient?_revinclude=Observation:subject",
        [WHO, OK, NO, OK, NO, NO, NO, NO],
    ),
    row(What::Search, "GET", "/fhir/Observation?subject.name=x", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(
        What::Search,
        "GET",
        "/fhir/Observation?_include=Observation:subject",
        [WHO, OK, NO, OK, NO, NO, NO, NO],
    ),
    row(What::CompartmentSearch, "GET", "/fhir/Patient/p1/Observation", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::SystemSearch, "GET", "/fhir?_type=Observation", [WHO, OK, OK, OK, NO, NO, NO, OK]),
    row(What::SystemSearch, "GET", "/fhir?_type=Observation,Patient", [WHO, OK, NO, OK, NO, NO, NO, OK]),
    row(What::SystemSearch, "POST", "/fhir/_search?_type=Patient", [WHO, OK, NO, OK, NO, OK, NO, OK]),
    row(What::SystemSearch, "GET", "/fhir", [WHO, "400", "400", "400", "400", "400", "400", "400"]),
    row(What::Summary, "GET", "/fhir/Patient/p1/$summary", [WHO, OK, NO, OK, NO, NO, NO, OK]),
    row(What::Summary, "GET", "/fhir/Patient/p2-kanarienvogel/$summary", [WHO, OK, NO, NO, NO, NO, NO, NO]),
    row(What::Search, "GET", "/fhir/AuditEvent", [WHO, NO, NO, NO, NO, NO, OK, NO]),
    row(What::Read, "GET", "/fhir/AuditEvent/log-999999", [WHO, NO, NO, NO, NO, NO, NONE, NO]),
    row(What::Create, "POST", "/fhir/AuditEvent", [WHO, NONE, NONE, NONE, NONE, NONE, NONE, NONE]),
    row(What::Search, "GET", "/fhir/Consent?patient=p1", [WHO, OK, NO, OK, NO, NO, NO, OK]),
    row(What::Read, "GET", "/fhir/Consent/grant-1", [WHO, NONE, NO, NONE, NO, NO, NO, NONE]),
    row(What::Update, "PUT", "/fhir/Consent/grant-1", [WHO, "422", "422", "422", "422", "422", "422", "422"]),
    row(What::Read, "GET", "/fhir/Binary/doc", [WHO, OK, NO, OK, NO, NO, NO, OK]),
    row(What::Create, "POST", "/fhir/Binary", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Everything, "GET", "/fhir/Patient/p1/$everything", [WHO, OK, NO, OK, NO, NO, NO, OK]),
    row(What::Create, "POST", "/fhir/Observation", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Create, "POST", "/fhir/Patient", [WHO, OK, NO, OK, NO, OK, NO, NO]),
    row(What::Update, "PUT", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Patch, "PATCH", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Delete, "DELETE", "/fhir/Observation/o1", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Conditional, "DELETE", "/fhir/Observation?code=x", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Batch, "POST", "/fhir", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Batch, "POST", "/fhir/", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Validate, "POST", "/fhir/Observation/$validate", [WHO, OK, NO, OK, NO, NO, NO, NO]),
    row(What::Export, "GET", "/fhir/$export", [WHO, BAD, BAD, NO, NO, NO, NO, NO]),
    row(What::Export, "POST", "/fhir/Patient/$export", [WHO, BAD, BAD, NO, NO, NO, NO, NO]),
    row(What::Export, "GET", "/fhir/Group/g1/$export", [WHO, BAD, NO, NO, NO, NO, NO, NO]),
    row(What::Import, "POST", "/fhir/$import", [WHO, BAD, NO, NO, NO, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/anchored/$proof", [WHO, OK, OK, OK, NO, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/sealed/$proof", [WHO, NONE, NONE, NONE, NO, NO, NO, NO]),
    row(What::Proof, "GET", "/fhir/Observation/o2/$proof", [WHO, NONE, NONE, NONE, NO, NO, NO, NO]),
];

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
        Some(apps::app_of(&world, PATIENT).await),
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

/// Whether a path is one of a template's.
fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let (mut parts, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), found.next()) {
            (None, None) => return true,
            (Some(part), Some(_)) if part.starts_with("{*") => return true,
            (Some(part), Some(found)) if part == found || (part.starts_with('{') && !found.is_empty()) => (),
            _ => return false,
        }
    }
}

/// Routes without a row, and rows without a route.
fn unmatched(routes: &BTreeSet<(String, String)>, rows: &[(&str, &str)]) -> Vec<String> {
    let is = |route: &(String, String), row: &(&str, &str)| {
        (route.0 == ANY || route.0 == row.0) && fits(&route.1, row.1)
    };
    let bare = routes.iter().filter(|route| !rows.iter().any(|row| is(route, row)));
    let idle = rows.iter().filter(|row| !routes.iter().any(|route| is(route, row)));
    bare.map(|(method, path)| format!("`{method} {path}` has no row"))
        .chain(idle.map(|(method, path)| format!("`{method} {path}` is no route")))
        .collect()
}

/// Method and path of every FHIR interaction.
pub(crate) fn fhir_rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    FHIR.iter().map(|row| (row.method, row.path))
}

fn public_rows() -> Vec<(&'static str, &'static str)> {
    fhir_rows().chain(people::ROWS.iter().map(|(method, path, ..)| (*method, *path))).collect()
}

fn peer_rows() -> Vec<(&'static str, &'static str)> {
    people::PEERS.iter().map(|(method, path, ..)| (*method, *path)).collect()
}

#[tokio::test]
async fn every_interaction_and_every_route_has_a_row_and_a_missing_one_is_found() {
    let interactions: HashSet<What> = FHIR.iter().map(|row| row.what).collect();
    for what in What::ALL {
        assert!(interactions.contains(what), "{what:?} has no row");
    }
    let world = World::new().await;
    for (router, rows) in [
        (crate::public_router(world.gateway.clone()), public_rows()),
        (crate::peer_router(world.gateway.clone()), peer_rows()),
    ] {
        let routes = routes(&router).await;
        assert_eq!(unmatched(&routes, &rows), [] as [&str; 0]);
        // Without its rows each route is reported, and so is a row for what is no route.
        for (method, path) in &routes {
            let fewer: Vec<_> = rows
                .iter()
                .copied()
                .filter(|row| !((method == ANY || method == row.0) && fits(path, row.1)))
                .collect();
            let missing = format!("`{method} {path}` has no row");
            assert!(unmatched(&routes, &fewer).contains(&missing), "{missing}");
        }
        let more: Vec<_> = rows.iter().copied().chain([("GET", "/nowhere")]).collect();
        assert_eq!(unmatched(&routes, &more), ["`GET /nowhere` is no route"]);
    }
}

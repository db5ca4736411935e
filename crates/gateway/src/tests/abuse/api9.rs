//! API9:2023, improper inventory management: old, internal and forgotten routes.

use super::{Ask, Attack, Nobody, Staff, System, check, own_record, usual};

pub(super) fn attacks() -> Vec<Attack> {
    let system = System("system/*.cruds");
    let (none, gone) = ((404, "not-supported"), (404, "not-found"));
    let search = || Ask::json(Staff("dr-bo"), "/staff/patients/search", "{}");
    let metadata = || Ask::get(Nobody, "/fhir/metadata");
    vec![
        ("an API before the base", Ask::get(system, "/api/Patient/p1"), gone, own_record()),
        ("a version before the base", Ask::get(system, "/v1/fhir/Patient/p1"), gone, own_record()),
        ("another release of FHIR", Ask::get(system, "/fhir/r5/Patient/p1"), none, own_record()),
        ("a tenant before the type", Ask::get(system, "/fhir/default/Patient/p1"), none, own_record()),
        (
            "the search that had names in its URL",
            Ask::get(Staff("dr-bo"), "/staff/patients?search=x"),
            gone,
            search(),
        ),
        ("routes between nodes", Ask::get(Nobody, "/peer/status"), gone, Ask::get(Nobody, "/ledger/head")),
        ("numbers for operators", Ask::get(Nobody, "/metrics"), gone, metadata()),
        ("an administrator's console", Ask::get(system, "/admin/tenants"), gone, metadata()),
        ("somebody's settings", Ask::get(system, "/fhir/_user/settings"), none, metadata()),
        ("a description of routes for machines", Ask::get(Nobody, "/swagger.json"), gone, metadata()),
        ("a profile of the process", Ask::get(Nobody, "/debug/pprof/heap"), gone, metadata()),
        (
            "the settings of a registered app",
            Ask::get(Nobody, "/smart/register/app-x"),
            gone,
            Ask::get(Nobody, "/smart/jwks"),
        ),
        (
            "a sign-in that is not offered",
            Ask::form(Nobody, "/smart/device", "client_id=app-x"),
            gone,
            Ask::get(Nobody, "/smart/jwks"),
        ),
    ]
}

#[tokio::test]
async fn every_attack_fails_and_its_twin_succeeds() {
    check(attacks(), usual).await;
}

//! Who may use the routes that are no FHIR interaction: every route, every kind of caller. `tests/matrix.rs` checks
//! that no route is missing.

use super::world::{Answer, CANARY, OTHER, World};
use crate::PeerIdentity;
use crate::testing::ORIGIN;
use crate::testing::passkey::SoftPasskey;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Columns: nobody, a patient's account, clinician, clerk, steward, a system's token.
pub(crate) const CALLERS: [&str; 6] = ["nobody", "patient", "clinician", "clerk", "steward", "system"];

/// A body by name, so that the table stays a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Nothing,
    Octets,
    Json(&'static str),
    /// JSON with a new credential in it.
    Credential,
}

use Load::{Credential, Json, Nothing, Octets};

pub(crate) type Row = (&'static str, &'static str, Load, [u16; 6]);

const SLOT: &str = r#"{"slot":{"kind":"recovery","sealed":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"},"recoveryLocator":"0909090909090909090909090909090909090909090909090909090909090909"}"#;
const SHARES: &str =
    r#"{"sealed":"AQEB","locator":"0808080808080808080808080808080808080808080808080808080808080808"}"#;
const LETTER: &str =
    r#"{"sealed":"AQEB","locator":"0707070707070707070707070707070707070707070707070707070707070707"}"#;
const LETTER_NAME: &str = r#"{"locator":"0707070707070707070707070707070707070707070707070707070707070707"}"#;
const CHART: &str = r#"{"patient":"p1","reason":"follow-up","purpose":"treatment"}"#;
const ASK: &str = r#"{"patient":"p1","categories":["labs"],"reason":"follow-up","days":30}"#;
const EMERGENCY: &str = r#"{"patient":"p1","ground":"unconscious","reason":"found on the street"}"#;
const ERASURE: &str =
    r#"{"patient":"nobody","scope":{"of":"everything"},"basis":"retention-over","words":"over"}"#;
const REVIEW: &str = r#"{"justified":true,"words":"as it should be"}"#;
const PROPOSAL: &str = r#"{"change":{"kind":"remove","organisation":"hospital-b"}}"#;
const TERMS: Load = Json(r#"{"resourceType":"Parameters","parameter":[]}"#);
const UNKNOWN_VOTE: &str =
    "/staff/governance/proposals/0000000000000000000000000000000000000000000000000000000000000000/vote";
const ZERO: &str = "/ledger/state/0000000000000000000000000000000000000000000000000000000000000000";
const ZERO_PROOF: &str =
    "/ledger/state/0000000000000000000000000000000000000000000000000000000000000000/proof";
const UNKNOWN: &str = "/ledger/transactions/0000000000000000000000000000000000000000000000000000000000000000";

/// Method, path, body, and what each caller gets.
pub(crate) const ROWS: &[Row] = &[
    ("GET", "/account", Nothing, [200; 6]),
    ("POST", "/account/register/start", Json("{}"), [200; 6]),
    ("POST", "/account/register/finish", Json(r#"{"session":"x","slots":[]}"#), [410; 6]),
    ("POST", "/account/signin/start", Json("{}"), [200; 6]),
    ("POST", "/account/signin/finish", Json("{}"), [400; 6]),
    ("POST", "/account/signout", Nothing, [204; 6]),
    ("POST", "/account/recovery", Json(r#"{"locator":"zz"}"#), [400; 6]),
    ("PUT", "/account/recovery", Json(SLOT), [401, 204, 401, 401, 401, 401]),
    ("PUT", "/account/shares", Json(SHARES), [401, 204, 401, 401, 401, 401]),
    ("DELETE", "/account/shares", Nothing, [401, 204, 401, 401, 401, 401]),
    ("POST", "/account/passkeys/start", Json("{}"), [401, 200, 401, 401, 401, 401]),
    ("POST", "/account/passkeys/finish", Credential, [401, 410, 401, 401, 401, 401]),
    ("DELETE", "/account/passkeys/x", Nothing, [401, 404, 401, 401, 401, 401]),
    ("GET", "/account/backup", Nothing, [401, 404, 401, 401, 401, 401]),
    ("PUT", "/account/backup", Octets, [401, 204, 401, 401, 401, 401]),
    ("POST", "/account/letters", Json(LETTER), [401, 204, 401, 401, 401, 401]),
    ("POST", "/account/letters/read", Json(LETTER_NAME), [401, 200, 401, 401, 401, 401]),
    ("POST", "/staff/join/start", Json(r#"{"code":"x"}"#), [410; 6]),
    ("POST", "/staff/join/finish", Credential, [410; 6]),
    ("POST", "/staff/signin/start", Json("{}"), [200; 6]),
    ("POST", "/staff/signin/finish", Json("{}"), [400; 6]),
    ("POST", "/staff/signout", Nothing, [204; 6]),
    ("GET", "/staff/me", Nothing, [401, 401, 200, 200, 200, 401]),
    (
        "POST",
        "/staff/members",
        Json(r#"{"id":"new","name":"New","role":"clerk"}"#),
        [401, 401, 403, 403, 200, 401],
    ),
    ("POST", "/staff/patients/search", Json(r#"{"search":"x"}"#), [401, 401, 200, 200, 200, 401]),
    ("POST", "/staff/charts", Json(CHART), [401, 401, 200, 403, 403, 401]),
    ("POST", "/staff/charts/x/shared", Nothing, [401, 401, 403, 403, 403, 401]),
    ("POST", "/staff/charts/x/elsewhere", Nothing, [401, 401, 403, 403, 403, 401]),
    ("POST", "/staff/requests", Json(ASK), [401, 401, 202, 403, 403, 401]),
    ("POST", "/staff/emergency", Json(EMERGENCY), [401, 401, 200, 403, 403, 401]),
    ("GET", "/staff/emergency/x", Nothing, [401, 401, 403, 403, 403, 401]),
    ("GET", "/staff/emergencies", Nothing, [401, 401, 403, 403, 200, 401]),
    ("POST", "/staff/emergencies/x/review", Json(REVIEW), [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/invites", Json(r#"{"patient":"p1"}"#), [401, 401, 200, 200, 200, 401]),
    ("POST", "/staff/invites", Json(r#"{"patient":"p1","replaces":true}"#), [401, 401, 403, 200, 200, 401]),
    ("POST", "/staff/recoveries", Json(r#"{"patient":"p1"}"#), [401, 401, 403, 409, 409, 401]),
    ("POST", "/staff/guardians", Json(r#"{"patient":"p1"}"#), [401, 401, 403, 409, 409, 401]),
    ("POST", "/staff/guardians/end", Json(r#"{"patient":"p1"}"#), [401, 401, 403, 204, 204, 401]),
    ("GET", "/staff/network", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/blocks", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/custody", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/access-events", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/log", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/feeds", Nothing, [401, 401, 403, 403, 200, 401]),
    ("GET", "/staff/feeds/x/letters", Nothing, [401, 401, 403, 403, 404, 401]),
    ("GET", "/staff/feeds/x/letters/1", Nothing, [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/feeds/x/letters/1/replay", Nothing, [401, 401, 403, 403, 404, 401]),
    (
        "POST",
        "/staff/feeds/x/letters/1/discard",
        Json(r#"{"reason":"sent by mistake"}"#),
        [401, 401, 403, 403, 404, 401],
    ),
    (
        "POST",
        "/staff/feeds/x/letters/1/restore",
        Json(r#"{"reason":"it is wanted again"}"#),
        [401, 401, 403, 403, 404, 401],
    ),
    ("POST", "/staff/feeds/x/replay", Nothing, [401, 401, 403, 403, 404, 401]),
    // Documents are for systems; there is no such feed here.
    ("POST", "/feeds/x/documents", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/staff/cases", Nothing, [401, 401, 403, 403, 200, 401]),
    (
        "POST",
        "/staff/cases/x/answer",
        Json(r#"{"accept":true,"words":"yes"}"#),
        [401, 401, 403, 403, 404, 401],
    ),
    ("POST", "/staff/cases/x/extend", Json(r#"{"why":"more"}"#), [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/cases/x/lift", Json(r#"{"why":"settled"}"#), [401, 401, 403, 403, 404, 401]),
    ("GET", "/staff/cases/x/survey", Nothing, [401, 401, 403, 403, 404, 401]),
    ("GET", "/staff/cases/x/dossier", Nothing, [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/erasures", Json(ERASURE), [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/accountings", Json(r#"{"patient":"nobody"}"#), [401, 401, 403, 403, 404, 401]),
    ("GET", "/staff/governance", Nothing, [401, 401, 403, 403, 200, 401]),
    ("POST", "/staff/governance/proposals", Json(PROPOSAL), [401, 401, 403, 403, 201, 401]),
    ("POST", UNKNOWN_VOTE, Json(r#"{"approve":true}"#), [401, 401, 403, 403, 404, 401]),
    ("GET", "/ledger/genesis", Nothing, [200; 6]),
    ("GET", "/ledger/organisations", Nothing, [200; 6]),
    ("GET", "/ledger/epoch", Nothing, [200; 6]),
    ("GET", "/ledger/head", Nothing, [200; 6]),
    ("POST", "/ledger/transactions", Octets, [400; 6]),
    ("GET", UNKNOWN, Nothing, [200; 6]),
    ("GET", "/ledger/headers?from=0&count=1", Nothing, [200; 6]),
    ("GET", "/ledger/handovers", Nothing, [200; 6]),
    ("GET", "/ledger/blocks/0", Nothing, [200; 6]),
    ("GET", ZERO, Nothing, [404; 6]),
    ("GET", ZERO_PROOF, Nothing, [200; 6]),
    ("POST", "/ledger/anchors", Octets, [400; 6]),
    ("GET", "/ledger/events", Nothing, [200; 6]),
    ("POST", "/relay/hospital-a/patient", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/enrol", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/mailbox", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/case", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/recovery", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/proxy", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/guardian", Octets, [400; 6]),
    ("POST", "/relay/hospital-a/deposit", Octets, [400; 6]),
    ("POST", "/links/x", Json(r#"{"recipient":"Dr. X"}"#), [404; 6]),
    ("GET", "/links/files/x", Nothing, [404; 6]),
    ("GET", "/.well-known/jwks.json", Nothing, [200; 6]),
    ("POST", "/staff/health-card-key", Nothing, [401, 401, 403, 403, 204, 401]),
    ("GET", "/fhir/Subscription", Nothing, [401, 401, 403, 403, 403, 200]),
    ("POST", "/fhir/Subscription", Json("{}"), [401, 401, 403, 403, 403, 400]),
    ("GET", "/fhir/Subscription/$status", Nothing, [401, 401, 403, 403, 403, 200]),
    ("POST", "/fhir/Subscription/$status", Nothing, [401, 401, 403, 403, 403, 200]),
    ("GET", "/fhir/Subscription/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("PUT", "/fhir/Subscription/x", Json("{}"), [401, 401, 403, 403, 403, 404]),
    ("DELETE", "/fhir/Subscription/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/Subscription/x/$status", Nothing, [401, 401, 403, 403, 403, 404]),
    ("POST", "/fhir/Subscription/x/$status", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/Subscription/x/$events", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/Subscription/x/$get-ws-binding-token", Nothing, [401, 401, 403, 403, 403, 404]),
    ("POST", "/fhir/Subscription/x/$get-ws-binding-token", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/Subscription/x/_history", Nothing, [404; 6]),
    ("GET", "/fhir/SubscriptionTopic", Nothing, [200; 6]),
    ("GET", "/fhir/SubscriptionTopic/patient-record-changed", Nothing, [200; 6]),
    ("GET", "/fhir/ws", Nothing, [400; 6]),
    ("GET", "/staff/charts/x/events", Nothing, [401, 401, 403, 403, 403, 401]),
    ("GET", "/openapi.json", Nothing, [200; 6]),
    ("GET", "/fhir/metadata", Nothing, [200; 6]),
    (
        "GET",
        "/fhir/CodeSystem/$lookup?system=http://unitsofmeasure.org&code=mg",
        Nothing,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "POST",
        "/fhir/CodeSystem/$lookup?system=http://unitsofmeasure.org&code=mg",
        TERMS,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "GET",
        "/fhir/CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mg",
        Nothing,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "POST",
        "/fhir/CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mg",
        TERMS,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "GET",
        "/fhir/ValueSet/$validate-code?url=https://salus.network/fhir/ValueSet/category-labs&code=laboratory",
        Nothing,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "POST",
        "/fhir/ValueSet/$validate-code?url=https://salus.network/fhir/ValueSet/category-labs&code=laboratory",
        TERMS,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "GET",
        "/fhir/ValueSet/$expand?url=https://salus.network/fhir/ValueSet/category",
        Nothing,
        [401, 200, 200, 200, 200, 200],
    ),
    (
        "POST",
        "/fhir/ValueSet/$expand?url=https://salus.network/fhir/ValueSet/category",
        TERMS,
        [401, 200, 200, 200, 200, 200],
    ),
    ("GET", "/fhir/$export/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("DELETE", "/fhir/$export/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/$export/x/y", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/.well-known/smart-configuration", Nothing, [200; 6]),
    ("GET", "/fhir/$import/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("DELETE", "/fhir/$import/x", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/fhir/$import/x/errors", Nothing, [401, 401, 403, 403, 403, 404]),
    ("GET", "/staff/imports", Nothing, [401, 401, 403, 403, 200, 401]),
    ("POST", "/staff/imports", Json(r#"{"files":["x.ndjson"]}"#), [401, 401, 403, 403, 400, 401]),
    ("POST", "/staff/imports/x/stop", Nothing, [401, 401, 403, 403, 404, 401]),
    ("POST", "/smart/token", Nothing, [400; 6]),
    ("POST", "/smart/revoke", Nothing, [400; 6]),
    ("POST", "/smart/introspect", Nothing, [400; 6]),
    ("GET", "/smart/jwks", Nothing, [200; 6]),
    ("GET", "/.well-known/openid-configuration", Nothing, [200; 6]),
    ("GET", "/smart/authorize?client_id=x&redirect_uri=https://x.example/&state=x", Nothing, [400; 6]),
    ("POST", "/smart/authorize", Nothing, [400; 6]),
    ("POST", "/smart/register", Json("{}"), [400; 6]),
    ("GET", "/smart/requests/x", Nothing, [410; 6]),
    ("POST", "/smart/requests/x/refuse", Nothing, [410; 6]),
    ("GET", "/staff/apps", Nothing, [401, 401, 403, 403, 200, 401]),
    ("POST", "/staff/apps/x/approve", Nothing, [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/apps/x/refuse", Nothing, [401, 401, 403, 403, 404, 401]),
    ("POST", "/staff/apps/x/end", Nothing, [401, 401, 403, 403, 404, 401]),
    ("GET", "/staff/launches", Nothing, [401, 401, 200, 403, 403, 401]),
    ("POST", "/staff/launches", Json(r#"{"chart":"x","app":"x"}"#), [401, 401, 403, 403, 403, 401]),
    ("POST", "/staff/launches/x/allow", Nothing, [401, 401, 410, 403, 403, 401]),
];

/// The routes between nodes: what the own organisation gets, and what another member gets. Who shows no certificate
/// of a member reaches no route at all (`peer/tests.rs`).
pub(crate) const PEERS: &[(&str, &str, Load, [u16; 2])] = &[
    ("POST", "/peer/custody", Octets, [400; 2]),
    ("POST", "/peer/anchored", Json(r#"{"sequence":1,"height":1}"#), [204; 2]),
    ("POST", "/peer/compartments", Octets, [400; 2]),
    ("POST", "/peer/links", Octets, [400; 2]),
    ("POST", "/peer/versions", Octets, [400; 2]),
    ("POST", "/peer/release", Octets, [400; 2]),
    ("POST", "/peer/give-back", Octets, [400; 2]),
    ("POST", "/peer/destroy", Octets, [400; 2]),
    ("POST", "/peer/emergency", Octets, [400; 2]),
    ("POST", "/peer/emergency/find", Octets, [400; 2]),
    ("POST", "/peer/emergency/release", Octets, [400; 2]),
    ("POST", "/peer/emergency/opened", Octets, [400; 2]),
    ("POST", "/peer/location", Octets, [400; 2]),
    ("POST", "/peer/location/evaluate", Octets, [400; 2]),
    ("POST", "/peer/erasure", Octets, [400; 2]),
    ("POST", "/peer/patient", Octets, [400; 2]),
    ("POST", "/peer/enrol", Octets, [400; 2]),
    ("POST", "/peer/mailbox", Octets, [400; 2]),
    ("POST", "/peer/case", Octets, [400; 2]),
    ("POST", "/peer/recovery", Octets, [400; 2]),
    ("POST", "/peer/proxy", Octets, [400; 2]),
    ("POST", "/peer/guardian", Octets, [400; 2]),
    ("POST", "/peer/deposit", Octets, [400; 2]),
    ("POST", "/peer/keys", Octets, [400; 2]),
    ("GET", "/peer/status", Nothing, [200; 2]),
    ("GET", "/metrics", Nothing, [200, 403]),
];

fn new_credential() -> Value {
    let options = json!({ "user": { "id": "AAAA" }, "challenge": "AAAAAAAAAAAAAAAAAAAAAA" });
    SoftPasskey::new().create(&options)
}

/// A request with a body.
pub(crate) fn request(method: &str, path: &str, load: Load) -> Request<Body> {
    let (kind, body) = match load {
        Nothing => ("application/x-www-form-urlencoded", Vec::new()),
        Octets => (crate::body::OCTETS, vec![0xff, 1, 2, 3]),
        Json(text) => ("application/json", text.as_bytes().to_vec()),
        Credential => {
            let body = json!({ "code": "x", "session": "x", "credential": new_credential(), "slots": [] });
            ("application/json", body.to_string().into_bytes())
        }
    };
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
    request.header(header::ORIGIN, ORIGIN).body(Body::from(body)).expect("request")
}

/// A cookie or a token, by its header.
pub(crate) type Proof = (header::HeaderName, String);

/// What a caller shows.
pub(crate) async fn proof_of(world: &World, caller: &str) -> Option<Proof> {
    let staff = async |id: &str| Some((header::COOKIE, world.gateway.staff.testing_session(id).await));
    match caller {
        "patient" => Some((header::COOKIE, patient_cookie(world).await)),
        "clinician" => staff("dr-bo").await,
        "clerk" => staff("front-desk").await,
        "steward" => staff("root").await,
        "system" => Some((header::AUTHORIZATION, format!("Bearer {}", world.system("system/*.cruds")))),
        _ => None,
    }
}

/// Makes an account with a passkey.
async fn patient_cookie(world: &World) -> String {
    let begun = world.send(request("POST", "/account/register/start", Json("{}"))).await.json();
    let credential = SoftPasskey::new().create(&begun["options"]);
    let body = json!({ "session": begun["session"], "credential": credential, "slots": [] }).to_string();
    let mut finish = request("POST", "/account/register/finish", Json("{}"));
    *finish.body_mut() = Body::from(body);
    let made = world.send(finish).await;
    assert_eq!(made.status, StatusCode::NO_CONTENT, "{}", made.body);
    let cookie = made.headers[header::SET_COOKIE].to_str().expect("text");
    cookie.split(';').next().expect("cookie").to_owned()
}

/// Asks as a caller; of a stream of events the head alone.
pub(crate) async fn ask(world: &World, caller: &str, request: Request<Body>) -> Answer {
    ask_with(world, proof_of(world, caller).await, request).await
}

/// Asks with what was shown before.
pub(crate) async fn ask_with(world: &World, proof: Option<Proof>, mut request: Request<Body>) -> Answer {
    if let Some((name, value)) = proof {
        request.headers_mut().insert(name, value.parse().expect("value"));
    }
    if request.uri().path() != "/ledger/events" {
        return world.send(request).await;
    }
    let router = crate::edge::wrap(crate::public_router(world.gateway.clone()), &world.gateway.config);
    let answer = router.oneshot(request).await.expect("answer");
    Answer { status: answer.status(), headers: answer.headers().clone(), body: String::new() }
}

#[tokio::test]
async fn every_caller_gets_what_the_row_says_and_a_refusal_shows_nobody_anything() {
    let world = World::changed(|config| config.limits.demo_callers = 100_000).await;
    let mut wrong = Vec::new();
    for (method, path, load, expected) in ROWS {
        for (caller, expected) in CALLERS.iter().zip(expected) {
            let answer = ask(&world, caller, request(method, path, *load)).await;
            if answer.status.as_u16() != *expected {
                wrong.push(format!(
                    "{method} {path} {caller}: {}, not {expected}: {}",
                    answer.status, answer.body
                ));
            }
            let shows = [CANARY, OTHER].iter().any(|secret| answer.body.contains(secret));
            if shows && (!answer.status.is_success() || *path != "/staff/patients/search") {
                wrong.push(format!("{method} {path} {caller}: leaks {}", answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_member_gets_what_the_row_says() {
    let world = World::new().await;
    let router = crate::edge::wrap(crate::peer_router(world.gateway.clone()), &world.gateway.config);
    let mut wrong = Vec::new();
    for (method, path, load, expected) in PEERS {
        for (member, expected) in ["hospital-a", "hospital-b"].iter().zip(expected) {
            let mut request = request(method, path, *load);
            request.extensions_mut().insert(PeerIdentity(member.parse().expect("id")));
            let answer = router.clone().oneshot(request).await.expect("answer");
            if answer.status().as_u16() != *expected {
                wrong.push(format!("{method} {path} {member}: {}, not {expected}", answer.status()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Feeds into a clinical store in memory: over real sockets, with what goes wrong on the way.

mod erased;
mod folder;
mod secured;

use super::rows::{self, LETTERS};
use super::{FeedConfig, FeedKind, FhirFeed, MllpFeed, SignIn, desk, mllp, pull};
use crate::log::Page;
use crate::smart::NewClient;
use crate::testing::{Node, node_with};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

/// A store that keeps what transactions put, by type and id, with its version.
#[derive(Clone, Default)]
struct Clinic(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<BTreeMap<String, (u32, Value)>>,
    /// What transactions are answered with instead.
    refuses: Mutex<Option<StatusCode>>,
    /// Transactions that were carried out.
    transactions: AtomicUsize,
}

impl Clinic {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address").to_string();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn put(&self, resource: Value) {
        let name = format!(
            "{}/{}",
            resource["resourceType"].as_str().expect("type"),
            resource["id"].as_str().expect("id")
        );
        let mut kept = self.0.kept.lock().expect("lock");
        let version = kept.get(&name).map_or(1, |(version, _)| version + 1);
        kept.insert(name, (version, resource));
    }

    fn all(&self, kind: &str) -> Vec<(u32, Value)> {
        let kept = self.0.kept.lock().expect("lock");
        kept.iter()
            .filter(|(name, _)| name.starts_with(&format!("{kind}/")))
            .map(|(_, kept)| kept.clone())
            .collect()
    }

    /// Type and version of everything.
    fn versions(&self) -> Vec<(String, u32)> {
        let kept = self.0.kept.lock().expect("lock");
        kept.iter().map(|(name, (version, _))| (name.clone(), *version)).collect()
    }

    fn refuse(&self, with: Option<StatusCode>) {
        *self.0.refuses.lock().expect("lock") = with;
    }
}

fn fhir(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/fhir+json")], body.to_string()).into_response()
}

async fn answer(State(clinic): State<Clinic>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 32 << 20).await.expect("body");
    if head.uri.path() == "/fhir/Patient/_search" {
        let wanted =
            form_urlencoded::parse(&bytes).find(|(name, _)| name == "identifier").expect("identifier").1;
        let (system, value) = wanted.rsplit_once('|').expect("token");
        let has = |patient: &Value| {
            patient["identifier"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["system"] == system && one["value"] == value))
        };
        let found: Vec<_> = clinic
            .all("Patient")
            .into_iter()
            .filter(|(_, patient)| has(patient))
            .map(|(_, one)| json!({ "resource": one }))
            .collect();
        return fhir(
            StatusCode::OK,
            &json!({ "resourceType": "Bundle", "type": "searchset", "entry": found }),
        );
    }
    if head.method == Method::GET {
        let kept = clinic.0.kept.lock().expect("lock");
        return match kept.get(head.uri.path().trim_start_matches("/fhir/")) {
            Some((_, resource)) => fhir(StatusCode::OK, resource),
            None => fhir(StatusCode::NOT_FOUND, &json!({ "resourceType": "OperationOutcome" })),
        };
    }
    let bundle: Value = serde_json::from_slice(&bytes).expect("json");
    if head.uri.path() == "/internal/erase" {
        let mut kept = clinic.0.kept.lock().expect("lock");
        for named in bundle.as_array().expect("names") {
            kept.remove(&format!(
                "{}/{}",
                named["type"].as_str().expect("type"),
                named["id"].as_str().expect("id")
            ));
        }
        return Json(json!({ "erased": 0, "waiting": 0, "scrubbed": true })).into_response();
    }
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    if bundle["type"] == "batch" {
        let kept = clinic.0.kept.lock().expect("lock");
        let found: Vec<_> = entries
            .iter()
            .map(|entry| match kept.get(entry["request"]["url"].as_str().expect("url")) {
                Some((version, resource)) => {
                    let mut resource = resource.clone();
                    resource["meta"] = json!({ "versionId": version.to_string() });
                    json!({ "resource": resource, "response": { "status": "200" } })
                }
                None => json!({ "response": { "status": "404" } }),
            })
            .collect();
        return fhir(
            StatusCode::OK,
            &json!({ "resourceType": "Bundle", "type": "batch-response", "entry": found }),
        );
    }
    if let Some(status) = *clinic.0.refuses.lock().expect("lock") {
        return fhir(
            status,
            &json!({ "resourceType": "OperationOutcome", "issue": [{ "diagnostics": "Kanarienvogel" }] }),
        );
    }
    entries.into_iter().for_each(|entry| clinic.put(entry["resource"].clone()));
    clinic.0.transactions.fetch_add(1, Ordering::Relaxed);
    fhir(StatusCode::OK, &json!({ "resourceType": "Bundle", "type": "transaction-response" }))
}

fn feed(name: &str, kind: FeedKind) -> FeedConfig {
    FeedConfig {
        name: name.to_owned(),
        system: "https://hospital.example/ids".to_owned(),
        offset: "+01:00".to_owned(),
        charset: "utf-8".to_owned(),
        kind,
    }
}

fn mllp_feed(peers: &[&str]) -> MllpFeed {
    MllpFeed {
        listen: "127.0.0.1:0".parse().expect("address"),
        peers: peers.iter().map(|peer| peer.parse().expect("peer")).collect(),
        tls: None,
        message_bytes_max: 64 * 1024,
    }
}

/// A node with feeds of all kinds, and its clinic.
async fn node(server: Option<&str>) -> (Node, Clinic) {
    let clinic = Clinic::default();
    let address = clinic.start().await;
    let base = server.unwrap_or("https://ehr.example/fhir").parse().expect("url");
    let asked = FhirFeed {
        base,
        types: ["Patient", "Observation"].map(str::to_owned).to_vec(),
        every: Duration::from_secs(3_600),
        sign_in: SignIn::None,
        authorities: None,
    };
    let node = node_with(|config| {
        config.engine = crate::engine::EngineAddress::Tcp(address);
        config.feeds = vec![
            feed("lab", FeedKind::Mllp(mllp_feed(&["127.0.0.1"]))),
            feed("letters", FeedKind::Documents),
            feed("ehr", FeedKind::Fhir(Box::new(asked))),
        ];
    })
    .await;
    (node, clinic)
}

/// Listens for a feed on a port of its own.
async fn listen(node: &Node, settings: MllpFeed) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let (gateway, feed) = (node.gateway.clone(), node.gateway.config.feeds[0].clone());
    tokio::spawn(async move { mllp::serve(&gateway, &feed, &settings, listener).await });
    address
}

const PID: &str = "PID|1||4711^^^HOSP^MR||Doe^Jane||19700102|F";
const RESULT: &str =
    "OBR|1|P1|F1|24323-8^CMP^LN|||202402011030\rOBX|1|NM|2345-7^Glucose^LN||95.50|mg/dL|||||F";

fn message(kind: &str, control: &str, segments: &str) -> String {
    format!("MSH|^~\\&|LAB|HOSP|SALUS|HOSP|20240201||{kind}|{control}|P|2.5.1\r{PID}\r{segments}\r")
}

fn framed(message: &str) -> Vec<u8> {
    salus_feeds::hl7::mllp::framed(message.as_bytes())
}

/// Reads one answer; `None` when the connection has ended.
async fn answered(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1c\r") {
        let mut byte = [0];
        if !matches!(stream.read(&mut byte).await, Ok(1)) {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8(bytes).expect("ascii"))
}

/// Sends pieces and reads so many answers: their codes.
async fn said(address: SocketAddr, pieces: &[&[u8]], answers: usize) -> Vec<String> {
    said_over(TcpStream::connect(address).await.expect("connect"), pieces, answers).await
}

async fn said_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    pieces: &[&[u8]],
    answers: usize,
) -> Vec<String> {
    for piece in pieces {
        // A connection that was closed takes nothing more.
        if stream.write_all(piece).await.is_err() {
            break;
        }
        let _ = stream.flush().await;
    }
    let mut codes = Vec::new();
    for _ in 0..answers {
        let Some(answer) = answered(&mut stream).await else { break };
        let code = answer.split("MSA|").nth(1).expect("MSA").get(..2).expect("code").to_owned();
        codes.push(code);
    }
    codes
}

#[tokio::test]
async fn a_result_is_filed_logged_and_acknowledged_and_the_same_again_changes_nothing() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    let result = framed(&message("ORU^R01", "c1", RESULT));
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
    assert_eq!(clinic.all("Observation").len(), 1);
    let before = clinic.versions();
    assert_eq!(
        before.iter().map(|(name, _)| name.split('/').next().expect("type")).collect::<Vec<_>>(),
        ["DiagnosticReport", "Observation", "Patient"]
    );
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
    assert_eq!(clinic.versions(), before);
    let entries = node.gateway.log.newest(Page::default()).await.expect("log");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].access.who, crate::log::Who::System { id: "feed:lab".into() });
    assert_eq!(entries[0].access.patient.as_deref(), clinic.all("Patient")[0].1["id"].as_str());
    let state = rows::state(&node.gateway, "lab").expect("state");
    assert_eq!(
        (state.received, state.filed, state.unchanged, state.last_kind.as_deref()),
        (2, 2, 1, Some("ORU^R01"))
    );
}

#[tokio::test]
async fn frames_are_told_apart_and_what_is_none_ends_the_connection() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    let (one, other) = (framed(&message("ORU^R01", "c1", RESULT)), framed(&message("ADT^A08", "c2", "")));
    let both = [one.clone(), other.clone()].concat();
    let large = framed(&"x".repeat(64 * 1024 + 1));
    let latin = framed("MSH|^~\\&|||||||ADT^A08|c3|P|2.5||||||UNICODE UTF-8\rPID|||1||D")
        .into_iter()
        .map(|byte| if byte == b'D' { 0xf6 } else { byte })
        .collect::<Vec<_>>();
    for (pieces, expected) in [
        (vec![&one[..7], &one[7..20], &one[20..]], vec!["AA"]),
        (vec![&both[..]], vec!["AA", "AA"]),
        (vec![&both[..one.len() + 3], &both[one.len() + 3..]], vec!["AA", "AA"]),
        (vec![&b"GET / HTTP/1.1\r\n\r\n"[..]], vec!["AR"]),
        (vec![&one[..one.len() - 2], &other[..]], vec!["AR"]),
        (vec![&large[..]], vec!["AR"]),
        (vec![&b"\x0brubbish\x1c\r"[..], &one[..]], vec!["AE", "AA"]),
        (vec![&latin[..]], vec!["AE"]),
        (vec![&framed(&message("SIU^S12", "c4", ""))[..]], vec!["AR"]),
        (vec![&framed(&message("ADT^A08", "c5", "").replace("|P|2.5.1", "|T|2.5.1"))[..]], vec!["AR"]),
    ] {
        assert_eq!(said(address, &pieces, expected.len()).await, expected, "{pieces:?}");
    }
    assert_eq!(clinic.all("Patient").len(), 1);
    // A message without an end is not filed, however long its sender stays.
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let unsaid = framed(&message("ORU^R01", "c9", &RESULT.replace("F1", "F9")));
    stream.write_all(&unsaid[..unsaid.len() - 2]).await.expect("write");
    drop(stream);
    assert_eq!(said(address, &[&one], 1).await, ["AA"]);
    assert_eq!(clinic.all("Observation").len(), 1);
}

#[tokio::test]
async fn who_is_no_peer_is_not_listened_to() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["192.0.2.1"])).await;
    assert!(said(address, &[&framed(&message("ORU^R01", "c1", RESULT))], 1).await.is_empty());
    assert_eq!(clinic.0.transactions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_node_that_ends_between_the_store_and_the_answer_makes_no_duplicates() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    let result = framed(&message("ORU^R01", "c1", RESULT));
    // The sender is gone before it hears, and sends again.
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(&result).await.expect("write");
    drop(stream);
    while clinic.0.transactions.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
    assert_eq!(clinic.versions().iter().map(|(_, version)| *version).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn what_the_store_refuses_waits_sealed_until_it_is_tried_again_or_discarded() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    clinic.refuse(Some(StatusCode::UNPROCESSABLE_ENTITY));
    let (one, other) = (framed(&message("ORU^R01", "c1", RESULT)), framed(&message("ADT^A08", "c2", "")));
    assert_eq!(said(address, &[&one, &other], 2).await, ["AE", "AE"]);
    let waiting = desk::waiting(&node.gateway, "lab").expect("waiting");
    assert_eq!(waiting.len(), 2);
    assert_eq!(waiting[0].reason, "the clinical store refused it (status 422)");
    let covered = desk::look(&node.gateway, "lab", waiting[0].number).expect("one").covered.expect("covered");
    assert!(covered.contains("PID|9||9999^^^xxxx^xx||xxx^xxxx") && !covered.contains("Doe"), "{covered}");
    let row =
        node.gateway.store.read(|tx| LETTERS.get(tx, &rows::key("lab", waiting[0].number))).expect("read");
    let row = serde_json::to_string(&row).expect("json");
    assert!(!row.contains("Doe") && !row.contains("4711"), "{row}");
    assert_eq!(
        desk::replay(&node.gateway, "lab", None).await.expect("replay"),
        desk::Replayed { filed: 0, failed: 2 }
    );
    assert_eq!(desk::waiting(&node.gateway, "lab").expect("waiting")[0].attempts, 1);
    clinic.refuse(None);
    assert_eq!(desk::replay(&node.gateway, "lab", Some(waiting[0].number)).await.expect("replay").filed, 1);
    assert_eq!(clinic.all("Observation").len(), 1);
    assert!(desk::discard(&node.gateway, "lab", waiting[1].number, "root", " ").await.is_err());
    desk::discard(&node.gateway, "lab", waiting[1].number, "root", "sent by mistake")
        .await
        .expect("discarded");
    assert!(desk::discard(&node.gateway, "lab", waiting[1].number, "root", "again").await.is_err());
    assert!(desk::replay(&node.gateway, "lab", Some(waiting[1].number)).await.is_err());
    let state = rows::state(&node.gateway, "lab").expect("state");
    assert_eq!((state.waiting, state.waiting_bytes, state.replayed, state.discarded), (0, 0, 1, 1));
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_acknowledged_and_nothing_is_kept() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    clinic.refuse(Some(StatusCode::INTERNAL_SERVER_ERROR));
    let result = framed(&message("ORU^R01", "c1", RESULT));
    assert_eq!(said(address, &[&result], 1).await, ["AR"]);
    assert!(desk::waiting(&node.gateway, "lab").expect("waiting").is_empty());
    clinic.refuse(None);
    assert_eq!(said(address, &[&result], 1).await, ["AA"]);
}

#[tokio::test]
async fn a_patient_who_is_here_already_gets_the_results_and_two_of_one_number_get_none() {
    let (node, clinic) = node(None).await;
    let address = listen(&node, mllp_feed(&["127.0.0.1"])).await;
    let patient = |id: &str| json!({ "resourceType": "Patient", "id": id, "gender": "female", "identifier": [{ "system": "https://hospital.example/ids/HOSP", "value": "4711" }] });
    clinic.put(patient("here"));
    assert_eq!(said(address, &[&framed(&message("ORU^R01", "c1", RESULT))], 1).await, ["AA"]);
    assert_eq!(clinic.all("Observation")[0].1["subject"]["reference"], "Patient/here");
    assert_eq!(clinic.all("Patient").len(), 1);
    clinic.put(patient("twin"));
    assert_eq!(said(address, &[&framed(&message("ORU^R01", "c2", RESULT))], 1).await, ["AE"]);
}

const DOCUMENT: &str = r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="d1"/><recordTarget><patientRole><id root="1.2.4" extension="p1"/></patientRole></recordTarget></ClinicalDocument>"#;

async fn hand_in(node: &Node, feed: &str, scopes: Option<&str>, kind: &str, body: &str) -> StatusCode {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/feeds/{feed}/documents"))
        .header(header::CONTENT_TYPE, kind);
    if let Some(scopes) = scopes {
        static CLIENTS: AtomicUsize = AtomicUsize::new(0);
        let id = format!("ehr-{}", CLIENTS.fetch_add(1, Ordering::Relaxed));
        let (jwks, scopes) = (crate::smart::testing::jwks(), scopes.to_owned());
        let client = NewClient {
            id: id.clone(),
            name: "EHR".into(),
            jwks,
            scopes: scopes.clone(),
            may_assert_users: false,
        };
        node.gateway.smart.clients.register(client).await.expect("client");
        let token = node.gateway.smart.testing_token(&id, &scopes, None, None);
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let router = crate::public_router(node.gateway.clone());
    router
        .oneshot(request.body(Body::from(body.to_owned())).expect("request"))
        .await
        .expect("answer")
        .status()
}

#[tokio::test]
async fn documents_are_taken_of_systems_that_may_write_everything_and_of_nobody_else() {
    let (node, clinic) = node(None).await;
    const ALL: Option<&str> = Some("system/*.cruds");
    const XML: &str = "application/xml";
    for (feed, scopes, kind, body, expected) in [
        ("letters", None, XML, DOCUMENT, StatusCode::UNAUTHORIZED),
        ("letters", Some("system/*.rs"), XML, DOCUMENT, StatusCode::FORBIDDEN),
        ("letters", Some("system/DocumentReference.cruds"), XML, DOCUMENT, StatusCode::FORBIDDEN),
        ("lab", ALL, XML, DOCUMENT, StatusCode::NOT_FOUND),
        ("nowhere", ALL, XML, DOCUMENT, StatusCode::NOT_FOUND),
        ("letters", ALL, "text/html", DOCUMENT, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("letters", ALL, XML, "<!DOCTYPE x><ClinicalDocument/>", StatusCode::UNPROCESSABLE_ENTITY),
        ("letters", ALL, XML, DOCUMENT, StatusCode::OK),
        ("letters", ALL, XML, DOCUMENT, StatusCode::OK),
    ] {
        assert_eq!(hand_in(&node, feed, scopes, kind, body).await, expected, "{feed} {scopes:?} {kind}");
    }
    assert_eq!(clinic.all("DocumentReference").iter().map(|(version, _)| *version).collect::<Vec<_>>(), [1]);
    assert_eq!(desk::waiting(&node.gateway, "letters").expect("waiting").len(), 1);
}

/// Another FHIR server with two pages of patients.
async fn server(next: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let base = format!("http://{}/fhir", listener.local_addr().expect("address"));
    let (log, own) = (Arc::clone(&asked), base.clone());
    let answer = move |request: Request| {
        let (log, own) = (Arc::clone(&log), own.clone());
        async move {
            let uri = request.uri().to_string();
            log.lock().expect("lock").push(uri.clone());
            let resource = |kind: &str, id: &str, time: &str| json!({ "resource": { "resourceType": kind, "id": id, "meta": { "versionId": "1", "lastUpdated": time }, "identifier": [{ "system": "urn:ehr", "value": id }], "subject": { "reference": "Patient/a" } } });
            let (entries, next) = match () {
                () if uri.contains("/Observation") => {
                    (vec![resource("Observation", "o", "2024-01-03T00:00:00Z")], None)
                }
                () if uri.contains("page=2") => {
                    (vec![resource("Patient", "b", "2024-01-02T00:00:00Z")], None)
                }
                () => (
                    vec![resource("Patient", "a", "2024-01-01T00:00:00Z")],
                    Some(if next.starts_with("http") { next.to_owned() } else { format!("{own}{next}") }),
                ),
            };
            let link: Vec<_> =
                next.into_iter().map(|url| json!({ "relation": "next", "url": url })).collect();
            Json(json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries, "link": link }))
        }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (base, asked)
}

fn asked_of(node: &Node) -> (FeedConfig, FhirFeed) {
    let feed = node.gateway.config.feeds[2].clone();
    let FeedKind::Fhir(settings) = feed.kind.clone() else { panic!("no server") };
    (feed, *settings)
}

#[tokio::test]
async fn another_server_is_asked_page_by_page_and_then_for_what_is_new() {
    let (base, asked) = server("/Patient?page=2").await;
    let (node, clinic) = node(Some(&base)).await;
    clinic.put(json!({ "resourceType": "Patient", "id": "here", "identifier": [{ "system": "urn:ehr", "value": "a" }] }));
    let (feed, settings) = asked_of(&node);
    pull::round(&node.gateway, &feed, &settings).await.expect("round");
    assert_eq!(clinic.all("Patient").len(), 2);
    // The other server's patient `a` is known here, and its results are filed there.
    assert_eq!(clinic.all("Observation")[0].1["subject"]["reference"], "Patient/here");
    let before = clinic.versions();
    asked.lock().expect("lock").clear();
    pull::round(&node.gateway, &feed, &settings).await.expect("round");
    assert!(asked.lock().expect("lock")[0].contains("_lastUpdated=ge2024-01-02T00%3A00%3A00Z"));
    assert_eq!(clinic.versions(), before);
}

#[tokio::test]
async fn a_next_page_elsewhere_is_never_asked_for() {
    for next in ["http://127.0.0.1:1/fhir?page=2", "http://169.254.169.254/latest", "https://ehr.example/x"] {
        let (base, _) = server(next).await;
        let (node, _) = node(Some(&base)).await;
        let (feed, settings) = asked_of(&node);
        let trouble = pull::round(&node.gateway, &feed, &settings).await.expect_err("elsewhere");
        assert!(trouble.contains("somewhere else"), "{trouble}");
    }
}

#[test]
fn a_feed_that_cannot_be_is_refused_at_the_start() {
    let fhir = |base: &str, kind: &str| {
        FeedKind::Fhir(Box::new(FhirFeed {
            base: base.parse().expect("url"),
            types: vec![kind.to_owned()],
            every: Duration::from_secs(60),
            sign_in: SignIn::None,
            authorities: None,
        }))
    };
    let named = |name: &str| feed(name, FeedKind::Documents);
    for (feeds, fine) in [
        (vec![named("a"), named("b")], true),
        (vec![named("a"), named("a")], false),
        (vec![named("A")], false),
        (vec![named("")], false),
        (vec![FeedConfig { offset: "+0100".into(), ..named("a") }], false),
        (vec![FeedConfig { system: "ids".into(), ..named("a") }], false),
        (vec![FeedConfig { charset: "klingon".into(), ..named("a") }], false),
        (vec![feed("a", FeedKind::Mllp(mllp_feed(&[])))], false),
        (
            vec![feed(
                "a",
                FeedKind::Mllp(MllpFeed { message_bytes_max: usize::MAX, ..mllp_feed(&["::1"]) }),
            )],
            false,
        ),
        (vec![feed("a", fhir("https://ehr.example/fhir", "Patient"))], true),
        (vec![feed("a", fhir("http://ehr.example/fhir", "Patient"))], false),
        (vec![feed("a", fhir("https://user@ehr.example/fhir", "Patient"))], false),
        (vec![feed("a", fhir("https://ehr.example/fhir", "AuditEvent"))], false),
    ] {
        assert_eq!(super::config::check(&feeds).is_ok(), fine, "{feeds:?}");
    }
}

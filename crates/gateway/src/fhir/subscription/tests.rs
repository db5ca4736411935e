//! Subscriptions from creating to the last notification, with a receiver that listens, and everything that somebody may
//! try on them.

mod cheats;
mod sockets;

use super::resource::GUIDE;
use super::topic::TOPICS;
use super::{deliver, follow, rows};
use crate::tests::world::{Answer, CANARY, OTHER, PATIENT, World};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Somebody who receives notifications.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    bodies: Vec<Value>,
    texts: Vec<String>,
    headers: Vec<HeaderMap>,
    /// What is answered, if not 200: a status and where it leads.
    answers: Option<(StatusCode, String)>,
}

impl Receiver {
    /// Listens; the receiver and its `host:port`.
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address").to_string();
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    fn answer(&self, status: StatusCode, to: &str) {
        self.0.lock().expect("lock").answers = Some((status, to.to_owned()));
    }

    fn well(&self) {
        self.0.lock().expect("lock").answers = None;
    }

    /// What came since the last look.
    fn taken(&self) -> Vec<Value> {
        std::mem::take(&mut self.0.lock().expect("lock").bodies)
    }

    fn text(&self) -> String {
        self.0.lock().expect("lock").texts.join("\n")
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> Response {
    let mut inner = receiver.0.lock().expect("lock");
    inner.bodies.push(serde_json::from_str(&body).expect("json"));
    inner.texts.push(body);
    inner.headers.push(headers);
    match &inner.answers {
        Some((status, to)) => (*status, [(header::LOCATION, to.clone())]).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

/// A hospital whose operator lets notifications go to a receiver on this machine.
async fn hospital() -> (World, Receiver, String) {
    let (receiver, address) = Receiver::start().await;
    let listed = address.clone();
    let world = World::changed(move |config| config.subscription_hosts = vec![listed]).await;
    (world, receiver, format!("http://{address}/hook"))
}

fn subscription(endpoint: &str, content: &str, filters: &[&str]) -> Value {
    let filter =
        |text: &&str| json!({ "url": format!("{GUIDE}backport-filter-criteria"), "valueString": text });
    let mut resource = json!({
        "resourceType": "Subscription", "status": "requested", "reason": "care",
        "criteria": TOPICS[0].url(),
        "channel": {
            "type": if endpoint.is_empty() { "websocket" } else { "rest-hook" },
            "header": ["Authorization: Bearer of-the-receiver"],
            "payload": "application/fhir+json",
            "_payload": { "extension": [
                { "url": format!("{GUIDE}backport-payload-content"), "valueCode": content },
            ] },
        },
    });
    if !endpoint.is_empty() {
        resource["channel"]["endpoint"] = json!(endpoint);
    }
    if !filters.is_empty() {
        resource["_criteria"] = json!({ "extension": filters.iter().map(filter).collect::<Vec<_>>() });
    }
    resource
}

async fn create(world: &World, token: &str, resource: &Value) -> Answer {
    world.ask(Some(token), "POST", "/fhir/Subscription", &resource.to_string()).await
}

/// Subscribes; the id.
async fn subscribed(world: &World, token: &str, resource: &Value) -> String {
    let answer = create(world, token, resource).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()["id"].as_str().expect("id").to_owned()
}

/// Lets everything happen that is due: reads the outbox, decides, delivers.
async fn settle(world: &World) {
    let gateway = &world.gateway;
    let cursor = rows::cursor(&gateway.store).expect("cursor");
    follow::read(gateway, cursor, cursor).await.expect("read");
    follow::settle(gateway).await.expect("settled");
    loop {
        let now_ms = crate::clock::now_ms();
        let all = rows::all(&gateway.store).expect("rows");
        let due = |(of, progress): &&(_, _)| deliver::due(of, progress).is_some_and(|due| due <= now_ms);
        let Some((of, _)) = all.iter().find(due) else { return };
        deliver::serve(gateway, of).await;
    }
}

fn observation(id: &str, patient: &str, text: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "valueString": text,
        "category": [{ "coding": [{ "code": "laboratory" }] }],
        "subject": { "reference": format!("Patient/{patient}") },
    })
}

/// Type of a notification, and the numbers of its events.
fn told(bundle: &Value) -> (String, Vec<u64>) {
    let status = &bundle["entry"][0]["resource"];
    let parameters = status["parameter"].as_array().expect("parameters");
    let kind = parameters.iter().find(|one| one["name"] == "type").expect("a type");
    let numbers = parameters
        .iter()
        .filter(|one| one["name"] == "notification-event")
        .map(|one| one["part"][0]["valueString"].as_str().expect("a number").parse().expect("a number"));
    (kind["valueCode"].as_str().expect("a code").to_owned(), numbers.collect())
}

fn told_all(bundles: &[Value]) -> Vec<(String, Vec<u64>)> {
    bundles.iter().map(told).collect()
}

fn events(numbers: &[u64]) -> (String, Vec<u64>) {
    ("event-notification".to_owned(), numbers.to_vec())
}

async fn state(world: &World, token: &str, id: &str) -> String {
    let answer = world.get(token, &format!("/fhir/Subscription/{id}")).await;
    answer.json()["status"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_system_is_shaken_hands_with_and_told_of_each_change_as_much_as_it_asked_for() {
    for (content, focus, resource) in
        [("empty", false, false), ("id-only", true, false), ("full-resource", true, true)]
    {
        let (world, receiver, endpoint) = hospital().await;
        let token = world.system("system/*.cruds");
        let id = subscribed(&world, &token, &subscription(&endpoint, content, &["Observation"])).await;
        assert_eq!(state(&world, &token, &id).await, "requested");
        settle(&world).await;
        assert_eq!(told_all(&receiver.taken()), [("handshake".to_owned(), vec![])]);
        assert_eq!(state(&world, &token, &id).await, "active");
        world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "a new value"));
        world.engine.commit(Some(PATIENT), json!({ "resourceType": "Encounter", "id": "e1" }));
        world.engine.commit(Some(OTHER), observation("n2", OTHER, "another"));
        world.engine.delete("n1");
        settle(&world).await;
        let all = receiver.taken();
        assert_eq!(told_all(&all), [events(&[1, 2, 3])], "{content}");
        let text = all[0].to_string();
        assert_eq!(text.contains("Observation/n1"), focus, "{content}");
        assert_eq!(text.contains("a new value"), resource, "{content}");
        assert_eq!(text.contains("DELETE"), focus, "{content}");
        assert!(!text.contains("Encounter"), "what was filtered is not told");
        let sent = receiver.0.lock().expect("lock").headers[0].clone();
        assert_eq!(sent["authorization"], "Bearer of-the-receiver");
        assert_eq!(sent["content-type"], "application/fhir+json");
        let log = world.gateway.log.of_patient(PATIENT, crate::log::Page::default()).await.expect("log");
        assert_eq!(!log.is_empty(), focus, "what names a record is in the log");
    }
}

#[tokio::test]
async fn a_subscription_is_its_owners_and_shows_no_header() {
    let (world, _, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let id = subscribed(&world, &token, &subscription(&endpoint, "id-only", &[])).await;
    let other = world.gateway.smart.testing_token("ehr", "system/*.cruds", None, None);
    let path = format!("/fhir/Subscription/{id}");
    let update = subscription(&endpoint, "full-resource", &[]).to_string();
    for (method, path, body) in [
        ("GET", path.clone(), ""),
        ("PUT", path.clone(), update.as_str()),
        ("DELETE", path.clone(), ""),
        ("GET", format!("{path}/$status"), ""),
        ("GET", format!("{path}/$events"), ""),
        ("GET", format!("{path}/$get-ws-binding-token"), ""),
    ] {
        let answer = world.ask(Some(&other), method, &path, body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {}", answer.body);
    }
    for (path, found) in [
        ("/fhir/Subscription".to_owned(), 1),
        (format!("/fhir/Subscription?_id={id}&status=requested,active"), 1),
        ("/fhir/Subscription?status=off".to_owned(), 0),
        ("/fhir/Subscription/$status".to_owned(), 1),
        (format!("/fhir/Subscription/$status?id={id}"), 1),
    ] {
        assert_eq!(world.get(&token, &path).await.json()["total"], found, "{path}");
        assert_eq!(world.get(&other, &path).await.json()["total"], 0, "{path}");
    }
    let own = world.get(&token, &path).await;
    assert!(!own.body.contains("of-the-receiver"), "{}", own.body);
    let changed = world.ask(Some(&token), "PUT", &path, &update).await;
    assert_eq!((changed.status, &changed.json()["meta"]["versionId"]), (StatusCode::OK, &json!("2")));
    assert_eq!(world.ask(Some(&token), "DELETE", &path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&token, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_again_with_growing_pauses_and_gets_the_same_numbers() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let id = subscribed(&world, &token, &subscription(&endpoint, "id-only", &[])).await;
    settle(&world).await;
    receiver.answer(StatusCode::INTERNAL_SERVER_ERROR, "");
    world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "x"));
    settle(&world).await;
    assert_eq!(state(&world, &token, &id).await, "error");
    receiver.taken();
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0, "not before the pause is over");
    crate::clock::advance(1_000);
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 1);
    crate::clock::advance(1_000);
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0, "the next pause is longer");
    receiver.well();
    world.engine.commit(Some(PATIENT), observation("n2", PATIENT, "x"));
    crate::clock::advance(600_000);
    settle(&world).await;
    assert_eq!(told_all(&receiver.taken()), [events(&[1, 2])]);
    assert_eq!(state(&world, &token, &id).await, "active");
    receiver.answer(StatusCode::GONE, "");
    world.engine.commit(Some(PATIENT), observation("n3", PATIENT, "x"));
    settle(&world).await;
    crate::clock::advance(25 * 3_600 * 1_000);
    settle(&world).await;
    assert_eq!(state(&world, &token, &id).await, "off", "after a day it ends");
}

#[tokio::test]
async fn a_restart_loses_no_event_and_repeats_none() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    subscribed(&world, &token, &subscription(&endpoint, "id-only", &[])).await;
    settle(&world).await;
    receiver.taken();
    let row = world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "x"));
    assert_eq!(
        world.gateway.ports.outbox.sealed(row),
        Some(0),
        "the vault has it, and it is kept all the same"
    );
    let cursor = rows::cursor(&world.gateway.store).expect("cursor");
    follow::read(&world.gateway, cursor, cursor).await.expect("read");
    let world = world.restarted().await;
    world.engine.commit(Some(PATIENT), observation("n2", PATIENT, "x"));
    settle(&world).await;
    assert_eq!(told_all(&receiver.taken()), [events(&[1, 2])]);
    assert_eq!(world.engine.acknowledged(), row, "what both readers have may go");
    let world = world.restarted().await;
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test]
async fn a_silent_subscription_gives_signs_of_life_and_ends_when_it_said() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let mut resource = subscription(&endpoint, "empty", &[]);
    resource["channel"]["extension"] =
        json!([{ "url": format!("{GUIDE}backport-heartbeat-period"), "valueUnsignedInt": 60 }]);
    resource["end"] = json!(crate::clock::instant(crate::clock::now_ms() + 3_600_000));
    let id = subscribed(&world, &token, &resource).await;
    settle(&world).await;
    receiver.taken();
    crate::clock::advance(30_000);
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0);
    crate::clock::advance(31_000);
    settle(&world).await;
    assert_eq!(told_all(&receiver.taken()), [("heartbeat".to_owned(), vec![])]);
    crate::clock::advance(3_600_000);
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0);
    assert_eq!(state(&world, &token, &id).await, "off");
}

#[tokio::test]
async fn recent_events_can_be_asked_for_again() {
    let (world, _, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let id = subscribed(&world, &token, &subscription(&endpoint, "empty", &[])).await;
    for n in 1..=4 {
        world.engine.commit(Some(PATIENT), observation(&format!("n{n}"), PATIENT, "x"));
    }
    settle(&world).await;
    let ask = async |query: &str| {
        let answer = world.get(&token, &format!("/fhir/Subscription/{id}/$events{query}")).await;
        (answer.status, answer.json())
    };
    for (query, numbers) in [
        ("", vec![1, 2, 3, 4]),
        ("?eventsSinceNumber=3", vec![3, 4]),
        ("?eventsSinceNumber=2&eventsUntilNumber=3", vec![2, 3]),
        ("?eventsSinceNumber=9", vec![]),
    ] {
        let (status, bundle) = ask(query).await;
        assert_eq!((status, told(&bundle).1), (StatusCode::OK, numbers), "{query}");
    }
    let (_, full) = ask("?content=full-resource&eventsSinceNumber=4").await;
    assert_eq!(full["entry"][1]["resource"]["id"], "n4");
    assert_eq!(ask("?content=everything").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask("?eventsSinceNumber=-1").await.0, StatusCode::BAD_REQUEST);
}

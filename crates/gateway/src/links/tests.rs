//! Links over real routes: made by letters, filled by deposits, opened by anybody, and every way to cheat that we know.

use super::{OPEN_PER_PATIENT_MAX, WRONG_PINS_MAX, prune};
use crate::cases::tests::Person;
use crate::clock;
use crate::limits::LINK_FILE_BYTES_MAX;
use crate::log::Page;
use crate::tests::people::{self, Load};
use crate::tests::race::{RACERS, race};
use crate::tests::world::{Answer, OTHER, PATIENT, World};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use salus_crypto::hash::sha256;
use salus_crypto::random;
use serde_json::{Value, json};

const DAY_MS: u64 = 24 * 3_600 * 1_000;
const PIN: &str = "493817";

/// Something that looks like a JWE, another one each time.
fn jwe(bytes: usize) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#);
    let [iv, tag] =
        [URL_SAFE_NO_PAD.encode(random::bytes::<12>()), URL_SAFE_NO_PAD.encode(random::bytes::<16>())];
    let mut text = format!("{head}..{iv}..{tag}");
    let fill = "A".repeat(bytes.saturating_sub(text.len()));
    text.insert_str(text.len() - 23, &fill);
    text
}

fn making(file: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut ask = json!({
        "ask": "make-link", "digest": sha256(file).to_string(), "bytes": file.len(),
        "untilMs": clock::now_ms() + 7 * DAY_MS, "pin": PIN, "renews": false,
    });
    change(&mut ask);
    ask
}

async fn deposit(world: &World, file: &str) -> Answer {
    let mut request = people::request("POST", "/relay/hospital-a/deposit", Load::Octets);
    *request.body_mut() = Body::from(file.to_owned());
    world.send(request).await
}

/// A link that can be opened: its name, its path.
struct Made {
    name: String,
    path: String,
    file: String,
}

async fn make(world: &World, person: &Person, change: impl FnOnce(&mut Value)) -> Made {
    let file = jwe(2_000);
    let made = person.reads(&world.gateway, making(&file, change)).await.expect("made")["made"].clone();
    let url = made["url"].as_str().expect("a url").to_owned();
    assert!(url.len() <= 128, "the specification's limit: {url}");
    assert_eq!(deposit(world, &file).await.status, StatusCode::NO_CONTENT);
    let path = url.strip_prefix(&world.gateway.config.public_url).expect("own").to_owned();
    Made { name: made["link"].as_str().expect("a name").to_owned(), path, file }
}

async fn open(world: &World, path: &str, body: Value) -> Answer {
    let mut request = people::request("POST", path, Load::Nothing);
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().expect("kind"));
    request.headers_mut().insert(header::ORIGIN, "https://viewer.example".parse().expect("origin"));
    *request.body_mut() = Body::from(body.to_string());
    world.send(request).await
}

fn with(pin: &str) -> Value {
    json!({ "recipient": "Dr. Ada", "passcode": pin })
}

async fn steps(world: &World) -> Vec<String> {
    let log =
        world.gateway.log.of_patient(PATIENT, Page { limit: 100, ..Page::default() }).await.expect("a log");
    let mut steps: Vec<_> = log.into_iter().map(|entry| entry.access.reason).collect();
    steps.reverse();
    steps
}

async fn listed(world: &World, person: &Person) -> Vec<Value> {
    let document = person.reads(&world.gateway, json!({ "ask": "links" })).await.expect("links");
    document["links"].as_array().expect("links").clone()
}

#[tokio::test]
async fn a_link_is_made_opened_and_ended_and_the_patient_sees_who_opened_it() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |_| ()).await;
    let manifest = open(&world, &made.path, with(PIN)).await;
    assert_eq!(manifest.status, StatusCode::OK, "{}", manifest.body);
    assert_eq!(manifest.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let manifest = manifest.json();
    assert_eq!(manifest["status"], "finalized");
    assert_eq!(manifest["files"][0]["contentType"], "application/fhir+json");
    let location = manifest["files"][0]["location"].as_str().expect("a place").to_owned();
    let place = location.strip_prefix(&world.gateway.config.public_url).expect("own").to_owned();
    let file = world.send(people::request("GET", &place, Load::Nothing)).await;
    assert_eq!((file.status, file.body.as_str()), (StatusCode::OK, made.file.as_str()));
    let [embedded, too_small] = [made.file.len(), made.file.len() - 1].map(|max| {
        json!({ "recipient": "\u{7}App of another maker", "passcode": PIN, "embeddedLengthMax": max, "more": 1 })
    });
    let embedded = open(&world, &made.path, embedded).await.json();
    assert_eq!(
        (&embedded["files"][0]["embedded"], &embedded["files"][0]["location"]),
        (&json!(made.file), &Value::Null)
    );
    assert!(open(&world, &made.path, too_small).await.json()["files"][0]["embedded"].is_null());

    let links = listed(&world, &person).await;
    assert_eq!(
        (&links[0]["id"], &links[0]["opened"], &links[0]["state"]),
        (&json!(made.name), &json!(3), &json!("open"))
    );
    assert_eq!(links[0]["openings"][0]["recipient"], "App of another maker");
    let ended =
        person.reads(&world.gateway, json!({ "ask": "end-link", "link": made.name })).await.expect("ended");
    assert_eq!(ended["links"][0]["state"], "patient");
    assert_eq!(open(&world, &made.path, with(PIN)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.send(people::request("GET", &place, Load::Nothing)).await.status, StatusCode::NOT_FOUND);
    let kept = world.gateway.store.read(|tx| super::FILES.scan(tx, "", 10)).expect("read");
    assert!(kept.is_empty(), "the ciphertext is deleted at once");
    let steps = steps(&world).await;
    assert!(steps[0].starts_with("made, until "), "{steps:?}");
    let rest = [
        "opened by: Dr. Ada",
        "opened by: App of another maker",
        "opened by: App of another maker",
        "ended by the patient",
    ];
    assert_eq!(steps[1..], rest);
}

#[tokio::test]
async fn ten_wrong_pins_close_a_link_for_good_and_asking_without_one_costs_nothing() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |_| ()).await;
    let bare = open(&world, &made.path, json!({ "recipient": "x" })).await;
    assert_eq!(
        (bare.status, &bare.json()["remainingAttempts"]),
        (StatusCode::UNAUTHORIZED, &json!(WRONG_PINS_MAX))
    );
    for left in (1..WRONG_PINS_MAX).rev() {
        let wrong = open(&world, &made.path, with("000000")).await;
        assert_eq!(
            (wrong.status, &wrong.json()["remainingAttempts"]),
            (StatusCode::UNAUTHORIZED, &json!(left))
        );
    }
    assert_eq!(open(&world, &made.path, with(PIN)).await.status, StatusCode::OK, "one is left");
    let last = open(&world, &made.path, with("000000")).await;
    assert_eq!(last.json()["remainingAttempts"], 0);
    assert_eq!(open(&world, &made.path, with(PIN)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&world, &person).await[0]["state"], "wrong-pins");
    assert_eq!(steps(&world).await.last().map(String::as_str), Some("ended after too many wrong PINs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_guesses_ten_are_heard() {
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |_| ()).await;
    let answers = race(RACERS, |_| {
        let (gateway, path) = (world.gateway.clone(), made.path.clone());
        async move {
            let request = Request::post(path)
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(with("000000").to_string()))
                .expect("request");
            let router = crate::edge::wrap(crate::public_router(gateway.clone()), &gateway.config);
            tower::ServiceExt::oneshot(router, request).await.expect("answer").status()
        }
    })
    .await;
    let heard = answers.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(heard, WRONG_PINS_MAX as usize);
    assert!(answers.iter().all(|status| [401, 404, 429].contains(&status.as_u16())), "{answers:?}");
}

#[tokio::test]
async fn what_is_over_is_not_there_and_what_is_over_for_long_is_forgotten() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |ask| ask["pin"] = Value::Null).await;
    let manifest = open(&world, &made.path, json!({ "recipient": "x" })).await.json();
    let location = manifest["files"][0]["location"].as_str().expect("a place").to_owned();
    let place = location.strip_prefix(&world.gateway.config.public_url).expect("own").to_owned();
    clock::advance(5 * 60 * 1_000);
    let late = world.send(people::request("GET", &place, Load::Nothing)).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND, "a place holds for minutes");
    assert_eq!(open(&world, &made.path, json!({ "recipient": "x" })).await.status, StatusCode::OK);
    clock::advance(7 * DAY_MS);
    assert_eq!(open(&world, &made.path, json!({ "recipient": "x" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&world, &person).await[0]["state"], "over");
    prune(&world.gateway).await.expect("pruned");
    assert!(world.gateway.store.read(|tx| super::FILES.scan(tx, "", 10)).expect("read").is_empty());
    assert_eq!(listed(&world, &person).await.len(), 1);
    clock::advance(91 * DAY_MS);
    prune(&world.gateway).await.expect("pruned");
    assert!(listed(&world, &person).await.is_empty());
}

#[tokio::test]
async fn places_are_made_by_this_node_alone() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |ask| ask["pin"] = Value::Null).await;
    let now_ms = clock::now_ms();
    let genuine = super::seal::place(&world.gateway.ports.storage, &made.name, now_ms).expect("a place");
    let bytes = URL_SAFE_NO_PAD.decode(&genuine).expect("base64");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let path = format!("/links/files/{}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(
            super::seal::link_at(
                &world.gateway.ports.storage,
                path.rsplit('/').next().expect("a part"),
                now_ms
            ),
            None,
            "byte {at}"
        );
    }
    let other = super::seal::place(&salus_crypto::Secret32::random(), &made.name, now_ms).expect("a place");
    for place in [other, genuine[1..].to_owned(), format!("{genuine}A"), String::from("x")] {
        let answer =
            world.send(people::request("GET", &format!("/links/files/{place}"), Load::Nothing)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{place}");
    }
}

#[tokio::test]
async fn only_what_a_letter_announced_is_kept_and_only_if_it_is_encrypted() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let file = jwe(2_000);
    assert_eq!(deposit(&world, &file).await.status, StatusCode::NOT_FOUND, "nobody announced it");
    person.reads(&world.gateway, making(&file, |_| ())).await.expect("made");
    assert_eq!(deposit(&world, &jwe(2_000)).await.status, StatusCode::NOT_FOUND, "another one");
    let clear = r#"{"resourceType":"Bundle"}"#;
    person.reads(&world.gateway, making(clear, |_| ())).await.expect("made");
    assert_eq!(deposit(&world, clear).await.status, StatusCode::BAD_REQUEST);
    let signed = file.replace(&file[..10], &URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    assert_eq!(deposit(&world, &signed).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        deposit(&world, &"A".repeat(LINK_FILE_BYTES_MAX + 1)).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(deposit(&world, &file).await.status, StatusCode::NO_CONTENT);
    assert_eq!(deposit(&world, &file).await.status, StatusCode::NOT_FOUND, "once");
    let lied = jwe(3_000);
    person.reads(&world.gateway, making(&lied, |ask| ask["bytes"] = json!(10))).await.expect("made");
    assert_eq!(
        deposit(&world, &lied).await.status,
        StatusCode::NOT_FOUND,
        "of another size than was announced"
    );
    let late = jwe(3_000);
    person.reads(&world.gateway, making(&late, |_| ())).await.expect("made");
    clock::advance(15 * 60 * 1_000);
    assert_eq!(deposit(&world, &late).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_letter_is_refused_that_asks_too_much_or_is_about_anothers_link() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let other = Person::enrolled(&world.gateway, OTHER).await;
    let made = make(&world, &person, |ask| ask["renews"] = json!(true)).await;
    let fixed = make(&world, &person, |_| ()).await;
    let digest = sha256("x").to_string();
    for (who, ask) in [
        (&other, json!({ "ask": "end-link", "link": made.name })),
        (&other, json!({ "ask": "renew-link", "link": made.name, "digest": digest, "bytes": 10 })),
        (&person, json!({ "ask": "end-link", "link": "nothing" })),
        (&person, json!({ "ask": "renew-link", "link": fixed.name, "digest": digest, "bytes": 10 })),
        (
            &person,
            json!({ "ask": "renew-link", "link": made.name, "digest": digest, "bytes": LINK_FILE_BYTES_MAX + 1 }),
        ),
        (&person, making("x", |ask| ask["bytes"] = json!(0))),
        (&person, making("x", |ask| ask["bytes"] = json!(LINK_FILE_BYTES_MAX + 1))),
        (&person, making("x", |ask| ask["untilMs"] = json!(clock::now_ms()))),
        (&person, making("x", |ask| ask["untilMs"] = json!(clock::now_ms() + 400 * DAY_MS))),
        (&person, making("x", |ask| ask["pin"] = json!("123"))),
        (&person, making("x", |ask| ask["pin"] = json!("1".repeat(65)))),
        (&person, making("x", |ask| ask["label"] = json!("what it is called stays on the device"))),
    ] {
        assert!(who.reads(&world.gateway, ask.clone()).await.is_err(), "{ask}");
    }
    assert!(listed(&world, &other).await.is_empty());
    assert!(Person::stranger().reads(&world.gateway, json!({ "ask": "links" })).await.is_err());
    for _ in listed(&world, &person).await.len()..OPEN_PER_PATIENT_MAX {
        make(&world, &person, |_| ()).await;
    }
    assert!(person.reads(&world.gateway, making("x", |_| ())).await.is_err(), "one more than twenty");
}

#[tokio::test]
async fn the_links_of_one_patient_hold_so_much_together() {
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    for _ in 0..4 {
        let file = jwe(LINK_FILE_BYTES_MAX);
        person.reads(&world.gateway, making(&file, |_| ())).await.expect("made");
        assert_eq!(deposit(&world, &file).await.status, StatusCode::NO_CONTENT);
    }
    assert!(person.reads(&world.gateway, making(&jwe(2_000), |_| ())).await.is_err());
}

#[tokio::test]
async fn a_link_is_brought_up_to_date_and_says_that_it_changes() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |ask| ask["renews"] = json!(true)).await;
    let newer = jwe(2_500);
    let ask = json!({ "ask": "renew-link", "link": made.name, "digest": sha256(&newer).to_string(), "bytes": newer.len() });
    person.reads(&world.gateway, ask).await.expect("announced");
    assert_eq!(deposit(&world, &newer).await.status, StatusCode::NO_CONTENT);
    let manifest =
        open(&world, &made.path, json!({ "recipient": "x", "passcode": PIN, "embeddedLengthMax": 9_999 }))
            .await
            .json();
    assert_eq!(
        (&manifest["status"], &manifest["files"][0]["embedded"]),
        (&json!("can-change"), &json!(newer))
    );
}

#[tokio::test]
async fn replaced_keys_end_all_links_and_no_address_is_kept() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |_| ()).await;
    let address = made.path.rsplit('/').next().expect("an address").to_owned();
    let rows = world.gateway.store.read(|tx| super::LINKS.scan(tx, "", 10)).expect("read");
    let text: String = rows.iter().map(|(name, row)| format!("{name}{}", json!(row))).collect();
    assert!(!text.contains(&address) && !text.contains(PIN), "{text}");
    super::end_all(&world.gateway, PATIENT).await.expect("ended");
    assert_eq!(open(&world, &made.path, with(PIN)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(listed(&world, &person).await[0]["state"], "keys-replaced");
}

#[tokio::test]
async fn pages_of_every_maker_may_ask_and_a_name_is_needed() {
    let world = World::new().await;
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/links/x")
        .header(header::ORIGIN, "https://viewer.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .body(Body::empty())
        .expect("request");
    let answer = world.send(preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.headers[header::ACCESS_CONTROL_ALLOW_HEADERS], "content-type, accept");
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let made = make(&world, &person, |_| ()).await;
    for body in [json!({ "passcode": PIN }), json!({ "recipient": " \n", "passcode": PIN })] {
        assert_eq!(open(&world, &made.path, body).await.status, StatusCode::BAD_REQUEST);
    }
    let get = world.send(people::request("GET", &made.path, Load::Nothing)).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED, "no link here has the flag U");
}

//! What somebody may try, and must not get.

use super::*;
use crate::cases::tests::{Person, steward};
use crate::smart::app::tests::connected;
use crate::tests::people;
use salus_types::category::Purpose;

#[tokio::test]
async fn who_may_not_subscribe_does_not() {
    let (world, _, endpoint) = hospital().await;
    let resource = subscription(&endpoint, "id-only", &[]);
    for (case, token, expected) in [
        ("nobody", None, StatusCode::UNAUTHORIZED),
        ("a forged token", Some("x.y.z".to_owned()), StatusCode::UNAUTHORIZED),
        ("a system that reads", Some(world.system("system/*.rs")), StatusCode::FORBIDDEN),
        ("a system of labs", Some(world.system("system/Observation.cruds")), StatusCode::FORBIDDEN),
        ("a clinician through a client", Some(world.clinician()), StatusCode::FORBIDDEN),
        ("a clerk", Some(world.on_behalf("front-desk", PATIENT, Purpose::Treatment)), StatusCode::FORBIDDEN),
        ("a system", Some(world.system("system/Subscription.c system/Observation.r")), StatusCode::CREATED),
    ] {
        let answer = world.ask(token.as_deref(), "POST", "/fhir/Subscription", &resource.to_string()).await;
        assert_eq!(answer.status, expected, "{case}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_notification_goes_to_no_address_inside_and_follows_nobody() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    for inside in [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/hook",
        "http://127.0.0.1:1/hook",
        "https://10.0.0.1/hook",
        "https://[::1]/hook",
        "http://ehr.example/hook",
        "file:///etc/passwd",
    ] {
        let answer = create(&world, &token, &subscription(inside, "id-only", &[])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{inside}");
    }
    let target = Receiver::start().await;
    receiver.answer(StatusCode::TEMPORARY_REDIRECT, &format!("http://{}/x", target.1));
    let id = subscribed(&world, &token, &subscription(&endpoint, "id-only", &[])).await;
    settle(&world).await;
    assert_eq!(state(&world, &token, &id).await, "error");
    assert_eq!(target.0.taken().len(), 0, "a redirect was followed");
}

/// An app of p1 with a subscription that is active; its token and the subscription's id.
async fn app_subscribed(world: &World, endpoint: &str, content: &str) -> (Person, String, String) {
    let (person, _, tokens) = connected(world, PATIENT).await;
    let token = tokens["access_token"].as_str().expect("token").to_owned();
    let id = subscribed(world, &token, &subscription(endpoint, content, &[])).await;
    settle(world).await;
    (person, token, id)
}

#[tokio::test]
async fn an_app_hears_of_its_patient_alone_and_of_what_was_chosen_and_nothing_after_it_was_stopped() {
    let (world, receiver, endpoint) = hospital().await;
    let (person, _, _) = app_subscribed(&world, &endpoint, "full-resource").await;
    receiver.taken();
    world.engine.commit(Some(OTHER), observation("o7", OTHER, CANARY));
    let mut protected = observation("hiv", PATIENT, CANARY);
    protected["meta"] = json!({ "security": [{ "code": "HIV" }] });
    world.engine.commit(Some(PATIENT), protected);
    world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "mine"));
    settle(&world).await;
    assert_eq!(told_all(&receiver.taken()), [events(&[1])], "numbers have no gaps");
    assert!(receiver.text().contains("mine") && !receiver.text().contains(CANARY));
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps")["apps"].clone();
    world.engine.commit(Some(PATIENT), observation("n2", PATIENT, "later"));
    person.reads(&world.gateway, json!({ "ask": "stop-app", "app": apps[0]["id"] })).await.expect("stopped");
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0, "what was on its way when it was stopped is not told");
    let (_, progress) = &rows::all(&world.gateway.store).expect("rows")[0];
    assert_eq!(progress.status, rows::Status::Off);
}

#[tokio::test]
async fn a_client_that_was_removed_hears_nothing_more() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    subscribed(&world, &token, &subscription(&endpoint, "id-only", &[])).await;
    settle(&world).await;
    receiver.taken();
    world.engine.commit(Some(PATIENT), observation("n1", PATIENT, "x"));
    world.gateway.smart.clients.remove("lab").await.expect("removed");
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test]
async fn what_was_restricted_or_erased_meanwhile_is_not_told() {
    let (world, receiver, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let id = subscribed(&world, &token, &subscription(&endpoint, "full-resource", &[])).await;
    settle(&world).await;
    receiver.answer(StatusCode::SERVICE_UNAVAILABLE, "");
    world.engine.commit(Some(PATIENT), observation("n1", PATIENT, CANARY));
    world.engine.commit(Some(OTHER), observation("n2", OTHER, CANARY));
    world.engine.commit(Some(OTHER), observation("n3", OTHER, "still here"));
    settle(&world).await;
    receiver.0.lock().expect("lock").texts.clear();
    receiver.taken();
    // Numbered, and not delivered: between, one record is restricted, one erased.
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let case = person.restricts(&world).await;
    let yes = r#"{"accept":true,"words":"You are right."}"#;
    let answered = steward(&world, &format!("/staff/cases/{case}/answer"), yes).await;
    assert_eq!(answered.status, StatusCode::NO_CONTENT, "{}", answered.body);
    world.engine.erase("n2");
    receiver.well();
    crate::clock::advance(600_000);
    settle(&world).await;
    assert_eq!(told_all(&receiver.taken()), [events(&[1, 2, 3])], "their numbers stay, and say nothing");
    assert!(!receiver.text().contains(CANARY) && !receiver.text().contains("n1\""), "{}", receiver.text());
    assert!(receiver.text().contains("still here"));
    let again = world.get(&token, &format!("/fhir/Subscription/{id}/$events?content=full-resource")).await;
    assert!(!again.body.contains(CANARY) && again.body.contains("still here"), "{}", again.body);
    // New ones are not even counted.
    world.engine.commit(Some(PATIENT), observation("n4", PATIENT, CANARY));
    settle(&world).await;
    assert_eq!(receiver.taken().len(), 0);
}

#[tokio::test]
async fn floods_end_at_a_limit_and_concern_nobody_else() {
    let (world, _, endpoint) = hospital().await;
    let token = world.system("system/*.cruds");
    let resource = subscription(&endpoint, "id-only", &[]);
    for _ in 0..32 {
        subscribed(&world, &token, &resource).await;
    }
    assert_eq!(create(&world, &token, &resource).await.status, StatusCode::TOO_MANY_REQUESTS);
    let other = world.gateway.smart.testing_token("ehr", "system/*.cruds", None, None);
    subscribed(&world, &other, &resource).await;
    let mut statuses = Vec::new();
    for _ in 0..60 {
        statuses.push(create(&world, &token, &resource).await.status);
    }
    assert!(statuses.iter().all(|status| *status == StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let mut large = resource.clone();
    large["text"] = json!("x".repeat(70_000));
    assert_eq!(create(&world, &other, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_nobody_else() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let (receiver, address) = Receiver::start().await;
    let slow = silent.local_addr().expect("address").to_string();
    let listed = vec![address.clone(), slow.clone()];
    let world = World::changed(move |config| config.subscription_hosts = listed).await;
    let token = world.system("system/*.cruds");
    for endpoint in [slow, address] {
        subscribed(&world, &token, &subscription(&format!("http://{endpoint}/"), "id-only", &[])).await;
    }
    let served = tokio::spawn({
        let gateway = world.gateway.clone();
        async move { deliver::run(&gateway).await }
    });
    while receiver.taken().is_empty() {
        tokio::task::yield_now().await;
    }
    served.abort();
}

#[tokio::test]
async fn a_chart_tells_its_clinician_that_something_changed_and_nobody_else_anything() {
    use axum::http::Request;
    use futures::StreamExt as _;
    let (world, _, _) = hospital().await;
    let chart = r#"{"patient":"p1","reason":"follow-up","purpose":"treatment"}"#;
    let opened =
        people::ask(&world, "clinician", people::request("POST", "/staff/charts", people::Load::Json(chart)));
    let chart = opened.await.json()["chart"].as_str().expect("chart").to_owned();
    let router = crate::public_router(world.gateway.clone());
    let listen = async |who: &str| {
        let mut request: Request<_> =
            people::request("GET", &format!("/staff/charts/{chart}/events"), people::Load::Nothing);
        let (name, value) = (header::COOKIE, world.gateway.staff.testing_session(who).await);
        request.headers_mut().insert(name, value.parse().expect("value"));
        let caller = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(axum::extract::ConnectInfo(caller));
        tower::ServiceExt::oneshot(router.clone(), request).await.expect("answer")
    };
    assert_eq!(listen("dr-cy").await.status(), StatusCode::FORBIDDEN, "another clinician's chart");
    let mut stream = listen("dr-bo").await.into_body().into_data_stream();
    world.engine.commit(Some(OTHER), observation("n1", OTHER, CANARY));
    world.engine.commit(Some(PATIENT), observation("n2", PATIENT, "x"));
    settle(&world).await;
    let first = stream.next().await.expect("an event").expect("bytes");
    assert_eq!(std::str::from_utf8(&first).expect("text").trim(), "event: changed\ndata: {}");
}

use crate::testing::passkey::SoftPasskey;
use crate::testing::{Answer, Browser, Node, node, node_with};
use crate::tests::race::{RACERS, race};
use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

fn sealed(byte: u8) -> String {
    STANDARD.encode([byte; 81])
}

fn locator(byte: u8) -> String {
    hex::encode([byte; 32])
}

async fn begin(node: &Node, browser: &Browser, path: &str) -> (String, Value) {
    let begun = browser.post(node, path, json!({})).await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    let begun = begun.json();
    (begun["session"].as_str().expect("session").to_owned(), begun["options"].clone())
}

/// An account with a passkey (slot 1) and a recovery code (slot 2, locator 2).
async fn account(node: &Node, passkey: &mut SoftPasskey) -> Browser {
    let browser = Browser::default();
    let (session, options) = begin(node, &browser, "/account/register/start").await;
    let body = json!({
        "session": session, "credential": passkey.create(&options), "recoveryLocator": locator(2),
        "slots": [{ "kind": "passkey", "sealed": sealed(1) }, { "kind": "recovery", "sealed": sealed(2) }],
    });
    let made = browser.post(node, "/account/register/finish", body).await;
    assert_eq!(made.status, StatusCode::NO_CONTENT, "{made:?}");
    browser.with(&made)
}

async fn sign_in(node: &Node, passkey: &SoftPasskey) -> Answer {
    let browser = Browser::default();
    let (session, options) = begin(node, &browser, "/account/signin/start").await;
    let body = json!({ "session": session, "credential": passkey.get(&options) });
    browser.post(node, "/account/signin/finish", body).await
}

#[tokio::test]
async fn the_options_ask_for_a_discoverable_credential_that_verifies_its_user_with_prf() {
    let node = node().await;
    let (_, made) = begin(&node, &Browser::default(), "/account/register/start").await;
    let selection = &made["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(made["extensions"]["prf"], json!({}));
    assert_eq!(made["rp"]["id"], "localhost");
    let (_, asked) = begin(&node, &Browser::default(), "/account/signin/start").await;
    assert_eq!(asked["userVerification"], "required");
    assert!(asked["allowCredentials"].as_array().is_none_or(Vec::is_empty));
}

#[tokio::test]
async fn a_passkey_makes_an_account_and_opens_it_again() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let browser = account(&node, &mut passkey).await;
    let shown = browser.get(&node, "/account").await.json();
    assert_eq!((&shown["signedIn"], shown["slots"].as_array().map(Vec::len)), (&json!(true), Some(2)));

    let out = browser.send(&node, Method::POST, "/account/signout", "text/plain", Vec::new()).await;
    assert!(out.set_cookie.contains("Max-Age=0"));
    assert_eq!(browser.get(&node, "/account").await.json()["signedIn"], false);

    let back = sign_in(&node, &passkey).await;
    assert_eq!(back.status, StatusCode::OK, "{back:?}");
    let slots = back.json()["slots"].clone();
    assert_eq!(slots[0], json!({ "id": passkey.id(), "kind": "passkey", "sealed": sealed(1) }));
}

#[tokio::test]
async fn the_cookie_is_for_this_site_and_no_script() {
    let node = node_with(|config| config.demo_http = false).await;
    let (session, options) = begin(&node, &Browser::default(), "/account/register/start").await;
    let body = json!({ "session": session, "credential": SoftPasskey::new().create(&options), "slots": [] });
    let made = Browser::default().post(&node, "/account/register/finish", body).await;
    for part in ["salus_account_hospital-a=", "; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(made.set_cookie.contains(part), "{part} in {}", made.set_cookie);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_signs_nobody_in() {
    type Bend = fn(&mut SoftPasskey);
    let cases: [(&str, Bend, u16); 6] = [
        ("as it should be", |_| {}, 200),
        ("another site", |passkey| passkey.origin = "https://evil.example".into(), 403),
        ("another relying party", |passkey| passkey.host = "evil.example".into(), 403),
        ("a challenge of its own", |passkey| passkey.challenge = Some("AAAAAAAAAAAAAAAAAAAAAA".into()), 403),
        ("user not verified", |passkey| passkey.verifies_user = false, 403),
        ("a bent signature", |passkey| passkey.bends_signature = true, 403),
    ];
    for (case, bend, status) in cases {
        let (node, mut passkey) = (node().await, SoftPasskey::new());
        account(&node, &mut passkey).await;
        bend(&mut passkey);
        let answer = sign_in(&node, &passkey).await;
        assert_eq!(answer.status.as_u16(), status, "{case}: {answer:?}");
        assert_eq!(answer.cookie.is_some(), status == 200, "{case}");
    }
}

#[tokio::test]
async fn a_passkey_that_is_not_known_signs_nobody_in() {
    let (node, mut stranger) = (node().await, SoftPasskey::new());
    let (_, options) = begin(&node, &Browser::default(), "/account/register/start").await;
    stranger.create(&options);
    assert_eq!(sign_in(&node, &stranger).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_challenge_is_answered_once() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    account(&node, &mut passkey).await;
    let browser = Browser::default();
    let (session, options) = begin(&node, &browser, "/account/signin/start").await;
    let body = json!({ "session": session, "credential": passkey.get(&options) });
    let (first, again) = (
        browser.post(&node, "/account/signin/finish", body.clone()).await.status,
        browser.post(&node, "/account/signin/finish", body).await.status,
    );
    assert_eq!((first, again), (StatusCode::OK, StatusCode::GONE));
}

#[tokio::test]
async fn a_wrong_answer_uses_the_challenge_up() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    account(&node, &mut passkey).await;
    let browser = Browser::default();
    let (session, options) = begin(&node, &browser, "/account/signin/start").await;
    let right = passkey.get(&options);
    passkey.bends_signature = true;
    for (credential, status) in [(passkey.get(&options), StatusCode::FORBIDDEN), (right, StatusCode::GONE)] {
        let body = json!({ "session": session, "credential": credential });
        assert_eq!(browser.post(&node, "/account/signin/finish", body).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_answers_to_one_challenge_exactly_one_wins() {
    let (node, mut passkey) = (Arc::new(node().await), SoftPasskey::new());
    account(&node, &mut passkey).await;
    let (session, options) = begin(&node, &Browser::default(), "/account/signin/start").await;
    let body = json!({ "session": session, "credential": passkey.get(&options) });
    let won = finish_all(&node, "/account/signin/finish", vec![body; RACERS]).await;
    assert_eq!(won.iter().filter(|status| **status == StatusCode::OK).count(), 1);
}

/// Ends ceremonies, all at the same moment.
async fn finish_all(node: &Arc<Node>, path: &'static str, bodies: Vec<Value>) -> Vec<StatusCode> {
    race(bodies.len(), |at| {
        let (node, body) = (Arc::clone(node), bodies[at].clone());
        async move { Browser::default().post(&node, path, body).await.status }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_answers_to_one_creation_exactly_one_makes_an_account() {
    let node = Arc::new(node().await);
    let (session, options) = begin(&node, &Browser::default(), "/account/register/start").await;
    // Each answers the one challenge with a passkey of its own.
    let body =
        |_| json!({ "session": session, "credential": SoftPasskey::new().create(&options), "slots": [] });
    let statuses = finish_all(&node, "/account/register/finish", (0..RACERS).map(body).collect()).await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(StatusCode::NO_CONTENT), count(StatusCode::GONE)), (1, RACERS - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_racing_registrations_of_one_passkey_exactly_one_wins() {
    let (node, mut passkey) = (Arc::new(node().await), SoftPasskey::new());
    let mut bodies = Vec::new();
    for _ in 0..RACERS {
        let (session, options) = begin(&node, &Browser::default(), "/account/register/start").await;
        bodies.push(json!({ "session": session, "credential": passkey.create(&options), "slots": [] }));
    }
    let statuses = finish_all(&node, "/account/register/finish", bodies).await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(StatusCode::NO_CONTENT), count(StatusCode::CONFLICT)), (1, RACERS - 1));
}

#[tokio::test]
async fn requests_of_other_sites_are_refused() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let signed_in = account(&node, &mut passkey).await;
    for origin in ["https://evil.example", "http://localhost:9999", "null", ""] {
        let browser = Browser { origin: Some(origin), ..signed_in.clone() };
        let answer = browser.send(&node, Method::PUT, "/account/backup", crate::body::OCTETS, vec![1]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn every_locator_gets_an_answer_of_one_shape() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    account(&node, &mut passkey).await;
    let ask = |byte| json!({ "locator": locator(byte) });
    let browser = Browser::default();
    let known = browser.post(&node, "/account/recovery", ask(2)).await;
    let unknown = browser.post(&node, "/account/recovery", ask(3)).await;
    let unknown_again = browser.post(&node, "/account/recovery", ask(3)).await;
    assert_eq!(known.json()["sealed"], sealed(2));
    assert_eq!((known.status, known.body.len()), (unknown.status, unknown.body.len()));
    assert_eq!(known.set_cookie.len(), unknown.set_cookie.len());
    assert_eq!(unknown.body, unknown_again.body);
    let signed_in = |answer: &Answer| Browser::default().with(answer);
    assert_eq!(signed_in(&known).get(&node, "/account").await.json()["signedIn"], true);
    assert_eq!(signed_in(&unknown).get(&node, "/account").await.json()["signedIn"], false);
}

#[tokio::test]
async fn recovery_codes_cannot_be_tried_in_numbers() {
    let node = node_with(|config| config.limits.recoveries_per_minute = 3).await;
    let mut statuses = Vec::new();
    for byte in 0..5 {
        let ask = json!({ "locator": locator(byte) });
        statuses.push(Browser::default().post(&node, "/account/recovery", ask).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn after_recovery_a_new_passkey_and_a_new_code_can_be_made() {
    let (node, mut lost, mut new) = (node().await, SoftPasskey::new(), SoftPasskey::new());
    account(&node, &mut lost).await;
    let found = Browser::default().post(&node, "/account/recovery", json!({ "locator": locator(2) })).await;
    let browser = Browser::default().with(&found);
    let (session, options) = begin(&node, &browser, "/account/passkeys/start").await;
    let slots = json!([{ "kind": "passkey", "sealed": sealed(7) }]);
    let body = json!({ "session": session, "credential": new.create(&options), "slots": slots });
    assert_eq!(browser.post(&node, "/account/passkeys/finish", body).await.status, StatusCode::NO_CONTENT);
    let body = json!({ "slot": { "kind": "recovery", "sealed": sealed(8) }, "recoveryLocator": locator(8) });
    let replaced = browser
        .send(&node, Method::PUT, "/account/recovery", "application/json", body.to_string().into())
        .await;
    assert_eq!(replaced.status, StatusCode::NO_CONTENT, "{replaced:?}");

    assert_eq!(sign_in(&node, &new).await.status, StatusCode::OK);
    let old = Browser::default().post(&node, "/account/recovery", json!({ "locator": locator(2) })).await;
    assert_ne!(old.json()["sealed"], sealed(8));
    let now = Browser::default().post(&node, "/account/recovery", json!({ "locator": locator(8) })).await;
    assert_eq!(now.json()["sealed"], sealed(8));
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let browser = Browser::default();
    let (session, options) = begin(&node, &browser, "/account/register/start").await;
    let body = json!({ "session": session, "credential": passkey.create(&options), "slots": [] });
    let browser = browser.clone().with(&browser.post(&node, "/account/register/finish", body).await);
    for (id, status) in [("unknown".to_owned(), 404), (passkey.id(), 409)] {
        let path = format!("/account/passkeys/{id}");
        let answer = browser.send(&node, Method::DELETE, &path, "text/plain", Vec::new()).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_session_for_one_account_adds_no_passkey_to_another() {
    let node = node().await;
    let (mut a, mut b, mut extra) = (SoftPasskey::new(), SoftPasskey::new(), SoftPasskey::new());
    let browser_a = account(&node, &mut a).await;
    let (session, options) = begin(&node, &Browser::default(), "/account/register/start").await;
    let body = json!({ "session": session, "credential": b.create(&options), "slots": [] });
    let browser_b =
        Browser::default().with(&Browser::default().post(&node, "/account/register/finish", body).await);
    let (session, options) = begin(&node, &browser_a, "/account/passkeys/start").await;
    let body = json!({ "session": session, "credential": extra.create(&options), "slots": [] });
    assert_eq!(browser_b.post(&node, "/account/passkeys/finish", body).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn malformed_and_oversize_bodies_are_refused_with_words() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let browser = account(&node, &mut passkey).await;
    let slot = |sealed: String| json!({ "session": "x", "credential": null, "slots": [{ "kind": "recovery", "sealed": sealed }], "recoveryLocator": "zz" });
    for (path, body, status) in [
        ("/account/register/finish", json!({}), 400),
        ("/account/register/finish", json!({ "session": 1, "slots": [] }), 400),
        ("/account/register/finish", slot(sealed(1)), 410),
        ("/account/signin/finish", json!({ "session": "x", "credential": { "id": "canary" } }), 400),
        ("/account/recovery", json!({ "locator": "canary" }), 400),
        ("/account/recovery", json!({ "locator": "00".repeat(40_000) }), 413),
    ] {
        let answer = browser.post(&node, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {answer:?}");
        let text = String::from_utf8(answer.body.clone()).expect("text");
        assert!(answer.json()["message"].is_string() && !text.contains("canary"), "{text}");
    }
    for (length, status) in [(256 * 1024, 204), (256 * 1024 + 1, 413)] {
        let body = vec![7; length];
        let answer = browser.send(&node, Method::PUT, "/account/backup", crate::body::OCTETS, body).await;
        assert_eq!(answer.status.as_u16(), status, "{length}");
    }
    assert_eq!(browser.get(&node, "/account/backup").await.body.len(), 256 * 1024);
    assert_eq!(Browser::default().get(&node, "/account/backup").await.status, StatusCode::UNAUTHORIZED);
}

/// Signs in with a code's or a root's locator.
async fn recover(node: &Node, byte: u8) -> (Browser, Answer) {
    let found = Browser::default().post(node, "/account/recovery", json!({ "locator": locator(byte) })).await;
    (Browser::default().with(&found), found)
}

async fn send_json(node: &Node, browser: &Browser, method: Method, path: &str, body: Value) -> u16 {
    let sent = browser.send(node, method, path, "application/json", body.to_string().into()).await;
    sent.status.as_u16()
}

#[tokio::test]
async fn each_way_in_says_when_it_was_used_last() {
    let (node, mut passkey) = (node().await, SoftPasskey::new());
    let browser = account(&node, &mut passkey).await;
    let used = async |at: usize| browser.get(&node, "/account").await.json()["slots"][at]["used"].is_string();
    assert_eq!((used(0).await, used(1).await), (false, false));
    sign_in(&node, &passkey).await;
    assert_eq!((used(0).await, used(1).await), (true, false));
    recover(&node, 2).await;
    assert_eq!((used(0).await, used(1).await), (true, true));
}

#[tokio::test]
async fn what_loses_its_way_in_loses_its_open_session_too() {
    let (node, mut lost) = (node().await, SoftPasskey::new());
    let thief = account(&node, &mut lost).await;
    let (owner, _) = recover(&node, 2).await;
    let stranger = account_with(&node, 5).await;
    let signed_in =
        async |browser: &Browser| browser.get(&node, "/account").await.json()["signedIn"] == json!(true);
    assert!(signed_in(&thief).await);
    let path = format!("/account/passkeys/{}", lost.id());
    assert_eq!(send_json(&node, &owner, Method::DELETE, &path, json!({})).await, 204);
    assert!(!signed_in(&thief).await, "who is removed is out");
    assert!(signed_in(&owner).await && signed_in(&stranger).await, "and nobody else");

    let (reader, _) = recover(&node, 2).await;
    let body = json!({ "slot": { "kind": "recovery", "sealed": sealed(8) }, "recoveryLocator": locator(8) });
    assert_eq!(send_json(&node, &owner, Method::PUT, "/account/recovery", body).await, 204);
    assert!(!signed_in(&reader).await, "whoever read the old sheet is out");
    assert!(signed_in(&owner).await);
}

/// An account with a recovery code alone.
async fn account_with(node: &Node, code: u8) -> Browser {
    let browser = Browser::default();
    let (session, _) = begin(node, &browser, "/account/register/start").await;
    let slots = json!([{ "kind": "recovery", "sealed": sealed(code) }]);
    let body = json!({ "session": session, "slots": slots, "recoveryLocator": locator(code) });
    browser.clone().with(&browser.post(node, "/account/register/finish", body).await)
}

#[tokio::test]
async fn a_root_that_shares_gave_back_finds_its_account_until_the_shares_are_withdrawn() {
    let node = node().await;
    let browser = account_with(&node, 2).await;
    let keep = |byte: u8| json!({ "sealed": sealed(byte), "locator": locator(byte) });
    let put = async |byte| send_json(&node, &browser, Method::PUT, "/account/shares", keep(byte)).await;
    let opens = async |byte| recover(&node, byte).await.1.json()["sealed"] == json!(sealed(byte));
    assert!(!opens(6).await);
    assert_eq!(put(6).await, 204);
    assert!(opens(6).await && opens(2).await, "and the code still works");
    assert_eq!(put(7).await, 204);
    assert!(!opens(6).await && opens(7).await, "the new one replaces the old one");
    assert_eq!(put(2).await, 409, "nobody takes the place of a code");
    let drop = send_json(&node, &browser, Method::DELETE, "/account/shares", json!({})).await;
    assert_eq!(drop, 204);
    assert!(!opens(7).await && opens(2).await);
    let slots = json!([{ "kind": "shares", "sealed": sealed(1) }]);
    let (session, _) = begin(&node, &Browser::default(), "/account/register/start").await;
    let body = json!({ "session": session, "slots": slots });
    let made = Browser::default().post(&node, "/account/register/finish", body).await;
    assert_eq!(made.status, StatusCode::BAD_REQUEST, "shares alone make no account");
}

#[tokio::test]
async fn an_account_that_takes_the_place_of_another_leaves_nothing_of_it() {
    let (node, mut lost, mut new) = (node().await, SoftPasskey::new(), SoftPasskey::new());
    let browser = account(&node, &mut lost).await;
    let thief = Browser::default().with(&sign_in(&node, &lost).await);
    let kept = browser.send(&node, Method::PUT, "/account/backup", crate::body::OCTETS, vec![1]).await;
    assert_eq!(kept.status, StatusCode::NO_CONTENT);
    let shares = json!({ "sealed": sealed(6), "locator": locator(6) });
    assert_eq!(send_json(&node, &browser, Method::PUT, "/account/shares", shares).await, 204);
    let replace = async |browser: &Browser, passkey: &mut SoftPasskey| {
        let (session, options) = begin(&node, browser, "/account/register/start").await;
        let slots =
            json!([{ "kind": "passkey", "sealed": sealed(7) }, { "kind": "recovery", "sealed": sealed(8) }]);
        let credential = passkey.create(&options);
        let body = json!({ "session": session, "credential": credential, "slots": slots, "recoveryLocator": locator(8), "replaces": true });
        browser.post(&node, "/account/register/finish", body).await
    };
    let stranger = replace(&Browser::default(), &mut SoftPasskey::new()).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "whoever is not signed in replaces nothing");
    assert_eq!(sign_in(&node, &lost).await.status, StatusCode::OK);

    let made = replace(&browser, &mut new).await;
    assert_eq!(made.status, StatusCode::NO_CONTENT, "{made:?}");
    let owner = browser.clone().with(&made);
    let signed_in =
        async |browser: &Browser| browser.get(&node, "/account").await.json()["signedIn"] == json!(true);
    assert!(signed_in(&owner).await && !signed_in(&thief).await && !signed_in(&browser).await);
    assert_eq!(owner.get(&node, "/account/backup").await.status, StatusCode::NOT_FOUND);
    assert_eq!(sign_in(&node, &lost).await.status, StatusCode::FORBIDDEN, "the old passkey opens nothing");
    for byte in [2, 6] {
        assert_ne!(recover(&node, byte).await.1.json()["sealed"], json!(sealed(byte)), "nor code or shares");
    }
    assert_eq!(sign_in(&node, &new).await.status, StatusCode::OK);
    assert_eq!(recover(&node, 8).await.1.json()["sealed"], json!(sealed(8)));
}

//! What somebody may try on the way of a code, and with what came of it.

use super::*;

#[tokio::test]
async fn nobody_is_sent_anywhere_that_is_not_registered_letter_by_letter() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let waiting = register(&world, &metadata()).await.json();
    let waiting = text(&waiting, "client_id");
    let client = client.as_str();
    for (name, client, redirect) in [
        ("an app that waits", waiting.as_str(), BACK),
        ("an unknown app", "app-x", BACK),
        ("a system that is no app", "lab", BACK),
        ("no app", "", BACK),
        ("no address", client, ""),
        ("a prefix", client, "https://diary.example/"),
        ("a longer path", client, "https://diary.example/back/x"),
        ("with a query", client, "https://diary.example/back?x=1"),
        ("another port", client, "https://diary.example:8443/back"),
        ("the usual port said", client, "https://diary.example:443/back"),
        ("a fragment", client, "https://diary.example/back#x"),
        ("dots", client, "https://diary.example/x/../back"),
        ("encoded dots", client, "https://diary.example/%2e/back"),
        ("another case", client, "https://diary.example/Back"),
        ("another host", client, "https://diary.example.evil.example/back"),
        ("a user", client, "https://diary.example@evil.example/back"),
        ("plain HTTP", client, "http://diary.example/back"),
        ("a script", client, "javascript:alert(1)"),
    ] {
        for more in [vec![], vec![("response_type", "token")], vec![("scope", "nonsense")]] {
            let change: Vec<_> =
                [("client_id", client), ("redirect_uri", redirect)].into_iter().chain(more).collect();
            let answer = authorize(&world, &asked("", &change)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
            assert!(!answer.headers.contains_key(header::LOCATION), "{name}");
            assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY", "{name}");
            let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
            assert!(policy.contains("frame-ancestors 'none'"), "{name}");
        }
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", asked(client, &[]));
    assert_eq!(authorize(&world, &twice).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_wrong_goes_back_to_the_app_with_its_state_and_who_says_it() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let long = "x".repeat(5_000);
    for (name, change, error) in [
        ("another kind of answer", vec![("response_type", "token")], "unsupported_response_type"),
        ("another server", vec![("aud", "https://evil.example/fhir")], "invalid_request"),
        ("no server", vec![("aud", "")], "invalid_request"),
        (
            "plain PKCE",
            vec![("code_challenge_method", "plain"), ("code_challenge", VERIFIER)],
            "invalid_request",
        ),
        ("no method", vec![("code_challenge_method", "")], "invalid_request"),
        ("no challenge", vec![("code_challenge", "")], "invalid_request"),
        ("a short challenge", vec![("code_challenge", "abc")], "invalid_request"),
        ("no scope", vec![("scope", "")], "invalid_scope"),
        ("scopes of a system", vec![("scope", "system/*.rs")], "invalid_scope"),
        ("writing as a patient", vec![("scope", "patient/*.cud")], "invalid_scope"),
        ("version 1 scopes", vec![("scope", "patient/*.read")], "invalid_scope"),
        ("an unknown launch", vec![("launch", "x"), ("scope", "launch user/*.rs")], "invalid_request"),
        ("a launch without its scope", vec![("launch", "x")], "invalid_request"),
        ("a long nonce", vec![("nonce", &long[..300])], "invalid_request"),
    ] {
        let state = "a b&c=<script>'\"\r\nx: y";
        let mut change: Vec<(&str, &str)> = change;
        change.push(("state", state));
        let to = location(&authorize(&world, &asked(&client, &change)).await);
        let found = pairs(&to);
        assert!(to.as_str().starts_with(&format!("{BACK}?")), "{name}: {to}");
        assert_eq!((found["error"].as_str(), found["state"].as_str()), (error, state), "{name}");
        assert_eq!(found["iss"], ORIGIN, "{name}: an app that knows two servers can tell them apart");
        assert!(to.fragment().is_none() && !found.contains_key("code"), "{name}");
    }
    let to = location(&authorize(&world, &asked(&client, &[("state", "")])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "no state");
    let to = location(&authorize(&world, &asked(&client, &[("state", &long[..1_500])])).await);
    assert!(!pairs(&to).contains_key("state"), "a state that is too long is not repeated");
}

#[tokio::test]
async fn a_code_is_for_its_app_its_address_its_verifier_its_minute_and_one_use() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let (client, other) = (app(&world, &metadata()).await, app(&world, &metadata()).await);
    let wrong = VERIFIER.replace('0', "1");
    let challenge = challenge();
    for (name, change) in [
        ("another app", vec![("client_id", other.as_str())]),
        ("another address", vec![("redirect_uri", "https://diary.example/")]),
        ("a wrong verifier", vec![("code_verifier", wrong.as_str())]),
        ("the challenge itself", vec![("code_verifier", challenge.as_str())]),
        ("a short verifier", vec![("code_verifier", "x")]),
        ("another code", vec![("code", "00")]),
    ] {
        let code = code(&world, &person, &client, &[]).await;
        let refused = redeem(&world, &client, &code, &change).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{name}: {}", refused.body);
        let after = redeem(&world, &client, &code, &[]).await;
        assert_eq!(after.status.is_success(), name == "another code", "{name}: a code is good for one try");
    }
    for missing in ["code", "redirect_uri", "code_verifier"] {
        let refused = redeem(&world, &client, "x", &[(missing, "")]).await;
        assert_eq!(refused.json()["error"], "invalid_request", "{missing}");
    }
    assert_eq!(redeem(&world, "nobody", "x", &[]).await.json()["error"], "invalid_client");
    assert_eq!(
        redeem(&world, "lab", "x", &[]).await.json()["error"],
        "invalid_client",
        "who has keys shows them"
    );
    let late = code(&world, &person, &client, &[]).await;
    crate::clock::advance(61_000);
    assert_eq!(redeem(&world, &client, &late, &[]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_that_is_used_again_ends_what_it_gave() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let code = code(&world, &person, &client, &[]).await;
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(redeem(&world, &client, &code, &[]).await.json()["error"], "invalid_grant");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "used-twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_bring_one_code_exactly_one_gets_tokens() {
    let world = Arc::new(World::new().await);
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let code = code(&world, &person, &client, &[]).await;
    let statuses = race(RACERS, |_| {
        let (world, client, code) = (Arc::clone(&world), client.clone(), code.clone());
        async move { redeem(&world, &client, &code, &[]).await.status }
    })
    .await;
    assert_eq!(statuses.iter().filter(|status| status.is_success()).count(), 1);
}

#[tokio::test]
async fn refresh_tokens_rotate_give_no_more_than_before_and_a_used_one_ends_all() {
    let world = World::new().await;
    let (person, client, first) = connected(&world, PATIENT).await;
    let first = text(&first, "refresh_token");
    let wider = refresh(&world, &client, &first, "patient/*.rs user/*.rs").await;
    assert_eq!(wider.json()["error"], "invalid_scope", "{}", wider.body);
    let writes = refresh(&world, &client, &first, "patient/*.cruds").await;
    assert_eq!(writes.json()["error"], "invalid_scope", "{}", writes.body);
    let narrower = refresh(&world, &client, &first, "patient/Condition.rs").await.json();
    assert_eq!(text(&narrower, "scope"), "patient/Condition.rs");
    let narrow = text(&narrower, "access_token");
    assert_eq!(world.get(&narrow, "/fhir/Observation/o1").await.status, StatusCode::FORBIDDEN);
    let second = text(&narrower, "refresh_token");
    let full = refresh(&world, "", &second, "").await.json();
    assert_eq!(text(&full, "scope"), "fhirUser launch/patient offline_access openid patient/*.rs");
    let (token, third) = (text(&full, "access_token"), text(&full, "refresh_token"));
    let other = app(&world, &metadata()).await;
    assert_eq!(refresh(&world, &other, &third, "").await.json()["error"], "invalid_grant", "of another app");
    assert_eq!(
        world.get(&third, "/fhir/Observation/o1").await.status,
        StatusCode::UNAUTHORIZED,
        "no access token"
    );
    assert_eq!(
        refresh(&world, &client, &token, "").await.json()["error"],
        "invalid_grant",
        "no refresh token"
    );
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(refresh(&world, "", "x", "").await.json()["error"], "invalid_grant", "no token");
    assert_eq!(refresh(&world, "", &first, "").await.json()["error"], "invalid_grant", "used before");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&world, &client, &third, "").await.json()["error"],
        "invalid_grant",
        "the newest ended too"
    );
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "used-twice");
}

#[tokio::test]
async fn a_session_without_the_device_s_signature_allows_nothing() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let request = begin(&world, &client, &[]).await;
    for caller in people::CALLERS {
        for path in [format!("/smart/requests/{request}/allow"), format!("/staff/launches/{request}/allow")] {
            let answer = people::ask(&world, caller, people::request("POST", &path, Load::Nothing)).await;
            assert!(answer.status.is_client_error() && !answer.body.contains("code="), "{caller} {path}");
        }
    }
    let good = letter(&world, &request, &["labs"]).await;
    let stranger = Person::stranger();
    assert!(stranger.reads(&world.gateway, good.clone()).await.is_err(), "nobody is enrolled with that key");
    for (name, field, value) in [
        ("another app", "client", json!("app-x")),
        ("another address", "redirect", json!("https://evil.example/")),
        ("another challenge", "challenge", json!("x".repeat(43))),
        ("more scopes", "scope", json!("patient/*.rs user/*.cruds")),
        ("another request", "request", json!("00")),
        ("an end that is over", "untilMs", json!(1)),
    ] {
        let mut bent = good.clone();
        bent[field] = value;
        assert!(person.reads(&world.gateway, bent).await.is_err(), "{name}");
    }
    for (name, bent) in [("an unknown category", json!(["everything"])), ("no list", json!("labs"))] {
        let mut letter = good.clone();
        letter["categories"] = bent;
        assert!(person.reads(&world.gateway, letter).await.is_err(), "{name}");
    }
    let allowed = person.reads(&world.gateway, good.clone()).await.expect("allowed");
    assert!(allowed["redirect"].is_string());
    assert!(person.reads(&world.gateway, good).await.is_err(), "a request is answered once");
}

#[tokio::test]
async fn no_app_gets_more_time_than_was_chosen_or_than_there_is() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let hour = 3_600_000;
    for (name, scope, chosen_ms, dead_after_ms) in [
        ("as chosen", SCOPE, 2 * hour, 2 * hour),
        ("a sitting", "patient/*.rs online_access", 48 * hour, 8 * hour),
        ("a year", SCOPE, 24 * 3_000 * hour, 24 * 366 * hour),
    ] {
        let request = begin(&world, &client, &[("scope", scope)]).await;
        let mut letter = letter(&world, &request, &["vitals"]).await;
        letter["untilMs"] = json!(crate::clock::now_ms() + chosen_ms);
        let code = code_in(&person.reads(&world.gateway, letter).await.expect(name));
        let tokens = redeem(&world, &client, &code, &[]).await.json();
        crate::clock::advance(dead_after_ms - 60_000);
        let again = refresh(&world, &client, &text(&tokens, "refresh_token"), "").await.json();
        assert!(again["expires_in"].as_u64().expect("seconds") <= 60, "{name}: {again}");
        let (token, last) = (text(&again, "access_token"), text(&again, "refresh_token"));
        assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK, "{name}");
        crate::clock::advance(61_000);
        assert_eq!(
            world.get(&token, "/fhir/Observation/o1").await.status,
            StatusCode::UNAUTHORIZED,
            "{name}"
        );
        assert_eq!(refresh(&world, &client, &last, "").await.json()["error"], "invalid_grant", "{name}");
    }
}

#[tokio::test]
async fn refusing_tells_the_app_and_leaves_nothing() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &metadata()).await;
    let request = begin(&world, &client, &[]).await;
    let letter = letter(&world, &request, &["labs"]).await;
    let path = format!("/smart/requests/{request}/refuse");
    let foreign = Request::post(&path).header(header::ORIGIN, "https://evil.example").body(Body::empty());
    assert_eq!(world.send(foreign.expect("request")).await.status, StatusCode::FORBIDDEN);
    let refused = world.send(people::request("POST", &path, Load::Nothing)).await;
    let to: Url = text(&refused.json(), "redirect").parse().expect("a URL");
    assert_eq!((pairs(&to)["error"].as_str(), pairs(&to)["state"].as_str()), ("access_denied", "s1"));
    assert!(person.reads(&world.gateway, letter).await.is_err(), "the request is over");
    assert_eq!(
        person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps")["apps"],
        json!([])
    );
}

#[test]
fn no_page_frames_the_page_that_asks() {
    let headers: BTreeMap<_, _> = crate::portal_files::HEADERS.iter().copied().collect();
    let policy = headers["content-security-policy"];
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'none'"), "{policy}");
}

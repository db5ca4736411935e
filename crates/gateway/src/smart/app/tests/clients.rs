//! Kinds of apps: registered, with keys, opened from a chart, on pages of other origins; and what each may ask.

use super::*;

#[tokio::test]
async fn an_app_that_ends_or_whose_patient_s_keys_are_replaced_reads_no_more() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let token = text(&tokens, "access_token");
    crate::smart::app::end_all(&world.gateway, PATIENT).await.expect("ended");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let code = code(&world, &person, &client, &[]).await;
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    let token = text(&tokens, "access_token");
    assert_eq!(decide(&world, &client, "end").await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&world, &client, &text(&tokens, "refresh_token"), "").await.json()["error"],
        "invalid_client"
    );
    assert_eq!(authorize(&world, &asked(&client, &[])).await.status, StatusCode::BAD_REQUEST);
    for step in ["approve", "refuse", "end"] {
        assert_eq!(
            decide(&world, &client, step).await.status,
            StatusCode::CONFLICT,
            "{step}: decided already"
        );
    }
}

#[tokio::test]
async fn registering_takes_what_is_safe_and_says_what_is_not() {
    let world = World::new().await;
    let change = |field: &str, value: Value| {
        let mut metadata = metadata();
        metadata[field] = value;
        metadata
    };
    for uri in ["http://localhost:9000/back", "http://127.0.0.1/", "org.example.diary:/back"] {
        let answer = register(&world, &change("redirect_uris", json!([uri]))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{uri}: {}", answer.body);
    }
    for (field, value, error) in [
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["http://diary.example/back"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["javascript:alert(1)"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["data:text/html,x"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["diary:/back"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://diary.example/#x"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://diary.example/a/../b"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://u@diary.example/"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(["https://*.example/"]), "invalid_redirect_uri"),
        ("redirect_uris", json!(vec![BACK; 9]), "invalid_redirect_uri"),
        ("client_name", json!(""), "invalid_client_metadata"),
        ("client_name", json!("x".repeat(61)), "invalid_client_metadata"),
        ("client_name", json!("a\u{202e}b"), "invalid_client_metadata"),
        ("client_name", json!("<b>"), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("client_secret_basic"), "invalid_client_metadata"),
        ("token_endpoint_auth_method", json!("private_key_jwt"), "invalid_client_metadata"),
        ("jwks_uri", json!("https://diary.example/jwks"), "invalid_client_metadata"),
        ("grant_types", json!(["client_credentials"]), "invalid_client_metadata"),
        ("response_types", json!(["token"]), "invalid_client_metadata"),
        ("launch_url", json!("http://diary.example/"), "invalid_client_metadata"),
        ("scope", json!("system/*.rs"), "invalid_client_metadata"),
        ("scope", Value::Null, "invalid_client_metadata"),
    ] {
        let answer = register(&world, &change(field, value.clone())).await;
        assert_eq!(answer.json()["error"], error, "{field} {value}: {}", answer.body);
    }
    let list = steward(&world, "/staff/apps", "").await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    assert!(list.as_array().expect("a list").iter().all(|one| one["state"] == "waiting"), "{list}");
    let id = text(&list[0], "id");
    assert_eq!(decide(&world, &id, "refuse").await.status, StatusCode::NO_CONTENT);
    assert_eq!(authorize(&world, &asked(&id, &[])).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn registrations_of_one_caller_and_those_that_wait_are_limited() {
    let world = World::changed(|config| config.limits.demo_callers = 1).await;
    let mut statuses = Vec::new();
    for _ in 0..11 {
        statuses.push(register(&world, &metadata()).await.status.as_u16());
    }
    assert_eq!((statuses[9], statuses[10]), (201, 429));
    let world = World::changed(|config| config.limits.demo_callers = 1_000).await;
    for _ in 0..100 {
        register(&world, &metadata()).await;
    }
    assert_eq!(register(&world, &metadata()).await.status, StatusCode::TOO_MANY_REQUESTS);
}

/// Metadata of an app with keys.
fn confidential() -> Value {
    let mut metadata = metadata();
    metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
    metadata["jwks"] = jwks();
    metadata
}

fn assertion_of(world: &World, client: &str) -> String {
    let mut claims = crate::smart::testing::claims(&world.gateway.smart);
    (claims["iss"], claims["sub"]) = (json!(client), json!(client));
    assertion(&claims, Algorithm::ES384, "ec", &keys().es384)
}

#[tokio::test]
async fn an_app_with_keys_shows_them_and_never_reads_by_its_own_right() {
    let world = World::new().await;
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let client = app(&world, &confidential()).await;
    let kind = crate::smart::assertion::ASSERTION_TYPE;
    let first = code(&world, &person, &client, &[]).await;
    assert_eq!(redeem(&world, &client, &first, &[]).await.json()["error"], "invalid_client", "without a key");
    let assertion = assertion_of(&world, &client);
    let shows = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
    let answer = redeem(&world, &client, &first, &shows).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let token = text(&answer.json(), "refresh_token");
    for name in ["", client.as_str()] {
        let refused = refresh(&world, name, &token, "").await.json();
        assert_eq!(refused["error"], "invalid_client", "who has keys shows them: `{name}`");
    }
    assert_eq!(
        redeem(&world, &client, &first, &shows).await.json()["error"],
        "invalid_client",
        "used before"
    );
    let other = app(&world, &confidential()).await;
    let assertion = assertion_of(&world, &other);
    let shows = [("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
    assert_eq!(
        redeem(&world, &client, &first, &shows).await.json()["error"],
        "invalid_client",
        "of another app"
    );
    let own = crate::smart::testing::form(&assertion_of(&world, &client), "patient/*.rs");
    assert_eq!(world.ask(None, "POST", "/smart/token", &own).await.json()["error"], "unauthorized_client");
}

#[tokio::test]
async fn introspection_and_revocation_are_for_the_own_tokens() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let other = app(&world, &metadata()).await;
    let (access, again) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let about = async |path: &str, client: &str, token: &str| {
        world.ask(None, "POST", path, &form(&[("client_id", client), ("token", token)])).await
    };
    for token in [&access, &again] {
        assert_eq!(about("/smart/introspect", &client, token).await.json()["active"], true);
        assert_eq!(about("/smart/introspect", &other, token).await.json(), json!({ "active": false }));
        assert_eq!(about("/smart/revoke", &other, token).await.status, StatusCode::OK);
        assert_eq!(
            about("/smart/introspect", &client, token).await.json()["active"],
            true,
            "another's is left"
        );
    }
    assert_eq!(about("/smart/introspect", "lab", &access).await.json()["error"], "invalid_client");
    about("/smart/revoke", &client, &access).await;
    assert_eq!(world.get(&access, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let fresh = refresh(&world, &client, &again, "").await.json();
    let (access, again) = (text(&fresh, "access_token"), text(&fresh, "refresh_token"));
    about("/smart/revoke", &client, &again).await;
    assert_eq!(about("/smart/introspect", &client, &access).await.json(), json!({ "active": false }));
    assert_eq!(world.get(&access, "/fhir/Observation/o1").await.status, StatusCode::UNAUTHORIZED);
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"][0]["ended"]["why"], "given-back");
}

#[tokio::test]
async fn an_id_token_says_who_it_is_to_this_app_alone_and_the_published_key_checks_it() {
    let world = World::new().await;
    let (person, client, tokens) = connected(&world, PATIENT).await;
    let set = world.ask(None, "GET", "/smart/jwks", "").await.json();
    let read = |token: &str, client: &str| {
        let key =
            set["keys"].as_array().expect("keys").iter().find(|key| key["alg"] == "RS256").expect("a key");
        let key = DecodingKey::from_jwk(&serde_json::from_value(key.clone()).expect("a JWK")).expect("a key");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[client]);
        validation.set_issuer(&[ORIGIN]);
        decode::<Value>(token, &key, &validation).map(|token| token.claims)
    };
    let id = text(&tokens, "id_token");
    let claims = read(&id, &client).expect("a good token");
    assert_eq!(claims["fhirUser"], json!(format!("{ORIGIN}/fhir/Patient/{PATIENT}")));
    assert_eq!(claims["nonce"], "n1");
    assert!(read(&id, "another").is_err());
    assert_eq!(
        world.get(&id, "/fhir/Observation/o1").await.status,
        StatusCode::UNAUTHORIZED,
        "no access token"
    );
    let other = app(&world, &metadata()).await;
    let code = code(&world, &person, &other, &[("nonce", "")]).await;
    let second = redeem(&world, &other, &code, &[]).await.json();
    let second = read(&text(&second, "id_token"), &other).expect("a good token");
    assert_ne!(second["sub"], claims["sub"], "two apps do not find out that it is one person");
    assert!(second.get("nonce").is_none());
}

async fn clinic(world: &World, method: &str, path: &str, body: Value) -> Answer {
    let mut request = people::request(method, path, Load::Json("{}"));
    *request.body_mut() = Body::from(body.to_string());
    people::ask(world, "clinician", request).await
}

#[tokio::test]
async fn a_clinician_opens_an_app_in_a_chart_once_and_while_it_is_open() {
    let world = World::new().await;
    let client = app(&world, &metadata()).await;
    let other = app(&world, &metadata()).await;
    let open = json!({ "patient": PATIENT, "reason": "follow-up", "purpose": "treatment" });
    let chart = text(&clinic(&world, "POST", "/staff/charts", open).await.json(), "chart");
    let apps = clinic(&world, "GET", "/staff/launches", json!({})).await.json();
    assert!(apps.as_array().expect("a list").iter().any(|one| one["id"] == json!(client)), "{apps}");
    let launched = clinic(&world, "POST", "/staff/launches", json!({ "chart": chart, "app": client })).await;
    let url: Url = text(&launched.json(), "url").parse().expect("a URL");
    let (iss, launch) = (pairs(&url)["iss"].clone(), pairs(&url)["launch"].clone());
    assert_eq!(iss, format!("{ORIGIN}/fhir"));
    let scope = "launch user/Observation.rs openid fhirUser online_access";
    let to = location(&authorize(&world, &asked(&other, &[("launch", &launch), ("scope", scope)])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "a launch of another app");
    let request = begin(&world, &client, &[("launch", &launch), ("scope", scope)]).await;
    let to = location(&authorize(&world, &asked(&client, &[("launch", &launch), ("scope", scope)])).await);
    assert_eq!(pairs(&to)["error"], "invalid_request", "used before");
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let letter = letter(&world, &request, &["labs"]).await;
    assert!(
        person.reads(&world.gateway, letter).await.is_err(),
        "a patient's letter answers no clinician's request"
    );
    let path = format!("/staff/launches/{request}/allow");
    let cy = (header::COOKIE, world.gateway.staff.testing_session("dr-cy").await);
    let foreign = people::ask_with(&world, Some(cy), people::request("POST", &path, Load::Nothing)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "begun by somebody else");
    let allowed = clinic(&world, "POST", &path, json!({})).await;
    let code = code_in(&allowed.json());
    let tokens = redeem(&world, &client, &code, &[]).await.json();
    assert_eq!((&tokens["patient"], &tokens["need_patient_banner"]), (&json!(PATIENT), &json!(true)));
    let token = text(&tokens, "access_token");
    assert_eq!(world.get(&token, "/fhir/Observation/o1").await.status, StatusCode::OK);
    assert_eq!(world.get(&token, "/fhir/Observation/o2").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&token, "/fhir/Patient/p1").await.status, StatusCode::FORBIDDEN, "not in the scope");
    let log = world.gateway.log.of_patient(PATIENT, crate::log::Page::default()).await.expect("log");
    assert_eq!(log[0].access.reason, "follow-up (with the app My Diary)");
    let apps = person.reads(&world.gateway, json!({ "ask": "apps" })).await.expect("apps");
    assert_eq!(apps["apps"], json!([]), "what clinicians use is in the log, not among the patient's choices");
    crate::clock::advance(12 * 3_600_000 + 1_000);
    let again = refresh(&world, &client, &text(&tokens, "refresh_token"), "").await;
    assert_eq!(again.json()["error"], "invalid_grant", "the chart is closed");
}

#[tokio::test]
async fn pages_of_registered_apps_and_no_others_may_call() {
    let world = World::new().await;
    let (_, _, tokens) = connected(&world, PATIENT).await;
    let token = text(&tokens, "access_token");
    let ask = async |method: &str, path: &str, origin: &str, preflight: bool| {
        let mut request = Request::builder().method(method).uri(path).header(header::ORIGIN, origin);
        if preflight {
            request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        } else {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        world.send(request.body(Body::empty()).expect("request")).await
    };
    let (own, foreign) = ("https://diary.example", "https://evil.example");
    for (name, method, path, origin, preflight, allowed) in [
        ("reading", "GET", "/fhir/Observation/o1", own, false, Some(own)),
        ("asking first", "OPTIONS", "/fhir/Observation/o1", own, true, Some(own)),
        ("asking first for tokens", "OPTIONS", "/smart/token", own, true, Some(own)),
        ("reading from elsewhere", "GET", "/fhir/Observation/o1", foreign, false, None),
        ("asking first from elsewhere", "OPTIONS", "/fhir/Observation/o1", foreign, true, None),
        ("a longer name", "GET", "/fhir/Observation/o1", "https://diary.example.evil.example", false, None),
        ("no origin", "GET", "/fhir/Observation/o1", "null", false, None),
        ("what is public", "GET", "/fhir/.well-known/smart-configuration", foreign, false, Some("*")),
        ("the portal's own routes", "OPTIONS", "/smart/requests/x", own, true, None),
        ("the staff's routes", "OPTIONS", "/staff/apps", own, true, None),
    ] {
        let answer = ask(method, path, origin, preflight).await;
        let found = answer
            .headers
            .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .map(|value| value.to_str().expect("text"));
        assert_eq!(found, allowed, "{name}");
        assert!(!answer.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "{name}");
    }
}

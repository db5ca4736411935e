//! The terminology operations over the router: what they answer, to whom, and what they cost a server elsewhere.

use super::world::{Answer, PATIENT, World, is_outcome};
use crate::fhir::FHIR_JSON;
use crate::limits::TERMINOLOGY_PER_MINUTE;
use crate::rate::Caller;
use crate::smart::app::tests as apps;
use crate::terminology::TerminologyConfig;
use crate::terminology::tests::{Elsewhere, definitions, knows_diabetes};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

/// A hospital with the definitions of the tests, and perhaps another server.
async fn hospital(server: Option<&Elsewhere>) -> (World, tempfile::TempDir) {
    let folder = definitions();
    let terminology = TerminologyConfig {
        definitions: Some(folder.path().to_owned()),
        server: server.map(|server| server.url.clone()),
        private_server: true,
    };
    (World::changed(|config| config.terminology = terminology).await, folder)
}

fn parameter(answer: &Answer, name: &str) -> Value {
    let all = answer.json()["parameter"].as_array().cloned().unwrap_or_default();
    let found = all.into_iter().find(|one| one["name"] == name).unwrap_or_default();
    let fields = found.as_object().cloned().unwrap_or_default();
    fields.into_iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value).unwrap_or_default()
}

#[tokio::test]
async fn a_code_is_looked_up_by_query_by_parameters_and_by_coding() {
    let (world, _folder) = hospital(None).await;
    let token = world.clinician();
    let by_query =
        world.get(&token, "/fhir/CodeSystem/$lookup?system=http://a.example/animals&code=pug").await;
    let body =
        |parameters: Value| json!({ "resourceType": "Parameters", "parameter": parameters }).to_string();
    let named = body(json!([
        { "name": "system", "valueUri": "http://a.example/animals" }, { "name": "code", "valueCode": "pug" },
        { "name": "property", "valueCode": "display" },
    ]));
    let coding = body(json!([
        { "name": "coding", "valueCoding": { "system": "http://a.example/animals", "code": "pug" } },
    ]));
    let by_name = world.ask(Some(&token), "POST", "/fhir/CodeSystem/$lookup", &named).await;
    let by_coding = world.ask(Some(&token), "POST", "/fhir/CodeSystem/$lookup", &coding).await;
    for answer in [by_query, by_name, by_coding] {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(parameter(&answer, "display"), "Pug");
        assert_eq!(parameter(&answer, "name"), "Animals");
        assert_eq!(parameter(&answer, "version"), "1");
    }
    let unit =
        world.get(&token, "/fhir/CodeSystem/$lookup?system=http://unitsofmeasure.org&code=mg/dL").await;
    assert_eq!(parameter(&unit, "name"), "UCUM");
}

#[tokio::test]
async fn whether_a_code_is_in_a_code_system_or_a_value_set_is_said_with_its_display() {
    let (world, _folder) = hospital(None).await;
    let token = world.clinician();
    for (path, result, display) in [
        ("CodeSystem/$validate-code?url=http://a.example/animals&code=dog", true, "Dog"),
        ("CodeSystem/$validate-code?url=http://a.example/animals&code=bird", false, ""),
        ("CodeSystem/$validate-code?url=http://a.example/animals&code=dog&display=DOG", true, "Dog"),
        ("CodeSystem/$validate-code?url=http://a.example/animals&code=dog&display=Cat", false, "Dog"),
        ("CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mm[Hg]", true, ""),
        ("CodeSystem/$validate-code?url=http://unitsofmeasure.org&code=mmHg", false, ""),
        (
            "ValueSet/$validate-code?url=http://a.example/dogs&system=http://a.example/animals&code=dog",
            true,
            "Dog",
        ),
        ("ValueSet/$validate-code?url=http://a.example/dogs&code=dog", true, "Dog"),
        (
            "ValueSet/$validate-code?url=http://a.example/dogs&system=http://a.example/animals&code=cat",
            false,
            "",
        ),
        (
            "ValueSet/$validate-code?url=http://a.example/all&system=http://a.example/animals&code=animal",
            false,
            "Animal",
        ),
        (
            "ValueSet/$validate-code?url=http://a.example/all&valueSetVersion=7&code=animal&abstract=true",
            true,
            "Animal",
        ),
        ("ValueSet/$validate-code?url=https://salus.network/fhir/ValueSet/category-hiv&code=HIV", true, ""),
    ] {
        let answer = world.get(&token, &format!("/fhir/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_eq!(parameter(&answer, "result"), result, "{path}");
        let found = parameter(&answer, "display");
        assert_eq!(found.as_str().unwrap_or_default(), display, "{path}");
        assert_eq!(parameter(&answer, "message").is_null(), result, "{path}");
    }
    // A concept is in it if one of its codings is.
    let concept = json!({ "resourceType": "Parameters", "parameter": [
        { "name": "url", "valueUri": "http://a.example/dogs" },
        { "name": "codeableConcept", "valueCodeableConcept": { "coding": [
            { "system": "http://a.example/animals", "code": "cat" }, { "system": "http://a.example/animals", "code": "dog" },
        ] } },
    ] });
    let answer = world.ask(Some(&token), "POST", "/fhir/ValueSet/$validate-code", &concept.to_string()).await;
    assert_eq!((parameter(&answer, "result"), parameter(&answer, "code")), (true.into(), "dog".into()));
}

#[tokio::test]
async fn a_value_set_is_listed_whole_in_pages_by_words_and_as_the_caller_composed_it() {
    let (world, _folder) = hospital(None).await;
    let token = world.clinician();
    let codes = |answer: &Answer| -> Vec<String> {
        let contains = answer.json()["expansion"]["contains"].as_array().cloned().unwrap_or_default();
        contains.iter().map(|one| one["code"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for (query, expected, total) in [
        ("url=http://a.example/all", "animal dog pug cat robot", 5),
        ("url=http://a.example/all&count=2&offset=1", "dog pug", 5),
        ("url=http://a.example/all&count=0", "", 5),
        ("url=http://a.example/all&filter=OB", "robot", 1),
        ("url=http://a.example/dogs|", "", 0),
    ] {
        let answer = world.get(&token, &format!("/fhir/ValueSet/$expand?{query}")).await;
        if query.ends_with('|') {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            continue;
        }
        assert_eq!(codes(&answer).join(" "), expected, "{query}");
        assert_eq!(answer.json()["expansion"]["total"], total, "{query}");
    }
    let own = json!({ "resourceType": "Parameters", "parameter": [{ "name": "valueSet", "resource": {
        "resourceType": "ValueSet", "compose": { "include": [
            { "system": "http://a.example/animals", "concept": [{ "code": "cat" }] }, { "valueSet": ["http://a.example/below"] },
        ] },
    } }] });
    let answer = world.ask(Some(&token), "POST", "/fhir/ValueSet/$expand", &own.to_string()).await;
    assert_eq!(codes(&answer), ["cat", "pug", "robot"]);
}

#[tokio::test]
async fn what_is_not_understood_or_not_known_is_refused_with_an_outcome() {
    let (world, _folder) = hospital(None).await;
    let token = world.clinician();
    for (method, path, body, status) in [
        ("GET", "CodeSystem/$lookup", "", 400),
        ("GET", "CodeSystem/$lookup?code=x", "", 400),
        ("GET", "CodeSystem/$lookup?system=nonsense&code=x", "", 400),
        ("GET", "CodeSystem/$lookup?system=http://a.example/animals&code=%20", "", 400),
        ("GET", "CodeSystem/$lookup?system=http://a.example/animals&code=bird", "", 404),
        ("GET", "CodeSystem/$lookup?system=http://a.example/animals&version=9&code=dog", "", 404),
        ("GET", "CodeSystem/$lookup?system=http://snomed.info/sct&code=73211009", "", 404),
        ("GET", "CodeSystem/$lookup?system=http://unitsofmeasure.org&code=furlongs", "", 404),
        ("GET", "CodeSystem/$validate-code?url=http://a.example/animals", "", 400),
        ("GET", "ValueSet/$validate-code?code=dog", "", 400),
        ("GET", "ValueSet/$expand", "", 400),
        ("GET", "ValueSet/$expand?url=http://a.example/none", "", 404),
        ("GET", "ValueSet/$expand?url=http://a.example/open", "", 404),
        ("GET", "ValueSet/$expand?url=http://a.example/circle", "", 404),
        ("GET", "ValueSet/$expand?url=http://a.example/all&count=many", "", 400),
        ("GET", "ValueSet/$expand?url=http://a.example/all&context=x", "", 404),
        ("GET", "ValueSet/$expand?url=http://a.example/all&_format=xml", "", 406),
        ("POST", "ValueSet/$expand", "", 400),
        ("POST", "ValueSet/$expand", "{", 400),
        ("POST", "ValueSet/$expand", "{}", 400),
        ("POST", "ValueSet/$expand", r#"{"resourceType":"Parameters","parameter":[{"name":"url"}]}"#, 400),
        ("PUT", "ValueSet/$expand", "", 405),
        ("GET", "ValueSet/x/$expand", "", 404),
        ("GET", "CodeSystem/$subsumes", "", 404),
    ] {
        let answer = world.ask(Some(&token), method, &format!("/fhir/{path}"), body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path} {body}: {}", answer.body);
        assert!(is_outcome(&answer), "{path}: {}", answer.body);
        assert!(!answer.body.contains("73211009") && !answer.body.contains("furlongs"), "{}", answer.body);
    }
    let large = "x".repeat(300_000);
    let answer = world.ask(Some(&token), "POST", "/fhir/ValueSet/$expand", &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let form = Request::post("/fhir/ValueSet/$expand")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = world.send(form.body(Body::from("url=http://a.example/all")).expect("request")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn whoever_is_known_may_ask_whatever_their_scopes_and_nobody_else_and_not_without_end() {
    let (world, _folder) = hospital(None).await;
    let path = "/fhir/CodeSystem/$lookup?system=http://a.example/animals&code=dog";
    let (narrow, app) = (world.system("system/Observation.r"), apps::app_of(&world, PATIENT).await);
    for token in [&narrow, &app, &world.clinician()] {
        assert_eq!(world.get(token, path).await.status, StatusCode::OK);
    }
    for token in [None, Some("nonsense")] {
        let answer = world.ask(token, "GET", path, "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(is_outcome(&answer));
    }
    // Nothing of it is about a patient, so nothing is in the log but that the app was allowed.
    let steward = world.on_behalf("root", PATIENT, salus_types::category::Purpose::Treatment);
    let log = world.get(&steward, "/fhir/AuditEvent").await;
    assert_eq!(log.json()["entry"].as_array().map(Vec::len), Some(1), "{}", log.body);
    let few = World::changed(|config| config.limits.demo_callers = 1).await;
    let token = few.clinician();
    let caller = Caller::of(std::net::Ipv4Addr::UNSPECIFIED.into());
    let mut refused = None;
    // Places come back while a slow machine asks.
    for _ in 0..100 {
        for _ in 0..=TERMINOLOGY_PER_MINUTE {
            if few.gateway.terminology.allowed.check(caller).is_err() {
                break;
            }
        }
        let answer = few.get(&token, path).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("there is an end");
    assert!(is_outcome(&refused) && refused.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn another_server_answers_what_is_not_known_here_and_hears_nothing_of_who_asks() {
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    let (world, _folder) = hospital(Some(&elsewhere)).await;
    let token = world.clinician();
    let found = world
        .get(
            &token,
            "/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=73211009&display=Kanarienvogel&displayLanguage=de",
        )
        .await;
    assert_eq!(parameter(&found, "display"), "Diabetes mellitus");
    let wrong = "/fhir/ValueSet/$validate-code?url=http://c.example/x&system=http://snomed.info/sct&code=9&display=Kanarienvogel";
    assert_eq!(parameter(&world.get(&token, wrong).await, "result"), false);
    // Another server knows more words for a code than the one that it names.
    let other = "/fhir/CodeSystem/$validate-code?url=http://snomed.info/sct&code=73211009&display=Sugar";
    assert_eq!(parameter(&world.get(&token, other).await, "result"), true);
    let listed = "/fhir/ValueSet/$expand?url=http://c.example/diabetes&filter=mellitus&count=1";
    let listed = world.get(&token, listed).await.json();
    assert_eq!(listed["expansion"]["contains"][0]["code"], "73211009");
    assert_eq!(listed["expansion"]["total"], 1);
    let told = serde_json::to_string(&*elsewhere.asked.lock().expect("lock")).expect("json");
    for secret in ["Kanarienvogel", "mellitus", "p1", "dr-bo", &token] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    // Down: said so, and what is known here is answered as before.
    let (away, _folder) = {
        let folder = definitions();
        let terminology = TerminologyConfig {
            definitions: Some(folder.path().to_owned()),
            server: Some("http://127.0.0.1:1/r4".into()),
            private_server: true,
        };
        (World::changed(|config| config.terminology = terminology).await, folder)
    };
    let token = away.clinician();
    let refused =
        away.get(&token, "/fhir/CodeSystem/$lookup?system=http://snomed.info/sct&code=73211009").await;
    assert_eq!((refused.status, is_outcome(&refused)), (StatusCode::SERVICE_UNAVAILABLE, true));
    let known = away.get(&token, "/fhir/CodeSystem/$lookup?system=http://a.example/animals&code=dog").await;
    assert_eq!(known.status, StatusCode::OK);
}

#[tokio::test]
async fn a_search_by_a_value_set_asks_the_engine_for_its_codes() {
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    let (world, _folder) = hospital(Some(&elsewhere)).await;
    let token = world.system("system/*.cruds");
    let animals = "http%3A%2F%2Fa.example%2Fanimals";
    for (query, expected) in [
        (
            "code:in=http://a.example/dogs&status=final",
            format!("code={animals}%7Cdog%2C{animals}%7Crobot&status=final"),
        ),
        ("code:not-in=http://a.example/dogs", format!("code%3Anot={animals}%7Cdog%2C{animals}%7Crobot")),
        (
            "code:in=http://c.example/diabetes",
            "code=http%3A%2F%2Fsnomed.info%2Fsct%7C73211009%2Chttp%3A%2F%2Fsnomed.info%2Fsct%7C44054006"
                .to_owned(),
        ),
    ] {
        let answer = world.get(&token, &format!("/fhir/Observation?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
        assert_eq!(world.engine.last_search().as_deref(), Some(expected.as_str()), "{query}");
        // The same as a form.
        world.ask(Some(&token), "POST", "/fhir/Observation/_search", query).await;
        assert_eq!(world.engine.last_search(), Some(format!("&{expected}")), "{query}");
    }
    let before = world.engine.asked();
    for (query, status) in [
        ("code:in=http://a.example/none", 404),
        ("code:in=http://a.example/open", 404),
        ("code:in=ValueSet/1", 400),
        ("code:in=", 400),
        ("subject.code:in=http://a.example/dogs", 400),
        ("_has:Observation:subject:code:in=http://a.example/dogs", 400),
    ] {
        let answer = world.get(&token, &format!("/fhir/Observation?{query}")).await;
        assert_eq!((answer.status.as_u16(), is_outcome(&answer)), (status, true), "{query}: {}", answer.body);
    }
    assert_eq!(world.engine.asked(), before, "a condition was dropped");
}

#[tokio::test]
async fn validation_warns_of_units_that_are_none_of_codes_that_do_not_exist_and_of_other_displays() {
    let (world, _folder) = hospital(None).await;
    let token = world.clinician();
    let coding = |code: &str, display: &str| json!({ "system": "http://a.example/animals", "code": code, "display": display });
    let body = json!({
        "resourceType": "Observation",
        "code": { "coding": [coding("dog", "Dog"), coding("bird", "Bird"), coding("cat", "Dog"), { "system": "http://snomed.info/sct", "code": "1" }] },
        "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": "mmHg" },
        "component": [{ "valueQuantity": { "value": 1, "system": "http://unitsofmeasure.org", "code": "mm[Hg]" } }],
    });
    let answer = world.ask(Some(&token), "POST", "/fhir/Observation/$validate", &body.to_string()).await;
    let issues = answer.json()["issue"].as_array().cloned().expect("issues");
    let warnings: Vec<&str> = issues
        .iter()
        .filter(|issue| issue["severity"] == "warning")
        .filter_map(|issue| issue["expression"][0].as_str())
        .collect();
    assert_eq!(
        warnings,
        ["Observation.code.coding[1]", "Observation.code.coding[2]", "Observation.valueQuantity"],
        "{}",
        answer.body
    );
    assert_eq!(issues[0]["severity"], "information");
    // Strangers' records are taken as they are.
    let written = world.ask(Some(&token), "POST", "/fhir/Observation", &body.to_string()).await;
    assert!(written.status.is_success());
}

#[tokio::test]
async fn a_summary_says_in_words_what_comes_as_a_code() {
    let (world, _folder) = hospital(None).await;
    world.engine.keep(
        Some(PATIENT),
        json!({
            "resourceType": "Condition", "id": "silent", "subject": { "reference": "Patient/p1" },
            "code": { "coding": [{ "system": "http://b.example/none", "code": "9" }, { "system": "http://a.example/animals", "code": "pug" }] },
        }),
    );
    let summary = world.get(&world.clinician(), "/fhir/Patient/p1/$summary").await;
    assert_eq!(summary.status, StatusCode::OK, "{}", summary.body);
    let problems = &summary.json()["entry"][0]["resource"]["section"][0];
    assert!(problems["text"]["div"].as_str().unwrap_or_default().contains("<li>Pug</li>"), "{problems}");
}

#[tokio::test]
async fn the_terminology_statement_names_what_is_known_and_whether_another_server_is_asked() {
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    for server in [None, Some(&elsewhere)] {
        let (world, _folder) = hospital(server).await;
        let answer = world.ask(None, "GET", "/fhir/metadata?mode=terminology", "").await;
        let statement = answer.json();
        assert_eq!(statement["resourceType"], "TerminologyCapabilities");
        assert!(answer.headers[header::CONTENT_TYPE].as_bytes().starts_with(FHIR_JSON.as_bytes()));
        let token = world.clinician();
        for system in statement["codeSystem"].as_array().expect("systems") {
            let uri = system["uri"].as_str().expect("a URI");
            let path = format!("/fhir/CodeSystem/$validate-code?url={uri}&code=surely-none");
            assert_eq!(parameter(&world.get(&token, &path).await, "result"), false, "{uri}");
        }
        let words = statement["description"].as_str().expect("words");
        assert_eq!(words.contains("asked for at another terminology server"), server.is_some(), "{words}");
    }
    let world = World::new().await;
    assert_eq!(
        world.ask(None, "GET", "/fhir/metadata?mode=full", "").await.json()["resourceType"],
        "CapabilityStatement"
    );
    assert_eq!(world.ask(None, "GET", "/fhir/metadata?mode=x", "").await.status, StatusCode::BAD_REQUEST);
}

//! What this node answers itself: summaries, searches over types, pages of a part of a record, bytes, the access log and
//! grants as FHIR.

use super::world::{Answer, CANARY, OTHER, PATIENT, World, is_outcome};
use crate::engine::fake::Fault;
use crate::smart::app::tests as apps;
use crate::vault::GivenGrant;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use salus_types::GrantId;
use salus_types::category::{Category, Purpose};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tower::ServiceExt as _;

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    let of = |entry: &Value| {
        let resource = &entry["resource"];
        format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        )
    };
    entries.map(of).collect()
}

fn next(bundle: &Value) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let url = links.iter().find(|link| link["relation"] == "next")?["url"].as_str()?;
    Some(url[url.find("/fhir").expect("this node's")..].to_owned())
}

fn observation(id: &str, category: &str, more: Value) -> Value {
    let mut observation = json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": id },
        "category": [{ "coding": [{ "code": category }] }], "subject": { "reference": format!("Patient/{PATIENT}") },
    });
    for (name, value) in more.as_object().expect("fields") {
        observation[name.as_str()] = value.clone();
    }
    observation
}

#[tokio::test]
async fn a_summary_is_a_document_of_what_the_reader_may_see() {
    let world = World::new().await;
    let of = json!({ "reference": format!("Patient/{PATIENT}") });
    world
        .engine
        .keep(Some(PATIENT), observation("lab", "laboratory", json!({ "effectiveDateTime": "2024-01-02" })));
    world.engine.keep(
        Some(PATIENT),
        observation("hiv", "laboratory", json!({ "meta": { "security": [{ "code": "HIV" }] } })),
    );
    world
        .engine
        .keep(Some(PATIENT), observation("wrong", "laboratory", json!({ "status": "entered-in-error" })));
    world.engine.keep(
        Some(PATIENT),
        json!({ "resourceType": "Condition", "id": "asthma", "code": { "text": "<b>Asthma</b>" }, "patient": of,
            "clinicalStatus": { "coding": [{ "code": "active" }] } }),
    );
    let path = format!("/fhir/Patient/{PATIENT}/$summary");
    let clinician = world.get(&world.clinician(), &path).await;
    assert_eq!(clinician.status, StatusCode::OK, "{}", clinician.body);
    let bundle = clinician.json();
    assert_eq!(
        (&bundle["type"], &bundle["entry"][0]["resource"]["resourceType"]),
        (&json!("document"), &json!("Composition"))
    );
    let sections = bundle["entry"][0]["resource"]["section"].as_array().expect("sections").clone();
    let of = |code: &str| sections.iter().find(|section| section["code"]["coding"][0]["code"] == code);
    assert_eq!(of("11450-4").expect("problems")["entry"], json!([{ "reference": "Condition/asthma" }]));
    assert!(!json!(sections).to_string().contains("<b>"), "a narrative holds no mark-up of others");
    for required in ["48765-2", "10160-0"] {
        assert_eq!(
            of(required).expect("a section")["emptyReason"]["coding"][0]["code"],
            "unavailable",
            "{required}"
        );
    }
    assert!(of("47519-4").is_none(), "what may be missing is missing");
    let named: BTreeSet<String> = ids(&bundle).into_iter().collect();
    for section in &sections {
        for entry in section["entry"].as_array().into_iter().flatten() {
            assert!(
                named.contains(entry["reference"].as_str().expect("a reference")),
                "{entry} is not in the document"
            );
        }
    }
    assert!(named.contains("Observation/hiv") && !named.contains("Observation/wrong"), "{named:?}");
    assert_eq!(bundle["entry"][0]["resource"]["author"][0]["reference"], "Organization/salus-hospital-a");
    assert!(named.contains("Organization/salus-hospital-a") && named.contains("Patient/p1"), "{named:?}");

    let again = world.get(&world.clinician(), &path).await.json();
    assert_eq!(again["identifier"], bundle["identifier"], "the same content is the same document");
    let app = world.get(&apps::app_of(&world, PATIENT).await, &path).await.json();
    assert!(!ids(&app).contains(&"Observation/hiv".to_owned()), "{app}");
    assert_ne!(app["identifier"], bundle["identifier"], "less content is another document");
    world.engine.keep(Some(PATIENT), observation("more", "laboratory", json!({})));
    assert_ne!(world.get(&world.clinician(), &path).await.json()["identifier"], bundle["identifier"]);
    let shaped = world.get(&world.clinician(), &format!("{path}?_elements=id")).await;
    assert_eq!(shaped.status, StatusCode::BAD_REQUEST, "{}", shaped.body);
}

/// All pages, with something done between any two.
async fn pages(world: &World, token: &str, path: &str, mut between: impl FnMut(usize)) -> Vec<Value> {
    let (mut all, mut at) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = at {
        let answer = world.get(token, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        at = next(&answer.json());
        all.push(answer.json());
        between(all.len());
        assert!(all.len() < 50, "it ends");
    }
    all
}

#[tokio::test]
async fn pages_of_a_part_of_a_record_show_all_of_it_once_and_nothing_of_the_rest() {
    let world = World::new().await;
    let app = apps::app_of(&world, PATIENT).await;
    let hidden = json!({ "meta": { "security": [{ "code": "HIV" }] } });
    for n in 0..9 {
        world.engine.keep(Some(PATIENT), observation(&format!("c{n}"), "vital-signs", json!({})));
        // What is kept from the app lies between, at the beginning and at the end.
        for place in ["a", "e", "z"] {
            world.engine.keep(
                Some(PATIENT),
                observation(&format!("{place}-hidden{n}"), "vital-signs", hidden.clone()),
            );
        }
    }
    let shown: BTreeSet<String> = ["anchored", "o1", "sealed"]
        .into_iter()
        .map(str::to_owned)
        .chain((0..9).map(|n| format!("c{n}")))
        .map(|id| format!("Observation/{id}"))
        .collect();
    let add = |page: usize| {
        world
            .engine
            .keep(Some(PATIENT), observation(&format!("b-hidden-more{page}"), "vital-signs", hidden.clone()));
    };
    for path in [
        "/fhir/Observation?_count=5",
        "/fhir/Observation?patient=p1&_count=5",
        "/fhir/Patient/p1/Observation?_count=5",
    ] {
        let all = pages(&world, &app, path, add).await;
        let lengths: Vec<usize> = all.iter().map(|page| ids(page).len()).collect();
        assert_eq!(lengths, [5, 5, 2], "{path}: full pages, and no empty one at the end");
        let found: Vec<String> = all.iter().flat_map(ids).collect();
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), shown, "{path}");
        assert_eq!(found.len(), shown.len(), "{path}: each once");
        assert!(all.iter().all(|page| page.get("total").is_none()), "{path}: no total");
        assert!(
            !all.iter().any(|page| page.to_string().contains("hidden")),
            "{path}: a link holds nothing to read"
        );
    }
    let one = world.get(&app, "/fhir/Observation?_count=200").await.json();
    assert_eq!((one["total"].as_u64(), next(&one)), (Some(12), None), "all on one page");
    let none = world.get(&app, "/fhir/Observation?_count=0").await.json();
    assert_eq!((none["total"].as_u64(), none.get("entry")), (Some(12), None), "how many, and no more");
    let exact = world.get(&app, "/fhir/Observation?_count=12").await.json();
    assert_eq!(
        (ids(&exact).len(), next(&exact)),
        (12, None),
        "no page follows that would hold nothing to see"
    );
}

#[tokio::test]
async fn a_link_to_a_page_serves_who_was_given_it_on_its_path_as_it_is() {
    let world = World::new().await;
    let app = apps::app_of(&world, PATIENT).await;
    let other = apps::app_of(&world, OTHER).await;
    let first = world.get(&app, "/fhir/Observation?_count=1").await.json();
    let link = next(&first).expect("a link");
    assert_eq!(world.get(&app, &link).await.status, StatusCode::OK);
    let mut bent = link.clone().into_bytes();
    let at = bent.len() - 5;
    bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).expect("text");
    for (who, path) in [
        (&app, bent.as_str()),
        (&other, &link),
        (&app, &link.replace("/fhir/Observation", "/fhir/Condition")),
        (&app, "/fhir/Observation?_page=x"),
        (&app, "/fhir/Observation?_page="),
    ] {
        let answer = world.get(who, path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.body);
        assert!(is_outcome(&answer));
    }
}

#[tokio::test]
async fn one_search_goes_over_several_types_and_keeps_to_each() {
    let world = World::new().await;
    let of = json!({ "reference": format!("Patient/{PATIENT}") });
    for n in 0..4 {
        world.engine.keep(
            Some(PATIENT),
            json!({ "resourceType": "Condition", "id": format!("d{n}"), "subject": of }),
        );
    }
    let clinician = world.clinician();
    let add = |page: usize| {
        let condition = json!({ "resourceType": "Condition", "id": format!("a{page}"), "subject": of });
        world.engine.keep(Some(PATIENT), condition);
    };
    let all = pages(&world, &clinician, "/fhir?_type=Condition,Observation&_count=2", add).await;
    let found: Vec<String> = all.iter().flat_map(ids).collect();
    let expected = [
        "Condition/d0",
        "Condition/d1",
        "Condition/d2",
        "Condition/d3",
        "Observation/anchored",
        "Observation/o1",
        "Observation/sealed",
    ];
    let kept: Vec<&String> = found.iter().filter(|id| !id.starts_with("Condition/a")).collect();
    assert_eq!(kept, expected, "in the order of the types, each once");
    for (token, path, status) in [
        (world.system("system/Observation.rs"), "/fhir?_type=Observation,Condition", StatusCode::FORBIDDEN),
        (world.system("system/Observation.rs"), "/fhir?_type=Observation", StatusCode::OK),
        (clinician.clone(), "/fhir?_type=Observation&_include=Observation:subject", StatusCode::BAD_REQUEST),
        (clinician.clone(), "/fhir?patient=p1", StatusCode::BAD_REQUEST),
        (clinician, "/fhir?_type=AuditEvent", StatusCode::BAD_REQUEST),
    ] {
        let answer = world.get(&token, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    let log = world.gateway.log.newest(crate::log::Page { before: u64::MAX, limit: 1 }).await.expect("log");
    assert_eq!(log[0].access.types, ["Observation"], "each type is an entry");
}

async fn raw(
    world: &World,
    token: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body)).expect("request")).await
}

#[tokio::test]
async fn bytes_are_kept_as_the_patient_s_and_given_back_as_they_are() {
    let world = World::new().await;
    let (clinician, system) = (world.clinician(), world.system("system/*.cruds"));
    let read = raw(&world, &clinician, "GET", "/fhir/Binary/doc", &[], Vec::new()).await;
    assert_eq!(
        (read.status, read.body.as_str(), &read.headers[header::CONTENT_TYPE]),
        (StatusCode::OK, "hello", &"text/plain".parse().expect("a value"))
    );
    assert_eq!(read.headers[header::CONTENT_DISPOSITION], "attachment");
    assert!(read.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text").contains("sandbox"));
    let json = raw(
        &world,
        &clinician,
        "GET",
        "/fhir/Binary/doc",
        &[("accept", "application/fhir+json")],
        Vec::new(),
    )
    .await;
    assert_eq!(json.json()["data"], "aGVsbG8=");

    let png = [("content-type", "image/png")];
    let named = [("content-type", "image/png"), ("x-security-context", "Patient/p9")];
    let bytes = vec![0x89, b'P', 0, 0xff];
    for (token, headers, context) in
        [(&clinician, png.as_slice(), PATIENT), (&system, named.as_slice(), "p9")]
    {
        let answer = raw(&world, token, "POST", "/fhir/Binary", headers, bytes.clone()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let (kind, written) = world.engine.written().expect("written");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(kind, "application/fhir+json");
        assert_eq!(written["contentType"], "image/png");
        assert_eq!(written["securityContext"]["reference"], format!("Patient/{context}"));
        assert_eq!(written["data"], "iVAA/w==");
    }
    let put = raw(&world, &clinician, "PUT", "/fhir/Binary/b1", &png, bytes.clone()).await;
    assert_eq!(put.status, StatusCode::OK);
    assert!(world.engine.written().expect("written").1.contains("\"id\":\"b1\""));
    for (headers, body, status) in [
        (vec![("content-type", "image/png")], bytes.clone(), StatusCode::UNPROCESSABLE_ENTITY),
        (
            vec![("content-type", "image/png"), ("x-security-context", "Organization/o")],
            bytes.clone(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            vec![("content-type", "image/png"), ("x-security-context", "Patient/../x")],
            bytes.clone(),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            vec![("content-type", "nonsense"), ("x-security-context", "Patient/p1")],
            bytes.clone(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            vec![("content-type", "image/png"), ("x-security-context", "Patient/p1")],
            vec![0; 12 << 20],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let answer = raw(&world, &system, "POST", "/fhir/Binary", &headers, body).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        assert!(is_outcome(&answer), "{headers:?}");
    }
}

#[tokio::test]
async fn the_access_log_is_read_as_fhir_by_stewards_and_by_the_patient_s_own_app() {
    let world = World::new().await;
    let app = apps::app_of_everything(&world, PATIENT).await;
    for path in ["/fhir/Observation/o1", "/fhir/Patient/p1", "/fhir/Observation?patient=p1"] {
        world.get(&world.clinician(), path).await;
    }
    let other = world.on_behalf("dr-cy", OTHER, Purpose::Treatment);
    world.get(&other, "/fhir/Observation/o2").await;
    let steward = super::people::proof_of(&world, "steward").await.expect("a session");
    let ask = async |path: &str| {
        let mut request = Request::get(path).body(Body::empty()).expect("request");
        request.headers_mut().insert(steward.0.clone(), steward.1.parse().expect("value"));
        world.send(request).await
    };
    let all = ask("/fhir/AuditEvent?_count=200").await.json();
    assert!(
        all["entry"].as_array().expect("entries").iter().any(|entry| entry.to_string().contains(OTHER)),
        "{all}"
    );
    let newest = &all["entry"][0]["resource"];
    assert_eq!(newest["agent"][0]["who"]["reference"], "Practitioner/dr-cy", "{newest}");
    assert_eq!(newest["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
    let id = newest["id"].as_str().expect("an id");
    assert_eq!(ask(&format!("/fhir/AuditEvent/{id}")).await.json(), *newest);
    let of = ask(&format!("/fhir/AuditEvent?patient={PATIENT}&_count=2")).await.json();
    assert!(ids(&of).len() == 2 && !of.to_string().contains(OTHER), "{of}");

    let first = world.get(&app, "/fhir/AuditEvent?_count=2").await.json();
    let second = world.get(&app, &next(&first).expect("a further page")).await.json();
    let own: Vec<String> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert!(own.iter().all(|id| id.starts_with("AuditEvent/own-")), "{own:?}");
    assert_eq!(own.iter().collect::<BTreeSet<_>>().len(), own.len(), "{own:?}");
    let shown = format!("{first}{second}");
    assert!(shown.contains("Dr Bo") && !shown.contains(OTHER) && !shown.contains(CANARY), "{shown}");
    assert_eq!(world.get(&app, &format!("/fhir/{}", own[0])).await.status, StatusCode::OK);
    let future = world.get(&app, "/fhir/AuditEvent?date=ge2100-01-01").await.json();
    assert!(ids(&future).is_empty(), "{future}");
    for (path, status) in [
        (format!("/fhir/AuditEvent/{id}"), StatusCode::NOT_FOUND),
        ("/fhir/AuditEvent/log-1".into(), StatusCode::NOT_FOUND),
        ("/fhir/AuditEvent/own-1-0000000000000000".into(), StatusCode::NOT_FOUND),
        (format!("/fhir/AuditEvent?patient={OTHER}"), StatusCode::FORBIDDEN),
        ("/fhir/AuditEvent?agent=x".into(), StatusCode::BAD_REQUEST),
        ("/fhir/AuditEvent/_history".into(), StatusCode::NOT_FOUND),
    ] {
        let answer = world.get(&app, &path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(!answer.body.contains(OTHER) || path.contains(OTHER), "{path}");
    }
    let part = apps::app_of(&world, PATIENT).await;
    assert_eq!(
        world.get(&part, "/fhir/AuditEvent").await.code(),
        "scope",
        "who sees a part of the record sees no log"
    );
}

#[tokio::test]
async fn grants_are_read_as_consents_by_who_may_know_of_them_and_written_by_nobody() {
    let world = World::new().await;
    let named = world.practitioner("dr-cy").commitment;
    let live = world.grant(|_| ()).await;
    let payment = world.grant(|held| held.purpose = Purpose::Payment).await;
    let for_cy = world.grant(|held| held.practitioner = Some(named)).await;
    let protected =
        world.grant(|held| (held.purpose, held.categories) = (Purpose::Payment, vec![Category::Hiv])).await;
    let of_other = world.grant(|held| held.patient = OTHER.into()).await;
    let ended = world.grant(|_| ()).await;
    world.revoke(&ended).await;
    let given = GrantId(salus_types::Digest([9; 32]));
    world.vault.given.lock().expect("lock").push(GivenGrant { grant: given, not_before_ms: 0 });
    world.engine.keep(
        Some(PATIENT),
        json!({ "resourceType": "Consent", "id": "dnr", "status": "active", "patient": { "reference": "Patient/p1" } }),
    );
    let name =
        |grant: &super::world::Granted| format!("Consent/grant-{}", &grant.held.grant.to_string()[..58]);
    let own = format!("Consent/grant-{}", &given.to_string()[..58]);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    let app = apps::app_of_everything(&world, PATIENT).await;
    let part = apps::app_of(&world, PATIENT).await;
    for (who, token, expected) in [
        ("the clinician", world.clinician(), set(&["Consent/dnr", &name(&live), &name(&ended)])),
        (
            "for paying",
            world.on_behalf("dr-bo", PATIENT, Purpose::Payment),
            set(&["Consent/dnr", &name(&payment)]),
        ),
        (
            "the named one",
            world.on_behalf("dr-cy", PATIENT, Purpose::Treatment),
            set(&["Consent/dnr", &name(&live), &name(&ended), &name(&for_cy)]),
        ),
        (
            "the patient's app",
            app,
            set(&[
                "Consent/dnr",
                &name(&live),
                &name(&ended),
                &name(&payment),
                &name(&for_cy),
                &name(&protected),
                &own,
            ]),
        ),
        ("an app that sees a part", part, set(&["Consent/dnr"])),
        ("a system", world.system("system/*.cruds"), set(&["Consent/dnr"])),
    ] {
        let bundle = world.get(&token, "/fhir/Consent?patient=p1").await.json();
        assert_eq!(ids(&bundle).into_iter().collect::<BTreeSet<_>>(), expected, "{who}: {bundle}");
        let paged = pages(&world, &token, "/fhir/Consent?patient=p1&_count=2", |_| ()).await;
        assert_eq!(paged.iter().flat_map(ids).collect::<BTreeSet<_>>(), expected, "{who}, in pages");
        for grant in [&live, &payment, &for_cy, &protected, &of_other, &ended] {
            let read = world.get(&token, &format!("/fhir/{}", name(grant))).await;
            assert_eq!(
                read.status == StatusCode::OK,
                expected.contains(&name(grant)),
                "{who}: {}",
                read.body
            );
        }
    }
    let shown = world.get(&world.clinician(), &format!("/fhir/{}", name(&live))).await.json();
    assert_eq!(
        (&shown["status"], &shown["scope"]["coding"][0]["code"]),
        (&json!("active"), &json!("patient-privacy"))
    );
    assert_eq!(shown["provision"]["purpose"][0]["code"], "TREAT");
    assert_eq!(shown["provision"]["class"][0]["code"], "labs");
    let over = world.get(&world.clinician(), &format!("/fhir/{}", name(&ended))).await.json();
    assert_eq!(over["status"], "inactive");
    let active = world
        .get(&world.clinician(), "/fhir/Consent?patient=p1&scope=patient-privacy&status=active")
        .await
        .json();
    assert!(ids(&active).contains(&name(&live)) && !ids(&active).contains(&name(&ended)), "{active}");
    let consent = r#"{"resourceType":"Consent","policy":[{"uri":"https://salus.network/policy/grant"}]}"#;
    let update = format!("/fhir/{}", name(&live));
    for (method, path) in [
        ("POST", "/fhir/Consent"),
        ("PUT", "/fhir/Consent/c1"),
        ("PUT", &update),
        ("DELETE", &update),
        ("PATCH", &update),
    ] {
        let answer = world.ask(Some(&world.clinician()), method, path, consent).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}: {}", answer.body);
        assert!(answer.body.contains("on their own devices"), "{}", answer.body);
    }
    let directive = r#"{"resourceType":"Consent","scope":{"coding":[{"code":"adr"}]}}"#;
    assert_eq!(
        world.ask(Some(&world.clinician()), "POST", "/fhir/Consent", directive).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn what_is_no_json_is_refused_and_what_is_may_be_compressed() {
    let world = World::new().await;
    let token = world.clinician();
    for (path, accept, status) in [
        ("/fhir/Observation/o1", "application/fhir+xml", StatusCode::NOT_ACCEPTABLE),
        ("/fhir/Observation/o1?_format=xml", "*/*", StatusCode::NOT_ACCEPTABLE),
        (
            "/fhir/Observation?_format=application/fhir%2Bxml",
            "application/fhir+json",
            StatusCode::NOT_ACCEPTABLE,
        ),
        ("/fhir/Observation/o1?_format=json", "text/html", StatusCode::OK),
        ("/fhir/Observation/o1", "text/turtle", StatusCode::NOT_ACCEPTABLE),
    ] {
        let answer = raw(&world, &token, "GET", path, &[("accept", accept)], Vec::new()).await;
        assert_eq!(answer.status, status, "{path} {accept}: {}", answer.body);
        assert!(status.is_success() || is_outcome(&answer), "{path} {accept}: {}", answer.body);
    }
    let router = crate::edge::wrap(crate::public_router(world.gateway.clone()), &world.gateway.config);
    let request = Request::get("/fhir/Observation?patient=p1").header(header::ACCEPT_ENCODING, "gzip");
    let request = request
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .expect("request");
    let answer = router.oneshot(request).await.expect("answer");
    assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip");
}

#[tokio::test]
async fn what_the_engine_refuses_is_told_in_no_words_of_its_own() {
    let world = World::new().await;
    let app = apps::app_of(&world, PATIENT).await;
    let everything = apps::app_of_everything(&world, OTHER).await;
    let (clinician, system) = (world.clinician(), world.system("system/*.cruds"));
    world.engine.fail(Fault::Telling);
    for (token, path) in [
        (&clinician, "/fhir/Observation?date=x"),
        (&app, "/fhir/Observation?date=x"),
        (&app, "/fhir/Observation?date=x&_count=2"),
        (&system, "/fhir?_type=Observation,Condition&date=x"),
        (&clinician, "/fhir/Patient/p1/$summary"),
        (&clinician, "/fhir/Consent?patient=p1&status=x"),
        (&everything, "/fhir/Consent?status=x"),
        (&clinician, "/fhir/Binary/doc"),
    ] {
        let answer = world.get(token, path).await;
        assert!(is_outcome(&answer) && answer.status == StatusCode::BAD_REQUEST, "{path}: {}", answer.body);
        assert!(!answer.body.contains(CANARY), "{path}: {}", answer.body);
    }
}

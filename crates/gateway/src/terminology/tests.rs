//! The tables, and another server in all its moods.

use super::tables::Tables;
use super::*;
use crate::state::Config;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use salus_types::category::Category;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bundle in the form of HL7's.
pub(crate) const BUNDLE: &str = r#"{"resourceType":"Bundle","entry":[
    {"resource":{"resourceType":"CodeSystem","url":"http://a.example/animals","version":"1","name":"Animals","content":"complete","concept":[
        {"code":"animal","display":"Animal","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[
            {"code":"dog","display":"Dog","concept":[{"code":"pug","display":"Pug"}]},
            {"code":"cat","display":"Cat"}]},
        {"code":"robot","display":"Robot","property":[{"code":"subsumedBy","valueCode":"dog"}]}]}},
    {"resource":{"resourceType":"CodeSystem","url":"http://a.example/part","name":"Part","content":"fragment","caseSensitive":false,"concept":[{"code":"One","display":"First"}]}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/all","version":"7","name":"All","compose":{"include":[{"system":"http://a.example/animals"}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/dogs","compose":{"include":[{"system":"http://a.example/animals","filter":[{"property":"concept","op":"is-a","value":"dog"}]}],"exclude":[{"system":"http://a.example/animals","concept":[{"code":"pug"}]}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/below","compose":{"include":[{"system":"http://a.example/animals","filter":[{"property":"concept","op":"descendent-of","value":"dog"}]}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/both","compose":{"include":[{"valueSet":["http://a.example/all","http://a.example/dogs"]},{"system":"http://b.example/elsewhere","concept":[{"code":"x","display":"Ex"}]}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/open","compose":{"include":[{"system":"http://b.example/elsewhere"},{"system":"http://a.example/animals","concept":[{"code":"cat"}]}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/circle","compose":{"include":[{"valueSet":["http://a.example/circle"]}]}}},
    {"resource":{"resourceType":"ValueSet","url":"http://a.example/units","compose":{"include":[{"system":"http://unitsofmeasure.org"}]}}}
]}"#;

/// A folder with that bundle, as the definitions are.
pub(crate) fn definitions() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join(tables::FILES[0]), BUNDLE).expect("written");
    folder
}

fn codes(tables: &Tables, set: &str) -> Option<(Vec<String>, bool)> {
    let members = tables.members(set)?;
    Some((members.codes.into_iter().map(|one| one.code).collect(), members.more))
}

#[test]
fn a_value_set_holds_what_its_composition_says() {
    let mut tables = Tables::default();
    assert!(tables.add(BUNDLE.as_bytes()));
    for (set, expected, more) in [
        ("all", "animal dog pug cat robot", false),
        ("all|7", "animal dog pug cat robot", false),
        ("dogs", "dog robot", false),
        ("below", "pug robot", false),
        ("both", "dog robot x", false),
        ("open", "cat", true),
        ("circle", "", true),
        ("units", "", true),
    ] {
        let (found, has_more) = codes(&tables, &format!("http://a.example/{set}")).expect(set);
        assert_eq!((found.join(" ").as_str(), has_more), (expected, more), "{set}");
    }
    assert_eq!(codes(&tables, "http://a.example/none"), None);
    assert_eq!(codes(&tables, "http://a.example/all|8"), None);
}

#[test]
fn what_is_no_bundle_adds_nothing_and_breaks_nothing() {
    for text in
        ["", "{}", "[]", "null", r#"{"entry":[{"resource":{"resourceType":"CodeSystem","concept":3}}]}"#]
    {
        let mut tables = Tables::default();
        tables.add(text.as_bytes());
        assert!(tables.systems.is_empty() && tables.sets.is_empty(), "{text}");
    }
}

fn known(server: Option<String>, folder: Option<&std::path::Path>) -> Terminology {
    let mut config = Config::new("hospital-a".parse().expect("id"), "/nowhere".into(), "https://a.example");
    config.terminology =
        TerminologyConfig { definitions: folder.map(Into::into), server, private_server: true };
    Terminology::new(&config).expect("terminology")
}

#[tokio::test]
async fn codes_are_known_from_the_tables_and_from_the_grammar_of_units() {
    let folder = definitions();
    let terms = known(None, Some(folder.path()));
    let animals = "http://a.example/animals";
    assert_eq!(terms.display(animals, "pug").await.as_deref(), Some("Pug"));
    assert_eq!(terms.display(animals, "Pug").await, None);
    assert_eq!(terms.display("http://a.example/part", "oNE").await.as_deref(), Some("First"));
    for (system, code, valid) in [
        (animals, "dog", Some(true)),
        (animals, "bird", Some(false)),
        (UCUM, "mg/dL", Some(true)),
        (UCUM, "mg/dl of blood", Some(false)),
        ("http://a.example/part", "one", Some(true)),
        // Not all codes of this one are here, and none of the next.
        ("http://a.example/part", "two", None),
        ("http://snomed.info/sct", "73211009", None),
    ] {
        let found = terms.in_system(system, code).await.ok().map(|verdict| verdict.valid);
        assert_eq!(found, valid, "{system} {code}");
    }
    for (set, system, code, valid) in [
        ("dogs", Some(animals), "dog", Some(true)),
        ("dogs", None, "dog", Some(true)),
        ("dogs", Some("http://b.example/elsewhere"), "dog", Some(false)),
        ("dogs", Some(animals), "pug", Some(false)),
        // A heading is for no record.
        ("all", Some(animals), "animal", Some(false)),
        ("open", Some(animals), "cat", Some(true)),
        ("open", Some(animals), "dog", None),
        ("units", Some(UCUM), "kg", Some(true)),
        ("units", Some(UCUM), "kilos", Some(false)),
        ("none", Some(animals), "dog", None),
    ] {
        let url = format!("http://a.example/{set}");
        let found = terms.in_set(&url, system, code, false).await.ok().map(|verdict| verdict.valid);
        assert_eq!(found, valid, "{set} {code}");
    }
    assert!(terms.in_set("http://a.example/all", Some(animals), "animal", true).await.expect("known").valid);
    let refusal = terms.expand("http://a.example/open").await.expect_err("not all is known");
    assert!(refusal.to_string().contains("no terminology server is configured"), "{refusal}");
}

#[tokio::test]
async fn each_category_lists_the_codes_that_make_it() {
    let terms = known(None, None);
    for category in Category::ALL {
        let url = format!("https://salus.network/fhir/ValueSet/category-{category}");
        let members = terms.expand(&url).await.expect("known");
        for one in &members.codes {
            let resource = match one.system.as_str() {
                "http://hl7.org/fhir/resource-types" => (one.code.clone(), "{}".to_owned()),
                system if system.contains("v3-ActCode") || system.contains("sensitivity") => {
                    let label = json!({ "meta": { "security": [{ "code": one.code }] } });
                    ("Basic".to_owned(), label.to_string())
                }
                _ => {
                    let section = json!({ "category": [{ "coding": [{ "code": one.code }] }] });
                    ("Observation".to_owned(), section.to_string())
                }
            };
            assert_eq!(salus_vault::category::category(&resource.0, &resource.1), *category, "{}", one.code);
        }
    }
    let all = terms.expand("https://salus.network/fhir/ValueSet/category").await.expect("known");
    assert_eq!(all.codes.len(), Category::ALL.len());
    assert!(all.codes.iter().all(|one| one.display.is_some()));
}

/// With HL7's own files, as every check has them.
#[tokio::test]
async fn every_code_of_the_categories_table_is_published_and_has_a_display() {
    let Some(folder) = std::env::var_os("SALUS_DEFINITIONS").map(PathBuf::from) else { return };
    if !folder.join(tables::FILES[0]).exists() {
        return;
    }
    let terms = known(None, Some(&folder));
    let mut beyond = Vec::new();
    for one in salus_vault::category::deciding() {
        match (terms.display(one.system, one.code).await, one.display) {
            // FHIR R4 publishes it, ...
            (Some(_), None) => {}
            // ... or it says itself what it is, and does not hide what R4 says.
            (None, Some(_)) => beyond.push(one.code),
            (found, own) => panic!("{} {}: {found:?} {own:?}", one.system, one.code),
        }
    }
    assert_eq!(beyond, ["PREGNANT", "REPROD"]);
    for (set, system, code, valid) in [
        ("http://hl7.org/fhir/ValueSet/administrative-gender", None, "female", true),
        ("http://hl7.org/fhir/ValueSet/administrative-gender", None, "f", false),
        ("http://hl7.org/fhir/ValueSet/observation-status|4.0.1", None, "final", true),
        (
            "http://terminology.hl7.org/ValueSet/v3-InformationSensitivityPolicy",
            Some("http://terminology.hl7.org/CodeSystem/v3-ActCode"),
            "HIV",
            true,
        ),
        ("http://hl7.org/fhir/ValueSet/ucum-units", Some(UCUM), "mmol/L", true),
        ("http://hl7.org/fhir/ValueSet/ucum-vitals-common", Some(UCUM), "mm[Hg]", true),
    ] {
        let verdict = terms.in_set(set, system, code, false).await.expect(set);
        assert_eq!(verdict.valid, valid, "{set} {code}");
    }
    let tables = terms.tables().await;
    assert!(tables.systems.len() > 1_000 && tables.sets.len() > 1_200, "{}", tables.systems.len());
}

/// The words of the portal for codes of HL7's code systems are for codes that these have.
#[tokio::test]
async fn the_portals_words_are_for_codes_that_exist() {
    let Some(folder) = std::env::var_os("SALUS_DEFINITIONS").map(PathBuf::from) else { return };
    if !folder.join(tables::FILES[0]).exists() {
        return;
    }
    let terms = known(None, Some(&folder));
    let text = std::fs::read_to_string("../../portal/src/ui/fhir/terms.ts").expect("the portal's table");
    let (mut system, mut count) = (String::new(), 0);
    for line in text.lines() {
        if let Some((name, _)) = line.trim().strip_prefix("[`${HL7}").and_then(|rest| rest.split_once('`')) {
            system = format!("http://terminology.hl7.org/CodeSystem/{name}");
        }
        if system.is_empty() {
            continue;
        }
        let words = line.rsplit("]: {").next().unwrap_or_default();
        for pair in words.split("', ") {
            let Some((code, _)) = pair.split_once(": '") else { continue };
            let code = code.trim().trim_matches(['\'', '{', ' ']);
            assert!(terms.in_system(&system, code).await.expect(&system).valid, "{system} {code}");
            count += 1;
        }
        if line.starts_with("};") {
            break;
        }
    }
    assert!(count > 100, "{count}");
}

/// A terminology server on this machine, and what it was asked.
pub(crate) struct Elsewhere {
    pub(crate) url: String,
    pub(crate) asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Elsewhere {
    /// It answers each question as `answer` says, by operation and body.
    pub(crate) async fn start(
        answer: impl Fn(&str, &Value) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut router = Router::new();
        for operation in
            ["CodeSystem/$lookup", "CodeSystem/$validate-code", "ValueSet/$validate-code", "ValueSet/$expand"]
        {
            let (answer, asked) = (answer.clone(), asked.clone());
            let handler = move |body: Bytes| async move {
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                asked.lock().expect("lock").push((operation.to_owned(), body.clone()));
                answer(operation, &body)
            };
            router = router.route(&format!("/r4/{operation}"), post(handler));
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}/r4/", listener.local_addr().expect("address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    fn count(&self) -> usize {
        self.asked.lock().expect("lock").len()
    }
}

pub(crate) fn fhir(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/fhir+json")], value.to_string()).into_response()
}

/// One that knows SNOMED's diabetes.
pub(crate) fn knows_diabetes(operation: &str, body: &Value) -> Response {
    let text = body.to_string();
    let known = text.contains("73211009") || text.contains("http://c.example/diabetes");
    let display = json!({ "name": "display", "valueString": "Diabetes\u{0} mellitus" });
    match (operation, known) {
        ("CodeSystem/$lookup", true) => fhir(&json!({ "resourceType": "Parameters", "parameter": [
            { "name": "name", "valueString": "SNOMED CT" }, display,
            { "name": "designation", "part": [{ "name": "value", "valueString": "Zuckerkrankheit" }] },
        ] })),
        ("ValueSet/$expand", true) => fhir(&json!({ "resourceType": "ValueSet", "expansion": { "total": 2, "contains": [
            { "system": "http://snomed.info/sct", "code": "73211009", "display": "Diabetes mellitus", "contains": [
                { "system": "http://snomed.info/sct", "code": "44054006" },
            ] },
        ] } })),
        ("CodeSystem/$lookup" | "ValueSet/$expand", false) => (
            StatusCode::NOT_FOUND,
            fhir(&json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "error", "code": "not-found", "diagnostics": "no such thing at tx-17.internal" }] })),
        )
            .into_response(),
        (_, valid) => fhir(&json!({ "resourceType": "Parameters", "parameter": [
            { "name": "result", "valueBoolean": valid }, display,
        ] })),
    }
}

const SNOMED: &str = "http://snomed.info/sct";

#[tokio::test]
async fn another_server_is_asked_what_is_not_known_here_and_once_for_each_thing() {
    let folder = definitions();
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    let terms = known(Some(elsewhere.url.clone()), Some(folder.path()));
    for _ in 0..2 {
        // What is known here is asked nobody.
        assert_eq!(terms.display("http://a.example/animals", "dog").await.as_deref(), Some("Dog"));
        assert_eq!(terms.display(SNOMED, "73211009").await.as_deref(), Some("Diabetes mellitus"));
        assert_eq!(terms.display(SNOMED, "1").await, None);
        assert!(terms.in_system(SNOMED, "73211009").await.expect("known").valid);
        assert!(
            !terms.in_set("http://c.example/other", Some(SNOMED), "1", false).await.expect("known").valid
        );
        let members = terms.expand("http://c.example/diabetes").await.expect("known");
        assert_eq!(
            members.codes.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(),
            ["73211009", "44054006"]
        );
        assert_eq!(elsewhere.count(), 5);
    }
    let refusal = terms.expand("http://c.example/nothing").await.expect_err("unknown").to_string();
    assert!(
        refusal.contains("neither this node nor its terminology server") && !refusal.contains("tx-17"),
        "{refusal}"
    );
}

#[tokio::test]
async fn what_another_server_is_told_is_urls_and_codes_alone() {
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    let terms = known(Some(elsewhere.url.clone()), None);
    let _ = terms.lookup(SNOMED, "73211009").await;
    let _ = terms.in_set("http://c.example/diabetes", Some(SNOMED), "73211009", false).await;
    let _ = terms.expand("http://c.example/diabetes").await;
    let asked = elsewhere.asked.lock().expect("lock").clone();
    let names: Vec<String> = asked
        .iter()
        .flat_map(|(_, body)| body["parameter"].as_array().cloned().unwrap_or_default())
        .map(|parameter| parameter["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(names, ["system", "code", "url", "code", "system", "url", "count"]);
}

#[tokio::test]
async fn a_server_that_misbehaves_is_refused_in_words_of_this_node_and_left_alone_for_a_moment() {
    let private = Arc::new(AtomicUsize::new(0));
    let hits = private.clone();
    let inside = Router::new().fallback(move || {
        hits.fetch_add(1, Ordering::Relaxed);
        async { "{}" }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let at = listener.local_addr().expect("address");
    tokio::spawn(async move { axum::serve(listener, inside).await });
    type Mood = (&'static str, Arc<dyn Fn() -> Response + Send + Sync>, Code);
    let big = || Body::from(vec![b' '; 5 * 1024 * 1024]).into_response();
    let moods: Vec<Mood> = vec![
        ("not JSON", Arc::new(|| "<html>tx-17.internal</html>".into_response()), Code::Upstream),
        ("not FHIR", Arc::new(|| fhir(&json!({ "hello": "tx-17.internal" }))), Code::Upstream),
        ("another resource", Arc::new(|| fhir(&json!({ "resourceType": "Patient" }))), Code::Upstream),
        ("too large", Arc::new(big), Code::Upstream),
        (
            "elsewhere",
            Arc::new(move || Redirect::temporary(&format!("http://{at}/")).into_response()),
            Code::Upstream,
        ),
        (
            "failing",
            Arc::new(|| (StatusCode::INTERNAL_SERVER_ERROR, "tx-17.internal").into_response()),
            Code::Upstream,
        ),
        ("refusing", Arc::new(|| StatusCode::UNAUTHORIZED.into_response()), Code::Upstream),
        (
            "a page that is not found",
            Arc::new(|| (StatusCode::NOT_FOUND, "{}").into_response()),
            Code::Upstream,
        ),
        ("deep", Arc::new(|| "[".repeat(100_000).into_response()), Code::Upstream),
    ];
    for (name, mood, code) in moods {
        let elsewhere = Elsewhere::start(move |_, _| mood()).await;
        let terms = known(Some(elsewhere.url.clone()), None);
        for _ in 0..3 {
            let refusal = terms.lookup(SNOMED, "73211009").await.expect_err(name);
            assert!(!refusal.to_string().contains("tx-17"), "{name}: {refusal}");
        }
        assert_eq!(elsewhere.count(), 1, "{name}");
        crate::clock::advance(60_000);
        assert_eq!(terms.lookup(SNOMED, "73211009").await.expect_err(name).code(), code, "{name}");
        assert_eq!(elsewhere.count(), 2, "{name}");
    }
    assert_eq!(private.load(Ordering::Relaxed), 0, "a redirect was followed");
    // Nobody there.
    let terms = known(Some("http://127.0.0.1:1/".into()), None);
    assert_eq!(terms.lookup(SNOMED, "1").await.expect_err("away").code(), Code::Away);
}

#[tokio::test]
async fn a_server_that_is_slow_is_not_waited_for() {
    // It takes the connection, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let at = listener.local_addr().expect("address");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    let server = Server::within(&format!("http://{at}/"), true, std::time::Duration::from_millis(200));
    let question = Question::Lookup { system: SNOMED.into(), code: "1".into() };
    let refusal = server.expect("a server").ask(question).await.expect_err("slow");
    assert_eq!(refusal.code(), Code::Timeout, "{refusal}");
}

#[test]
fn a_server_is_public_and_secure_unless_the_operator_says_otherwise() {
    for (url, open, private) in [
        ("https://tx.example.org/r4", true, true),
        ("https://93.184.215.14/r4", true, true),
        ("http://tx.example.org/r4", false, true),
        ("https://10.1.2.3/r4", false, true),
        ("https://127.0.0.1/r4", false, true),
        ("https://[::1]/r4", false, true),
        ("https://169.254.169.254/latest", false, true),
        ("https://user:secret@tx.example.org/r4", false, false),
        ("https://tx.example.org/r4?x=1", false, false),
        ("https://tx.example.org/r4#x", false, false),
        ("file:///etc/passwd", false, false),
        ("tx.example.org", false, false),
        ("", false, false),
    ] {
        assert_eq!(Server::new(url, false).is_ok(), open, "{url}");
        assert_eq!(Server::new(url, true).is_ok(), private, "{url}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_connected_to() {
    let elsewhere = Elsewhere::start(knows_diabetes).await;
    let port = elsewhere.url.split(':').nth(2).expect("port").split('/').next().expect("port").to_owned();
    let mut config = Config::new("hospital-a".parse().expect("id"), "/nowhere".into(), "https://a.example");
    config.terminology.server = Some(format!("https://localhost:{port}/r4"));
    let terms = Terminology::new(&config).expect("terminology");
    assert_eq!(terms.lookup(SNOMED, "73211009").await.expect_err("inside").code(), Code::Away);
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn what_is_asked_about_has_the_form_of_a_code_and_of_a_url() {
    for (text, code) in [
        ("73211009", true),
        ("a b", true),
        ("", false),
        (" a", false),
        ("a  b", false),
        ("a\nb", false),
        ("ä", false),
    ] {
        assert_eq!(is_code(text), code, "{text:?}");
    }
    assert!(!is_code(&"x".repeat(257)));
    for (text, url) in [
        ("http://snomed.info/sct", true),
        ("urn:oid:1.2.3", true),
        ("http://a.example/x|1", true),
        ("sct", false),
        ("ValueSet/1", false),
        ("http://a.example/ x", false),
        (":", false),
        ("http:", false),
    ] {
        assert_eq!(is_url(text), url, "{text:?}");
    }
}

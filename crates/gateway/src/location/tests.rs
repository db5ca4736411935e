//! Three organisations on real sockets: hospital-a asks, hospital-b and hospital-c hold. Whoever's index it is, one of the
//! others helps.

use super::{Findable, answer, choice, helper, index, rows};
use crate::cases;
use crate::engine::EngineAddress;
use crate::error::Code;
use crate::log::{Kind, Page, Who};
use crate::practitioner::Role;
use crate::serve::{Listeners, serve};
use crate::testing::erasures::FakeErasures;
use crate::testing::{Browser, Node, Party, clinic, genesis, node_with_ports};
use crate::tls::{Pins, peer_server};
use axum::http::StatusCode;
use commonware_codec::Encode as _;
use salus_crypto::random;
use salus_types::category::{Category, Purpose};
use salus_types::organisation::Class;
use salus_types::vault::{LOCATION_TOKENS, LocationAsk, LocationBlinded, LocationToken};
use salus_types::{Bounded, Digest, OrganisationId, Signature, SigningKey};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Family names of the patients at hospital-b.
const FAMILIES: [&str; 6] = ["Lind", "Refused", "Restricted", "Protected", "Registered", "Twice"];

struct Hospital {
    node: Node,
    erasures: Arc<FakeErasures>,
    _stop: oneshot::Sender<()>,
}

struct World {
    a: Hospital,
    b: Hospital,
    c: Hospital,
}

fn org(name: &str) -> OrganisationId {
    name.parse().expect("a name")
}

fn person(id: &str, family: &str, ssn: Option<&str>) -> Value {
    let identifier = ssn.map(|ssn| json!({ "system": "http://hl7.org/fhir/sid/us-ssn", "value": ssn }));
    json!({
        "resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1970-01-02",
        "identifier": identifier.into_iter().collect::<Vec<_>>(),
        "name": [{ "use": "official", "family": family, "given": ["Kai"] }],
        "address": [{ "postalCode": "01234" }],
    })
}

/// At a everybody is registered, at b as people write there.
fn patients_of_a() -> Vec<Value> {
    let known = FAMILIES.iter().map(|family| person(&format!("a-{family}"), family, None));
    known.chain([person("a-Nobody", "Nobody", None), person("a-Ssn", "Lind", Some("999-00-0001"))]).collect()
}

fn patients_of_b() -> Vec<Value> {
    let known = FAMILIES.iter().map(|family| {
        let ssn = (*family == "Lind").then_some("999123456");
        person(&format!("b-{family}"), &family.to_uppercase(), ssn)
    });
    known.chain([person("b-Twice-again", "Twice", None)]).collect()
}

async fn hospital(
    party: Party,
    genesis: Arc<salus_types::genesis::Genesis>,
    at: TcpListener,
    patients: Vec<Value>,
) -> Hospital {
    let erasures = Arc::new(FakeErasures::default());
    let engine = clinic::start_with(patients).await;
    let tls = party.tls.clone();
    let ports = erasures.clone();
    let node = node_with_ports(
        party,
        genesis,
        |config| config.engine = EngineAddress::Tcp(engine),
        |changed| changed.erasures = ports,
    )
    .await;
    let tls = peer_server(Arc::new(Pins::of(node.chain.clone())), tls).expect("tls");
    let (stop, stopped) = oneshot::channel::<()>();
    let public = TcpListener::bind("127.0.0.1:0").expect("port");
    let listeners = Listeners { public, public_tls: None, peer: Some((at, Arc::new(tls))) };
    let gateway = node.gateway.clone();
    tokio::spawn(async move {
        serve(gateway, listeners, async {
            let _ = stopped.await;
        })
        .await
    });
    Hospital { node, erasures, _stop: stop }
}

async fn world() -> World {
    let parties = ["hospital-a", "hospital-b", "hospital-c"].map(Party::new);
    let places = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("port"));
    let urls: Vec<_> =
        places.iter().map(|at| format!("https://{}", at.local_addr().expect("address"))).collect();
    let members: Vec<_> = parties.iter().zip(urls.iter().map(String::as_str)).collect();
    let genesis = genesis(&members);
    let ([a, b, c], [at_a, at_b, at_c]) = (parties, places);
    let a = hospital(a, genesis.clone(), at_a, patients_of_a()).await;
    let b = hospital(b, genesis.clone(), at_b, patients_of_b()).await;
    let c = hospital(c, genesis, at_c, vec![person("c-1", "Somebody", None)]).await;
    for family in FAMILIES.iter().filter(|family| **family != "Registered") {
        let category = if *family == "Protected" { Category::SubstanceUse } else { Category::Labs };
        b.erasures.seal(&format!("b-{family}"), "Observation", family, category);
        b.erasures.seal(&format!("b-{family}"), "Patient", family, Category::Demographics);
    }
    b.erasures.seal("b-Twice-again", "Observation", "again", Category::Labs);
    let gateway = &b.node.gateway;
    gateway.store.write(|tx| rows::CHOICES.put(tx, "b-Refused", &false)).await.expect("written");
    cases::testing_restrict(gateway, "b-Restricted").await;
    for hospital in [&b, &c] {
        index::sweep(&hospital.node.gateway).await.expect("an index");
    }
    let members = &a.node.gateway.practitioners;
    members.register(&org("hospital-a"), "dr-bo", "Dr. Bo", Role::Clinician).await.expect("registered");
    World { a, b, c }
}

impl World {
    async fn clinician(&self) -> Browser {
        let cookie = Some(self.a.node.gateway.staff.testing_session("dr-bo").await);
        Browser { cookie, ..Browser::default() }
    }

    /// Opens a chart at hospital-a and looks for records elsewhere.
    async fn looks(&self, family: &str, purpose: &str) -> (StatusCode, Value) {
        let clinician = self.clinician().await;
        let chart = json!({ "patient": format!("a-{family}"), "reason": "was treated elsewhere", "purpose": purpose });
        let chart = clinician.post(&self.a.node, "/staff/charts", chart).await;
        assert_eq!(chart.status, StatusCode::OK);
        let at = format!("/staff/charts/{}/elsewhere", chart.json()["chart"].as_str().expect("a chart"));
        let answer = clinician.post(&self.a.node, &at, json!({})).await;
        (answer.status, answer.json())
    }

    /// A question of hospital-a to hospital-b with true tokens of somebody.
    async fn question(&self, family: &str) -> LocationAsk {
        let inputs = super::normal::inputs(&person("x", family, None), LOCATION_TOKENS);
        let (mut digests, mut groups): (Vec<_>, Vec<_>) =
            inputs.iter().map(|one| (one.digest, one.group)).unzip();
        while digests.len() < LOCATION_TOKENS {
            digests.push(Digest(random::bytes()));
            groups.push(Digest(random::bytes()));
        }
        let made = helper::make(&self.a.node.gateway, &org("hospital-b"), digests).await.expect("tokens");
        let tokens = groups.into_iter().zip(made.tokens).map(|(group, token)| LocationToken { group, token });
        LocationAsk {
            network: self.a.node.gateway.network,
            asker: org("hospital-a"),
            holder: org("hospital-b"),
            helper: made.helper,
            helper_key: made.key,
            purpose: Purpose::Treatment,
            tokens: Bounded::new(tokens.collect()).expect("eight"),
            time_ms: crate::clock::now_ms(),
            nonce: random::bytes(),
            signature: Signature([0; 64]),
        }
        .signed(&self.a.node.party.key)
    }

    async fn refused(&self, from: &str, ask: LocationAsk) -> Option<Code> {
        answer(&self.b.node.gateway, &org(from), ask).await.err().map(|error| error.code())
    }
}

/// What an organisation said of somebody.
fn said<'a>(answer: &'a Value, organisation: &str) -> &'a str {
    let asked = answer["asked"].as_array().expect("asked");
    let one = asked.iter().find(|one| one["organisation"] == organisation);
    one.expect("asked")["state"].as_str().expect("a state")
}

async fn entries(node: &Node, patient: &str) -> Vec<crate::log::Entry> {
    node.gateway.log.of_patient(patient, Page::default()).await.expect("entries")
}

#[tokio::test]
async fn a_clinician_finds_out_who_keeps_records_and_the_patient_sees_both_sides_of_it() {
    let world = world().await;
    let (status, answer) = world.looks("Lind", "treatment").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!((said(&answer, "hospital-b"), said(&answer, "hospital-c")), ("holds", "not-found"));
    let here = entries(&world.a.node, "a-Lind").await;
    let here =
        here.iter().find(|entry| entry.access.kind == Kind::LocatedElsewhere).expect("an entry at the asker");
    assert_eq!(here.access.reason, "was treated elsewhere");
    let there = entries(&world.b.node, "b-Lind").await;
    assert_eq!(there.len(), 1);
    assert_eq!((there[0].access.kind, there[0].access.reason.as_str()), (Kind::Located, "was told yes"));
    assert!(
        matches!(&there[0].access.who, Who::Elsewhere { organisation, .. } if *organisation == org("hospital-a"))
    );
    let nobody = world.c.node.gateway.log.newest(Page::default()).await.expect("entries");
    assert_eq!((nobody[0].access.kind, &nobody[0].access.patient), (Kind::Located, &None));
    let everything = serde_json::to_string(&nobody).expect("text") + &answer.to_string();
    assert!(!everything.contains("Lind") && !everything.contains("1970"), "{everything}");
}

#[tokio::test]
async fn who_may_not_be_found_and_who_is_unknown_get_answers_that_look_the_same() {
    let world = world().await;
    for family in ["Nobody", "Refused", "Restricted", "Protected", "Registered", "Twice"] {
        let question = world.question(family).await;
        let given =
            answer(&world.b.node.gateway, &org("hospital-a"), question.clone()).await.expect("an answer");
        assert!(!given.held, "{family}");
        assert!(given.answers(&question, &world.b.node.party.key.public()));
        assert_eq!(given.encode().len(), 32 + 1 + 64, "{family}");
    }
    // One entry for each question; whom it was about is told to that patient alone.
    let log = world.b.node.gateway.log.newest(Page::default()).await.expect("entries");
    let about: Vec<_> = log.iter().rev().map(|entry| entry.access.patient.as_deref().unwrap_or("")).collect();
    assert_eq!(about, ["", "b-Refused", "b-Restricted", "b-Protected", "b-Registered", ""]);
    assert!(log.iter().all(|entry| entry.access.reason == "was told no"));
}

#[tokio::test]
async fn a_patient_chooses_and_the_choice_counts_in_both_directions() {
    let world = world().await;
    let b = &world.b.node.gateway;
    let choose = async |patient: &str, found| {
        choice::choose(b, patient, choice::Ask::Location { found }).await.expect("chosen")["location"].clone()
    };
    assert_eq!(choose("b-Protected", None).await, json!({ "found": false, "chosen": null, "offered": true }));
    assert_eq!(choose("b-Protected", Some(true)).await["found"], true);
    assert_eq!(said(&world.looks("Protected", "treatment").await.1, "hospital-b"), "holds");
    assert_eq!(choose("b-Lind", Some(false)).await["found"], false);
    assert_eq!(said(&world.looks("Lind", "treatment").await.1, "hospital-b"), "not-found");
    // A restriction is stronger than a wish of before.
    assert_eq!(choose("b-Restricted", Some(true)).await["found"], false);
    // Who does not want to be found at a is not looked for from there.
    let a = &world.a.node.gateway;
    choice::choose(a, "a-Lind", choice::Ask::Location { found: Some(false) }).await.expect("chosen");
    assert_eq!(world.looks("Lind", "treatment").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn identifiers_that_differ_are_two_people_whatever_else_agrees() {
    let world = world().await;
    // Same name, birth date, sex and place as b's patient, and another number of the same kind.
    assert_eq!(said(&world.looks("Ssn", "treatment").await.1, "hospital-b"), "not-found");
}

#[tokio::test]
async fn what_is_not_care_is_not_asked() {
    let world = world().await;
    for (purpose, status) in [("payment", 403), ("operations", 403), ("emergency", 200)] {
        assert_eq!(world.looks("Lind", purpose).await.0.as_u16(), status, "{purpose}");
    }
    let clinician = world.clinician().await;
    let other = clinician.post(&world.a.node, "/staff/charts/no-chart/elsewhere", json!({})).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_question_that_is_not_as_it_should_be_is_refused_and_leaves_no_entry() {
    let world = world().await;
    let good = world.question("Lind").await;
    let key = &world.a.node.party.key;
    let resigned = |change: &dyn Fn(&mut LocationAsk)| {
        let mut ask = good.clone();
        change(&mut ask);
        ask.signed(key)
    };
    for (what, from, ask, code) in [
        ("who is no member", "hospital-x", good.clone(), Code::Forbidden),
        ("in another's name", "hospital-c", good.clone(), Code::SignIn),
        ("signed by another", "hospital-a", good.clone().signed(&SigningKey::generate()), Code::SignIn),
        ("changed", "hospital-a", LocationAsk { nonce: [1; 16], ..good.clone() }, Code::SignIn),
        ("for another holder", "hospital-a", resigned(&|ask| ask.holder = org("hospital-c")), Code::Invalid),
        ("for research", "hospital-a", resigned(&|ask| ask.purpose = Purpose::Research), Code::Forbidden),
        ("for payment", "hospital-a", resigned(&|ask| ask.purpose = Purpose::Payment), Code::Forbidden),
        ("an hour old", "hospital-a", resigned(&|ask| ask.time_ms -= 3_600_000), Code::Invalid),
        ("from tomorrow", "hospital-a", resigned(&|ask| ask.time_ms += 86_400_000), Code::Invalid),
        ("of another key", "hospital-a", resigned(&|ask| ask.helper_key = [9; 32]), Code::Conflict),
        (
            "one token",
            "hospital-a",
            resigned(&|ask| ask.tokens = Bounded::new(ask.tokens[..1].to_vec()).expect("one")),
            Code::Invalid,
        ),
    ] {
        assert_eq!(world.refused(from, ask).await, Some(code), "{what}");
    }
    assert!(world.b.node.gateway.log.newest(Page::default()).await.expect("entries").is_empty());
    assert_eq!(world.refused("hospital-a", good.clone()).await, None);
    assert_eq!(world.refused("hospital-a", good).await, Some(Code::Conflict), "replayed");
}

#[tokio::test]
async fn insurers_and_makers_neither_ask_nor_have_tokens_made() {
    let world = world().await;
    let good = world.question("Lind").await;
    for hospital in [&world.b, &world.c] {
        hospital.node.chain.change_network(|network| {
            let asker = network.members.iter_mut().find(|one| one.organisation.id == org("hospital-a"));
            asker.expect("a member").organisation.class = Class::Payer;
        });
    }
    assert_eq!(world.refused("hospital-a", good).await, Some(Code::Forbidden));
    let helper = helper::helper_of(&world.b.node.gateway, &org("hospital-b")).expect("a helper");
    if helper == org("hospital-c") {
        let blinded = blinded(&world, "hospital-b", LOCATION_TOKENS);
        let made = super::evaluate(&world.c.node.gateway, &org("hospital-a"), blinded).await;
        assert_eq!(made.expect_err("refused").code(), Code::Forbidden);
    }
}

fn blinded(world: &World, holder: &str, count: usize) -> LocationBlinded {
    let inputs = (0..count).map(|_| random::bytes::<32>().to_vec()).collect();
    let elements = salus_crypto::oprf::Blinded::of(inputs).expect("blinded").elements().to_vec();
    LocationBlinded {
        network: world.a.node.gateway.network,
        holder: org(holder),
        elements: Bounded::new(elements).expect("few"),
    }
}

#[tokio::test]
async fn nobody_runs_a_dictionary_through_the_helper() {
    let world = world().await;
    let helper = helper::helper_of(&world.b.node.gateway, &org("hospital-b")).expect("a helper");
    let (helping, other) = match helper == org("hospital-a") {
        true => (&world.a, "hospital-c"),
        false => (&world.c, "hospital-a"),
    };
    let evaluate = async |from: &str, blinded| {
        super::evaluate(&helping.node.gateway, &org(from), blinded).await.err().map(|error| error.code())
    };
    // Who asks has eight elements made at once, and so many in a minute.
    assert_eq!(evaluate(other, blinded(&world, "hospital-b", 256)).await, Some(Code::Invalid));
    let mut made = 0;
    while evaluate(other, blinded(&world, "hospital-b", LOCATION_TOKENS)).await.is_none() {
        made += 1;
        assert!(made < 1_000);
    }
    assert!(made <= crate::limits::LOCATION_ASKS_PER_MINUTE + 5, "{made}");
    // The holder itself has batches made, and so many in a minute; nobody else in its name.
    let mut batches = 0;
    while evaluate("hospital-b", blinded(&world, "hospital-b", 16)).await.is_none() {
        batches += 1;
        assert!(batches < 1_000);
    }
    assert!(batches <= crate::limits::LOCATION_BATCHES_PER_MINUTE, "{batches}");
    assert_eq!(
        evaluate(other, blinded(&world, other, 16)).await.is_some(),
        helper::helper_of(&helping.node.gateway, &org(other)) != Some(helper.clone())
    );
    assert_eq!(
        evaluate("hospital-x", blinded(&world, "hospital-b", LOCATION_TOKENS)).await,
        Some(Code::Forbidden)
    );
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_wait() {
    let world = world().await;
    let good = world.question("Lind").await;
    let mut answered = 0;
    let refused = loop {
        let ask = LocationAsk { nonce: random::bytes(), ..good.clone() }.signed(&world.a.node.party.key);
        match world.refused("hospital-a", ask).await {
            None => answered += 1,
            Some(code) => break code,
        }
        assert!(answered < 1_000);
    };
    assert_eq!(refused, Code::Throttled);
    let log =
        world.b.node.gateway.log.newest(Page { limit: 1_000, ..Page::default() }).await.expect("entries");
    assert_eq!(log.len(), answered, "every question that was answered is in the log");
    // A practitioner is counted where they work.
    let mut looked = 0;
    while world.looks("Nobody", "treatment").await.0 != StatusCode::TOO_MANY_REQUESTS {
        looked += 1;
        assert!(looked < 100);
    }
    assert!(looked >= crate::limits::LOCATION_PRACTITIONER_ASKS_PER_MINUTE);
}

#[tokio::test]
async fn tokens_of_one_holder_are_good_at_no_other() {
    let world = world().await;
    let to_b = world.question("Lind").await;
    // What b was asked, it asks c, where the same person is known.
    let stored =
        world.b.node.gateway.store.read(|tx| rows::INDEXED.get(tx, "b-Lind")).expect("read").expect("there");
    let inputs = super::normal::inputs(&person("x", "Lind", None), LOCATION_TOKENS);
    let mut digests: Vec<_> = inputs.iter().map(|one| one.digest).collect();
    digests.resize_with(LOCATION_TOKENS, || Digest(random::bytes()));
    let at_c = helper::make(&world.a.node.gateway, &org("hospital-c"), digests).await.expect("tokens");
    assert!(to_b.tokens.iter().all(|token| !at_c.tokens.contains(&token.token)));
    // And no token stands in the tables as it is.
    assert!(to_b.tokens.iter().all(|token| !stored.tokens.contains(&token.token)));
}

#[tokio::test]
async fn an_index_follows_the_patients_and_who_helps() {
    let world = world().await;
    let gateway = &world.b.node.gateway;
    let indexed = || gateway.store.read(|tx| rows::INDEXED.scan(tx, "", 100)).expect("read").len();
    let tokens = || gateway.store.read(|tx| rows::TOKENS.scan(tx, "", 100)).expect("read").len();
    assert_eq!((indexed(), tokens()), (7, 7), "two people have one token, and one has two");
    index::sweep(gateway).await.expect("swept again");
    assert_eq!((indexed(), tokens()), (7, 7));
    gateway.store.write(|tx| rows::drop(tx, "b-Lind")).await.expect("dropped");
    assert_eq!((indexed(), tokens()), (6, 5));
    // Somebody who went while nobody listened.
    let gone =
        rows::Indexed { made_of: Digest([0; 32]), tokens: vec![Digest([2; 32])], identified: Vec::new() };
    gateway.store.write(move |tx| rows::put(tx, "b-Gone", &gone, &[Digest([3; 32])])).await.expect("written");
    index::sweep(gateway).await.expect("swept");
    assert_eq!((indexed(), tokens()), (7, 7));
    // Another key than the one of before: the index is made anew.
    let other = rows::MadeWith { helper: org("hospital-x"), key: Digest([1; 32]) };
    gateway.store.write(move |tx| rows::MADE_WITH.put(tx, rows::NOW, &other)).await.expect("written");
    index::sweep(gateway).await.expect("swept");
    assert_eq!((indexed(), tokens()), (7, 7));
}

#[tokio::test]
async fn an_organisation_whose_name_says_too_much_tells_of_those_who_want_it() {
    for (class, usual) in [
        (Class::Provider, Findable::UnlessRefused),
        (Class::Pharmacy, Findable::UnlessRefused),
        (Class::Payer, Findable::Never),
        (Class::Research, Findable::Never),
        (Class::Regulator, Findable::Never),
    ] {
        assert_eq!(Findable::usual(class), usual, "{class}");
    }
}

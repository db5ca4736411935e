//! Deposits, the desk, new devices, and those who try to get at a share that is not theirs.

use super::attempt::{Standing, judge};
use super::{CODES, SHARES, deposit};
use crate::envelope;
use crate::error::Code;
use crate::staff::testing_enrolled;
use crate::state::{MailConfig, MailSecurity};
use crate::tests::people::{self, Load};
use crate::tests::race::{RACERS, race};
use crate::tests::world::{CANARY, OTHER, PATIENT, World};
use axum::http::StatusCode;
use commonware_codec::Encode as _;
use salus_crypto::hash::sha256;
use salus_crypto::hpke::HpkePrivateKey;
use salus_crypto::random;
use salus_crypto::sign::SigningKey;
use salus_types::action::CancelRecovery;
use salus_types::recovery::RECOVERY_DELAY_MS;
use salus_types::state::{RecoveryEntry, key};
use salus_types::transaction::Transaction;
use salus_types::vault::{
    RecoveryAsk, RecoveryDeposit, RecoveryLetter, RecoveryShare, Rekey, SealedEnvelope,
};
use salus_types::{Address, OrganisationId, RecoveryId, Signature, Text, label};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const VALUE: [u8; 32] = [0xC5; 32];

/// A patient of Hospital A with a device that works, and the key that cancels.
struct Person {
    key: SigningKey,
    kem: HpkePrivateKey,
    cancel: SigningKey,
}

impl Person {
    fn stranger() -> Self {
        let (key, cancel) = (SigningKey::generate(), SigningKey::generate());
        Self { key, kem: HpkePrivateKey::generate(), cancel }
    }

    async fn enrolled(world: &World, patient: &str) -> Self {
        let person = Self::stranger();
        testing_enrolled(&world.gateway, &Address::of(&person.key.public()), patient).await;
        person
    }

    fn recovery(&self) -> RecoveryId {
        RecoveryId::of(&self.cancel.public())
    }

    fn deposit(&self, world: &World, with_share: bool) -> RecoveryDeposit {
        let share = RecoveryShare { recovery: self.recovery(), counter: 7, index: 2, value: VALUE };
        RecoveryDeposit {
            network: world.gateway.network,
            organisation: world.gateway.config.organisation.clone(),
            patient: self.key.public(),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
            time_ms: crate::clock::now_ms(),
            nonce: random::bytes(),
            share: with_share.then_some(share),
            signature: Signature([0; 64]),
        }
    }

    async fn gives_share(&self, world: &World) {
        let letter = self.deposit(world, true).signed(&self.key);
        let answer = send(world, &self.key, &self.kem, letter.into()).await.expect("an answer");
        assert_eq!(answer, json!({ "kept": self.recovery() }));
    }

    /// Cancels an attempt as the portal does.
    fn cancels(&self, world: &World, number: u32) {
        let cancel = CancelRecovery { recovery: self.recovery(), number };
        let transaction = Transaction::sign(world.gateway.network, &self.cancel, 1_000, cancel);
        world.gateway.chain().submit(transaction).expect("taken");
    }
}

/// A device without a root.
struct Device {
    key: SigningKey,
    kem: HpkePrivateKey,
}

impl Device {
    fn new() -> Self {
        Self { key: SigningKey::generate(), kem: HpkePrivateKey::generate() }
    }

    fn letter(&self, world: &World, code: &str) -> RecoveryAsk {
        RecoveryAsk {
            network: world.gateway.network,
            organisation: world.gateway.config.organisation.clone(),
            code: Text::new(code).expect("short"),
            kem_key: self.kem.public().0.to_vec().try_into().expect("a key"),
        }
    }

    async fn asks(&self, world: &World, code: &str) -> Result<Value, Code> {
        send(world, &self.key, &self.kem, self.letter(world, code).into()).await
    }
}

fn sealed(world: &World, by: &SigningKey, letter: &RecoveryLetter) -> SealedEnvelope {
    let (to, network) = (world.gateway.ports.kem.public().0, &world.gateway.network);
    envelope::seal(by, &to, label::HPKE_RECOVERY_LETTER, network, &letter.encode()).expect("sealed")
}

/// Sends a letter and opens the answer.
async fn send(
    world: &World,
    by: &SigningKey,
    kem: &HpkePrivateKey,
    letter: RecoveryLetter,
) -> Result<Value, Code> {
    let answer = super::answer(&world.gateway, sealed(world, by, &letter)).await.map_err(|no| no.code())?;
    let plain = envelope::open(&answer, kem, label::HPKE_RECOVERY_ANSWER, &world.gateway.network);
    Ok(serde_json::from_slice(&plain.expect("opens")).expect("JSON"))
}

/// The desk gives a code for a patient.
async fn code_of(world: &World, patient: &'static str) -> String {
    let body = if patient == PATIENT { r#"{"patient":"p1"}"# } else { r#"{"patient":"p2"}"# };
    let request = people::request("POST", "/staff/recoveries", Load::Json(body));
    let answer = people::ask(world, "clerk", request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["code"].as_str().expect("a code").to_owned()
}

/// The ledger's clock goes on, and this machine's does not.
fn ledger_goes_on(world: &World, by_ms: u64) {
    world.chain.ahead_ms.fetch_add(by_ms as i64, Ordering::Relaxed);
    world.chain.append(Vec::new(), Vec::new());
}

async fn begun() -> (World, Person, Device, String) {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    person.gives_share(&world).await;
    let (device, code) = (Device::new(), code_of(&world, PATIENT).await);
    let first = device.asks(&world, &code).await.expect("begun");
    assert_eq!((&first["state"], &first["share"]), (&json!("waiting"), &Value::Null));
    (world, person, device, code)
}

#[tokio::test]
async fn a_share_is_given_to_the_device_that_began_once_the_ledgers_time_is_over() {
    let (world, person, device, code) = begun().await;
    ledger_goes_on(&world, RECOVERY_DELAY_MS - 60_000);
    let early = device.asks(&world, &code).await.expect("an answer");
    assert_eq!((&early["state"], &early["share"]), (&json!("waiting"), &Value::Null));
    ledger_goes_on(&world, 120_000);
    for _ in 0..2 {
        let ready = device.asks(&world, &code).await.expect("an answer");
        assert_eq!((&ready["state"], &ready["number"]), (&json!("ready"), &json!(0)));
        assert_eq!(ready["share"], json!({ "counter": 7, "index": 2, "value": hex::encode(VALUE) }));
        assert_eq!(ready["recovery"], json!(person.recovery()));
    }
    let page = crate::log::Page { limit: 10, ..crate::log::Page::default() };
    let log = world.gateway.log.of_patient(PATIENT, page).await.expect("a log");
    let recoveries = log.iter().rev().filter(|entry| entry.access.kind == crate::log::Kind::Recovery);
    let steps: Vec<_> = recoveries.map(|entry| entry.access.reason.as_str()).collect();
    let expected = [
        "a recovery share is kept",
        "gave out a code to recover the record's key",
        "a new device began to recover the record's key",
        "gave the recovery share to the new device",
    ];
    assert_eq!(steps, expected, "the patient sees every step, and each once");
}

#[tokio::test]
async fn this_machines_clock_neither_opens_nor_delays() {
    let world = World::new().await;
    // The ledger is ten days behind this machine: by the machine's clock every delay is over at once.
    world.chain.ahead_ms.store(-5 * RECOVERY_DELAY_MS as i64, Ordering::Relaxed);
    world.chain.append(Vec::new(), Vec::new());
    let person = Person::enrolled(&world, PATIENT).await;
    person.gives_share(&world).await;
    let (device, code) = (Device::new(), code_of(&world, PATIENT).await);
    assert_eq!(device.asks(&world, &code).await.expect("begun")["state"], "waiting");
    ledger_goes_on(&world, RECOVERY_DELAY_MS - 60_000);
    assert_eq!(device.asks(&world, &code).await.expect("an answer")["state"], "waiting");
    ledger_goes_on(&world, 120_000);
    assert_eq!(device.asks(&world, &code).await.expect("an answer")["state"], "ready");
}

#[tokio::test]
async fn after_a_cancellation_nothing_is_given_whenever_it_came() {
    for waited in [false, true] {
        let (world, person, device, code) = begun().await;
        if waited {
            ledger_goes_on(&world, 2 * RECOVERY_DELAY_MS);
        }
        person.cancels(&world, 0);
        for _ in 0..2 {
            let answer = device.asks(&world, &code).await.expect("an answer");
            assert_eq!((&answer["state"], &answer["share"]), (&json!("cancelled"), &Value::Null));
            ledger_goes_on(&world, 2 * RECOVERY_DELAY_MS);
        }
        // Another code of the desk is another attempt, which waits again.
        let (other, again) = (Device::new(), code_of(&world, PATIENT).await);
        let answer = other.asks(&world, &again).await.expect("begun");
        assert_eq!((&answer["state"], &answer["number"]), (&json!("waiting"), &json!(1)));
    }
}

#[tokio::test]
async fn another_device_another_code_and_another_organisation_get_nothing() {
    let (world, _, device, code) = begun().await;
    ledger_goes_on(&world, 2 * RECOVERY_DELAY_MS);
    let thief = Device::new();
    assert_eq!(thief.asks(&world, &code).await, Err(Code::Gone), "the code is bound to the first device");
    for made_up in ["", "x", "0123456789ABCDEF", "hospital-a.0123456789ABCDEF"] {
        assert_eq!(thief.asks(&world, made_up).await, Err(Code::Gone), "{made_up}");
    }
    let mut elsewhere = device.letter(&world, &code);
    elsewhere.organisation = "hospital-b".parse().expect("id");
    let refused = send(&world, &device.key, &device.kem, elsewhere.into()).await;
    assert_eq!(refused, Err(Code::Invalid));
    // Who overhears the letter has the device's public key and the code, and gets what only the device opens.
    let overheard = device.letter(&world, &code).into();
    let answer = super::answer(&world.gateway, sealed(&world, &thief.key, &overheard)).await.expect("sealed");
    let network = &world.gateway.network;
    assert!(envelope::open(&answer, &thief.kem, label::HPKE_RECOVERY_ANSWER, network).is_err());
}

#[tokio::test]
async fn without_an_attempt_on_the_own_ledger_for_this_device_nothing_is_given() {
    type Forge = fn(&mut RecoveryEntry);
    let forged: [(&str, Forge); 2] = [
        ("another device was committed", |entry| entry.device = sha256(b"thief")),
        ("another organisation began it", |entry| entry.organisation = "hospital-b".parse().expect("id")),
    ];
    for (case, forge) in forged {
        let (world, person, device, code) = begun().await;
        ledger_goes_on(&world, 2 * RECOVERY_DELAY_MS);
        world.chain.change_entry(key::recovery(&person.recovery(), 0), forge);
        let answer = device.asks(&world, &code).await.expect("an answer");
        assert_eq!((&answer["state"], &answer["number"]), (&json!("waiting"), &json!(1)), "{case}");
    }
    let (world, _, _, code) = begun().await;
    let late = Device::new();
    world.chain.stalled.store(true, Ordering::Relaxed);
    assert_eq!(late.asks(&world, &code).await, Err(Code::Gone), "no ledger, and no device of this code");
}

#[test]
fn an_attempt_is_judged_by_its_entry_and_the_ledgers_time_alone() {
    let own: OrganisationId = "hospital-a".parse().expect("id");
    let device = sha256(b"device");
    let entry = |cancelled| {
        let organisation = own.clone();
        RecoveryEntry { organisation, device, height: 1, time_ms: 10, ready_ms: 100, cancelled }
    };
    let other: OrganisationId = "hospital-b".parse().expect("id");
    for (cancelled, organisation, asked, ledger_ms, expected) in [
        (None, &own, device, 0, Standing::Waiting),
        (None, &own, device, 99, Standing::Waiting),
        (None, &own, device, 100, Standing::Ready),
        (None, &own, device, u64::MAX, Standing::Ready),
        (Some(7), &own, device, 99, Standing::Cancelled),
        (Some(7), &own, device, u64::MAX, Standing::Cancelled),
        (None, &other, device, 100, Standing::Foreign),
        (None, &own, sha256(b"thief"), 100, Standing::Foreign),
    ] {
        let found = judge(&entry(cancelled), organisation, &asked, ledger_ms);
        assert_eq!(found, expected, "{cancelled:?} {organisation} {ledger_ms}");
    }
}

#[tokio::test]
async fn a_share_counts_if_its_owner_signed_it_for_this_organisation_now_and_once() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    type Change = fn(&mut RecoveryDeposit);
    let rows: [(&str, Change, Code); 5] = [
        ("another network", |letter| letter.network.0.0[0] ^= 1, Code::Invalid),
        (
            "another organisation",
            |letter| letter.organisation = "hospital-b".parse().expect("id"),
            Code::Invalid,
        ),
        ("stale", |letter| letter.time_ms -= 6 * 60 * 1_000, Code::Invalid),
        ("from the future", |letter| letter.time_ms += 6 * 60 * 1_000, Code::Invalid),
        ("a fourth share", |letter| letter.share.iter_mut().for_each(|share| share.index = 4), Code::Invalid),
    ];
    for (case, change, expected) in rows {
        let mut letter = person.deposit(&world, true);
        change(&mut letter);
        let outcome = send(&world, &person.key, &person.kem, letter.signed(&person.key).into()).await;
        assert_eq!(outcome, Err(expected), "{case}");
    }
    let thief = Person::stranger();
    let theirs = thief.deposit(&world, true).signed(&thief.key);
    assert_eq!(send(&world, &thief.key, &thief.kem, theirs.into()).await, Err(Code::NotFound), "a stranger");
    let forged = person.deposit(&world, true).signed(&thief.key);
    let outcome = send(&world, &person.key, &person.kem, forged.into()).await;
    assert_eq!(outcome, Err(Code::SignIn), "signed by another");
    let resealed = person.deposit(&world, true).signed(&person.key);
    let outcome = send(&world, &thief.key, &person.kem, resealed.into()).await;
    assert_eq!(outcome, Err(Code::SignIn), "sealed by another");
    assert!(world.gateway.store.read(|tx| SHARES.scan(tx, "", 9)).expect("rows").is_empty());

    let letter: RecoveryLetter = person.deposit(&world, true).signed(&person.key).into();
    assert!(send(&world, &person.key, &person.kem, letter.clone()).await.is_ok());
    let replayed = send(&world, &person.key, &person.kem, letter).await;
    assert_eq!(replayed, Err(Code::Conflict), "a replayed one takes nothing's place");
}

#[tokio::test]
async fn at_rest_a_share_is_sealed_to_its_patient_and_its_recovery() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    person.gives_share(&world).await;
    let find = |patient: &str| deposit::find(&world.gateway, patient, &person.recovery());
    assert_eq!(find(PATIENT).expect("opens").expect("kept").value, VALUE);
    let kept = world.gateway.store.read(|tx| SHARES.get(tx, PATIENT)).expect("read").expect("kept");
    let row = serde_json::to_string(&kept).expect("JSON");
    assert!(!row.contains(&hex::encode(VALUE)) && !row.contains("197,197"), "{row}");
    // Somebody with the tables moves it to another patient, or renames it.
    let moved = kept.clone();
    world.gateway.store.write(move |tx| SHARES.put(tx, OTHER, &moved)).await.expect("written");
    assert!(find(OTHER).is_err(), "it opens in no other place");
    let mut renumbered = kept;
    renumbered.index = 3;
    world.gateway.store.write(move |tx| SHARES.put(tx, PATIENT, &renumbered)).await.expect("written");
    assert!(find(PATIENT).is_err(), "and under no other number");
}

#[tokio::test]
async fn a_share_that_was_taken_back_or_replaced_is_not_given_out() {
    for replaced in [false, true] {
        let (world, person, device, code) = begun().await;
        ledger_goes_on(&world, 2 * RECOVERY_DELAY_MS);
        if replaced {
            let Person { key, kem, .. } = person;
            Person { key, kem, cancel: SigningKey::generate() }.gives_share(&world).await;
        } else {
            let letter = person.deposit(&world, false).signed(&person.key);
            let kept = send(&world, &person.key, &person.kem, letter.into()).await.expect("an answer");
            assert_eq!(kept, json!({ "kept": null }));
        }
        assert_eq!(device.asks(&world, &code).await, Err(Code::Gone), "replaced: {replaced}");
    }
}

#[tokio::test]
async fn the_desk_gives_codes_for_those_who_left_a_share_and_a_code_ends() {
    let world = World::new().await;
    let person = Person::enrolled(&world, PATIENT).await;
    let ask = |body| people::request("POST", "/staff/recoveries", Load::Json(body));
    let nothing = people::ask(&world, "steward", ask(r#"{"patient":"p1"}"#)).await;
    assert_eq!(nothing.status, StatusCode::CONFLICT, "{}", nothing.body);
    let nobody = people::ask(&world, "steward", ask(r#"{"patient":"nobody"}"#)).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    person.gives_share(&world).await;
    let code = code_of(&world, PATIENT).await;
    let end = move |tx: &crate::store::WriteTransaction| {
        let (key, mut row) = CODES.scan_last_mut(tx, "", 1)?.pop().expect("a code");
        row.claim_until_ms = 1;
        CODES.put(tx, &key, &row)
    };
    world.gateway.store.write(end).await.expect("written");
    assert_eq!(Device::new().asks(&world, &code).await, Err(Code::Gone), "shown too late");
    let attempt = world.gateway.chain().state(key::recovery(&person.recovery(), 0)).await.expect("read");
    assert_eq!(attempt, None, "and nothing begins");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_devices_that_race_for_one_code_exactly_one_begins() {
    let world = Arc::new(World::new().await);
    Person::enrolled(&world, PATIENT).await.gives_share(&world).await;
    let code = Arc::new(code_of(&world, PATIENT).await);
    let outcomes = race(RACERS, |_| {
        let (world, code) = (Arc::clone(&world), Arc::clone(&code));
        async move { Device::new().asks(&world, &code).await.map(|answer| answer["number"].clone()) }
    })
    .await;
    let begun = outcomes.iter().filter(|outcome| **outcome == Ok(json!(0))).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == Err(Code::Gone)).count();
    assert_eq!((begun, refused), (1, RACERS - 1));
}

fn rekey(world: &World, old: &Person, new: &Person) -> Rekey {
    Rekey {
        network: world.gateway.network,
        organisation: world.gateway.config.organisation.clone(),
        old: old.key.public(),
        new: new.key.public(),
        kem_key: new.kem.public().0.to_vec().try_into().expect("a key"),
        time_ms: crate::clock::now_ms(),
        nonce: random::bytes(),
        old_signature: Signature([0; 64]),
        new_signature: Signature([0; 64]),
    }
}

#[tokio::test]
async fn new_keys_take_the_place_of_the_old_ones_which_are_nobodys_from_then_on() {
    let world = World::new().await;
    let (old, new) = (Person::enrolled(&world, PATIENT).await, Person::stranger());
    let other = Person::enrolled(&world, OTHER).await;
    old.gives_share(&world).await;
    let letter: RecoveryLetter = rekey(&world, &old, &new).signed(&old.key, &new.key).into();
    let address = Address::of(&new.key.public());
    for _ in 0..2 {
        // The answer may be lost; the same wish again gets it again.
        let done = send(&world, &new.key, &new.kem, letter.clone()).await;
        assert_eq!(done, Ok(json!({ "address": address })));
    }
    assert!(world.chain.has_patient(&address));
    let share = deposit::find(&world.gateway, PATIENT, &old.recovery()).expect("read");
    assert!(share.is_none(), "the share of the old root is gone");
    let by_old = old.deposit(&world, true).signed(&old.key);
    assert_eq!(send(&world, &old.key, &old.kem, by_old.into()).await, Err(Code::NotFound));
    let back = rekey(&world, &old, &old).signed(&old.key, &old.key);
    assert_eq!(send(&world, &old.key, &old.kem, back.into()).await, Err(Code::NotFound));
    new.gives_share(&world).await;
    other.gives_share(&world).await;
}

#[tokio::test]
async fn keys_are_replaced_by_the_word_of_both_keys_alone_here_now_and_once() {
    let world = World::new().await;
    let (old, new, thief) = (Person::enrolled(&world, PATIENT).await, Person::stranger(), Person::stranger());
    let standing = async || {
        let address = Address::of(&old.key.public());
        crate::staff::patient_of(&world.gateway, &address).expect("read").as_deref() == Some(PATIENT)
    };
    let fresh = || rekey(&world, &old, &new);
    let mut elsewhere = fresh();
    elsewhere.organisation = "hospital-b".parse().expect("id");
    let mut stale = fresh();
    stale.time_ms -= 6 * 60 * 1_000;
    let stranger = rekey(&world, &thief, &new);
    let stolen = rekey(&world, &old, &thief);
    for (case, letter, by, expected) in [
        ("the old key did not sign", fresh().signed(&thief.key, &new.key), &new, Code::SignIn),
        ("the new key did not sign", fresh().signed(&old.key, &thief.key), &new, Code::SignIn),
        ("sealed by another", fresh().signed(&old.key, &new.key), &thief, Code::SignIn),
        ("a thief without the old key", stolen.signed(&thief.key, &thief.key), &thief, Code::SignIn),
        ("for another organisation", elsewhere.signed(&old.key, &new.key), &new, Code::Invalid),
        ("stale", stale.signed(&old.key, &new.key), &new, Code::Invalid),
        ("nobody here has the old key", stranger.signed(&thief.key, &new.key), &new, Code::NotFound),
    ] {
        assert_eq!(send(&world, &by.key, &new.kem, letter.into()).await, Err(expected), "{case}");
        assert!(standing().await, "{case}");
    }
    let letter = fresh().signed(&old.key, &new.key);
    assert!(send(&world, &new.key, &new.kem, letter.into()).await.is_ok());
    assert!(!standing().await);
}

#[tokio::test]
async fn the_patient_is_told_by_e_mail_once_in_words_that_name_nobody() {
    let mail = MailConfig {
        server: "127.0.0.1".into(),
        port: 1,
        security: MailSecurity::None,
        login: None,
        from: "Hospital A <notices@hospital-a.example>".into(),
    };
    let world = World::changed(|config| config.mail = Some(mail)).await;
    Person::enrolled(&world, PATIENT).await.gives_share(&world).await;
    let (device, code) = (Device::new(), code_of(&world, PATIENT).await);
    assert!(crate::mail::waiting(&world.gateway).is_empty(), "a code alone begins nothing");
    for _ in 0..3 {
        device.asks(&world, &code).await.expect("an answer");
    }
    let waiting = crate::mail::waiting(&world.gateway);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].subject, "Somebody is recovering your health record");
    let text = &waiting[0].text;
    assert!(text.contains("cancel it there: http"), "{text}");
    for secret in [CANARY, PATIENT, &code, &code["hospital-a.".len()..]] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

//! Break-glass between real parts: a source, five holders of whom any three open, and who broke the glass.

use crate::emergency::EmergencySummary;
use crate::reader::ReadError;
use crate::settle_restored;
use crate::testing::{START_MS, Tamper, World, id};
use salus_crypto::Secret32;
use salus_types::action::BreakGlass;
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EmergencyGround, emergency_target, words_commitment};
use salus_types::organisation::Class;
use salus_types::vault::{EmergencyAccount, EmergencyAsk, EmergencyFound, EmergencyNotice};
use salus_types::{CompartmentId, Digest, PractitionerCredential, Text};
use std::sync::Arc;
use zeroize::Zeroizing;

const SUMMARY: &[u8] = br#"{"resourceType":"Bundle","allergy":"penicillin"}"#;
const WORDS: &str = "found unconscious";
const HOLDERS: [&str; 5] = ["hospital-a", "hospital-c", "hospital-d", "hospital-e", "regulator"];

/// Hospital B is no custodian: what it opens comes from others alone.
fn network() -> Arc<World> {
    World::with(&[
        ("hospital-a", Class::Provider, true),
        ("hospital-b", Class::Provider, false),
        ("hospital-c", Class::Provider, true),
        ("hospital-d", Class::Provider, true),
        ("hospital-e", Class::Provider, true),
        ("insurer", Class::Payer, false),
        ("regulator", Class::Regulator, true),
    ])
}

async fn seal(world: &Arc<World>, summary: &[u8]) {
    let vault = world.vault("hospital-a").expect("open");
    let source = vault.source.as_ref().expect("a source");
    let stale = source.stale_summaries(16).await.expect("stale");
    assert_eq!(stale.len(), 1);
    let text = Zeroizing::new(summary.to_vec());
    source.put_emergency_summary(&stale[0], Some(text)).await.expect("sealed");
    world.settle().await;
}

async fn world() -> Arc<World> {
    let world = network();
    world.open_all();
    world.outbox.push("Patient", "p1", "1", None, "");
    world.settle().await;
    seal(&world, SUMMARY).await;
    world
}

async fn found(world: &Arc<World>) -> EmergencyFound {
    let vault = world.vault("hospital-a").expect("open");
    let source = vault.source.as_ref().expect("a source");
    source.emergency_of("p1").await.expect("an answer").expect("a summary")
}

fn credential() -> PractitionerCredential {
    PractitionerCredential {
        organisation: id("hospital-b"),
        practitioner: Text::new("bo").expect("short"),
        name: Text::new("Bo").expect("short"),
        role: Text::new("clinician").expect("short"),
        salt: [8; 32],
    }
}

fn event(compartment: CompartmentId, salt: u8) -> BreakGlass {
    BreakGlass {
        organisation: id("hospital-b"),
        target: emergency_target(&[salt; 32], &id("hospital-a"), &compartment),
        practitioner: credential().commitment(),
        ground: EmergencyGround::Unconscious,
        statement: words_commitment(&[6; 32], WORDS),
        began_ms: None,
        nonce: [salt; 16],
    }
}

/// What hospital B asks for, with or without an event on the ledger.
fn asked(world: &World, compartment: CompartmentId, salt: u8, on_ledger: bool) -> EmergencyAsk {
    let event = event(compartment, salt);
    if on_ledger {
        world.apply(&world.signing("hospital-b").public(), &event.clone().into()).expect("final");
    }
    EmergencyAsk { event: event.id(), salt: [salt; 32], source: id("hospital-a"), compartment }
}

async fn open(world: &World, ask: &EmergencyAsk) -> Result<EmergencySummary, ReadError> {
    let holders: Vec<_> = HOLDERS.iter().map(|name| id(name)).collect();
    world.vault("hospital-b").expect("open").emergency.open(ask, &holders).await
}

fn is_refused(outcome: Result<EmergencySummary, ReadError>) -> bool {
    matches!(outcome, Err(ReadError::Refused(_)))
}

#[tokio::test]
async fn every_three_of_five_open_and_no_two_do_and_the_event_is_always_first() {
    let world = world().await;
    let found = found(&world).await;
    assert_eq!((found.holders.len(), found.threshold), (5, 3));
    let ask = asked(&world, found.compartment, 1, true);
    for set in 0..32_u32 {
        let away: Vec<_> = (0..5).filter(|at| set & (1 << at) == 0).map(|at| HOLDERS[at]).collect();
        world.away(&away);
        match open(&world, &ask).await {
            Ok(summary) => {
                assert!(set.count_ones() >= 3, "{away:?}");
                assert_eq!(summary.text.as_slice(), SUMMARY);
                assert_eq!(summary.made_ms, START_MS);
                assert!(summary.blame.is_empty());
            }
            Err(ReadError::TemporarilyUnavailable(_)) => assert!(set.count_ones() < 3, "{away:?}"),
            Err(error) => panic!("{away:?}: {error}"),
        }
    }
    let released = world.released.lock().expect("unpoisoned");
    assert!(released.len() >= 48 && released.iter().all(|(_, event_was_final)| *event_was_final));
}

#[tokio::test]
async fn without_an_event_that_holds_nobody_releases_anything() {
    let world = world().await;
    let compartment = found(&world).await.compartment;
    assert!(is_refused(open(&world, &asked(&world, compartment, 1, false)).await), "no event");
    let ask = asked(&world, compartment, 2, true);
    assert!(is_refused(open(&world, &EmergencyAsk { salt: [9; 32], ..ask.clone() }).await), "another salt");
    let other = CompartmentId(Digest([9; 32]));
    assert!(is_refused(open(&world, &EmergencyAsk { compartment: other, ..ask.clone() }).await), "another's");
    let unknown = asked(&world, other, 3, true);
    assert!(is_refused(open(&world, &unknown).await), "a compartment that does not exist");
    let thief = world.vault("insurer").expect("open");
    let holders: Vec<_> = HOLDERS.iter().map(|name| id(name)).collect();
    assert!(is_refused(thief.emergency.open(&ask, &holders).await), "another's event");
    let mut local = event(compartment, 4);
    local.began_ms = Some(1);
    world.apply(&world.signing("hospital-b").public(), &local.clone().into()).expect("final");
    let ask = EmergencyAsk { event: local.id(), salt: [4; 32], ..ask };
    assert!(is_refused(open(&world, &ask).await), "an event of local records");
    assert!(world.released.lock().expect("unpoisoned").is_empty());
}

#[tokio::test]
async fn after_four_hours_the_event_opens_nothing_and_the_old_shares_are_gone_with_their_key() {
    let world = world().await;
    let before = found(&world).await;
    let ask = asked(&world, before.compartment, 1, true);
    assert!(open(&world, &ask).await.is_ok());
    // The holders told the source, which replaces the key when the time is over.
    tell_all(&world).await;
    world.pass(EMERGENCY_ACCESS_MS - 2);
    assert!(open(&world, &ask).await.is_ok(), "a moment before");
    world.pass(2);
    assert!(is_refused(open(&world, &ask).await), "replayed");
    world.run_until(async |_, source| source.stale_summaries(1).await.expect("stale").len() == 1).await;
    seal(&world, SUMMARY).await;
    let after = found(&world).await;
    assert_ne!(after.compartment, before.compartment);
    let again = asked(&world, before.compartment, 2, true);
    assert!(is_refused(open(&world, &again).await), "the old shares are destroyed");
    let ask = asked(&world, after.compartment, 3, true);
    assert_eq!(open(&world, &ask).await.expect("opens").text.as_slice(), SUMMARY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organisations_that_change_their_keys_go_on_holding_and_sealing_summaries() {
    let world = world().await;
    for holder in ["hospital-c", "hospital-d", "regulator"] {
        world.renew_keys(holder);
    }
    world.away(&["hospital-a", "hospital-e"]);
    let before = found(&world).await;
    assert!(open(&world, &asked(&world, before.compartment, 1, true)).await.is_ok(), "holders with new keys");
    world.away(&[]);
    world.renew_keys("hospital-a");
    let ask = asked(&world, before.compartment, 2, true);
    assert!(open(&world, &ask).await.is_err(), "signed with a key that is no member's");
    world.run_until(async |_, source| source.stale_summaries(1).await.expect("stale").len() == 1).await;
    let source = world.vault("hospital-a").expect("open").source.clone().expect("a source");
    let late = EmergencyNotice { ask, account: None };
    assert!(source.emergency_told(late).await.expect("heard"), "a holder tells of it after the change");
    seal(&world, SUMMARY).await;
    let after = found(&world).await;
    assert_ne!(after.compartment, before.compartment, "no emergency puts the new key off");
    let summary = open(&world, &asked(&world, after.compartment, 3, true)).await.expect("opens");
    assert!(summary.blame.is_empty() && summary.text.as_slice() == SUMMARY);
}

/// Runs the holders until all their notices are at the source.
async fn tell_all(world: &Arc<World>) {
    let expected = world.released.lock().expect("unpoisoned").len().min(3);
    let running: Vec<_> = HOLDERS
        .iter()
        .map(|name| world.vault(name).expect("open"))
        .map(|vault| tokio::spawn(async move { vault.emergency.run().await.map(|_| ()) }))
        .collect();
    for _ in 0..2_000 {
        if world.told.lock().expect("unpoisoned").len() >= expected {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    running.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(world.told.lock().expect("unpoisoned").len() >= expected, "the holders keep silent");
}

#[tokio::test]
async fn who_opens_cannot_keep_silent_and_its_account_is_believed_only_if_the_event_commits_to_it() {
    let world = world().await;
    let ask = asked(&world, found(&world).await.compartment, 1, true);
    open(&world, &ask).await.expect("opens");
    tell_all(&world).await;
    let told = world.told.lock().expect("unpoisoned").len();
    assert!(told >= 3);
    let vault = world.vault("hospital-a").expect("open");
    let source = vault.source.as_ref().expect("a source");
    let uses = source.emergency_uses(10).await.expect("uses");
    assert_eq!(uses.len(), 1, "several holders say the same");
    assert_eq!((uses[0].patient.as_str(), uses[0].notice.account.is_none()), ("p1", true));
    assert_eq!(uses[0].entry.organisation, id("hospital-b"));
    let good = || EmergencyAccount {
        credential: credential(),
        salt: [6; 32],
        words: Text::new(WORDS).expect("short"),
    };
    let other_words = EmergencyAccount { words: Text::new("curious").expect("short"), ..good() };
    let other_name = EmergencyAccount {
        credential: PractitionerCredential { name: Text::new("Al").expect("short"), ..credential() },
        ..good()
    };
    for (account, believed) in [(other_words, false), (other_name, false), (good(), true)] {
        let notice = EmergencyNotice { ask: ask.clone(), account: Some(account) };
        assert!(source.emergency_told(notice).await.expect("an answer"));
        let uses = source.emergency_uses(10).await.expect("uses");
        assert_eq!((uses.len(), uses[0].notice.account.is_some()), (1, believed));
    }
    let uses = source.emergency_uses(10).await.expect("uses");
    source.emergency_noted(&uses[0]).await.expect("noted");
    let again = EmergencyNotice { ask: ask.clone(), account: None };
    assert!(source.emergency_told(again).await.expect("an answer"));
    assert!(source.emergency_uses(10).await.expect("uses").is_empty(), "it is in the log, once");
    let forged = EmergencyNotice { ask: EmergencyAsk { salt: [9; 32], ..ask }, account: None };
    assert!(!source.emergency_told(forged).await.expect("an answer"), "about nobody");
}

#[tokio::test]
async fn a_bad_share_or_summary_is_attributed_and_three_good_ones_open_nevertheless() {
    let world = world().await;
    let ask = asked(&world, found(&world).await.compartment, 1, true);
    for how in [Tamper::Shares, Tamper::Ciphertext] {
        for liar in HOLDERS {
            // Two are away, so that the liar is asked in any case, and a fourth is needed.
            *world.tamper.lock().expect("unpoisoned") = Some((id(liar), how));
            let others: Vec<_> = HOLDERS.into_iter().filter(|name| *name != liar).collect();
            world.away(&others[..1]);
            let summary = open(&world, &ask).await.expect("opens");
            assert_eq!(summary.text.as_slice(), SUMMARY);
            assert!(summary.blame.iter().all(|blame| blame.holder == id(liar)));
            world.away(&others[..2]);
            assert!(open(&world, &ask).await.is_err(), "{liar} {how:?}: two good ones are too few");
        }
    }
}

#[tokio::test]
async fn a_changed_summary_keeps_its_key_and_one_that_is_as_it_was_is_not_sent_again() {
    let world = world().await;
    let compartment = found(&world).await.compartment;
    let ask = asked(&world, compartment, 1, true);
    let parcels = async |world: &Arc<World>| {
        let vault = world.vault("hospital-a").expect("open");
        vault.source.as_ref().expect("a source").status().await.expect("a status").parcels
    };
    for (version, text, sent) in [("2", SUMMARY, false), ("3", b"{}".as_slice(), true)] {
        world.outbox.push("AllergyIntolerance", "a1", version, Some("p1"), "");
        world.settle().await;
        let vault = world.vault("hospital-a").expect("open");
        let source = vault.source.as_ref().expect("a source");
        let stale = source.stale_summaries(1).await.expect("stale");
        source.put_emergency_summary(&stale[0], Some(Zeroizing::new(text.to_vec()))).await.expect("sealed");
        assert_eq!(parcels(&world).await > 0, sent);
        world.settle().await;
        assert_eq!(open(&world, &ask).await.expect("opens").text.as_slice(), text);
    }
    assert_eq!(found(&world).await.compartment, compartment);
}

#[tokio::test]
async fn what_does_not_concern_emergencies_makes_no_summary_stale() {
    let world = world().await;
    world.outbox.observations("p1", 0..3);
    world.settle().await;
    let stale = world.vault("hospital-a").expect("open").source.as_ref().expect("a source").clone();
    assert!(stale.stale_summaries(1).await.expect("stale").is_empty());
}

#[tokio::test]
async fn who_is_no_holder_any_more_destroys_its_share_and_a_withdrawn_summary_is_gone_everywhere() {
    let world = world().await;
    let before = found(&world).await;
    world.custodians(&["hospital-a", "hospital-b", "hospital-c", "hospital-d", "regulator"]);
    world.run_until(async |_, source| source.stale_summaries(1).await.expect("stale").len() == 1).await;
    seal(&world, SUMMARY).await;
    let after = found(&world).await;
    assert!(after.compartment != before.compartment && !after.holders.contains(&id("hospital-e")));
    let old = asked(&world, before.compartment, 1, true);
    assert!(is_refused(open(&world, &old).await), "destroyed, also by who is no custodian any more");
    let vault = world.vault("hospital-a").expect("open");
    let source = vault.source.as_ref().expect("a source");
    world.outbox.push("Patient", "p1", "2", None, "");
    world.settle().await;
    let stale = source.stale_summaries(1).await.expect("stale");
    source.put_emergency_summary(&stale[0], None).await.expect("withdrawn");
    world.settle().await;
    assert_eq!(source.emergency_of("p1").await.expect("an answer"), None);
    let ask = asked(&world, after.compartment, 2, true);
    let holders = after.holders.to_vec();
    let outcome = world.vault("hospital-b").expect("open").emergency.open(&ask, &holders).await;
    assert!(is_refused(outcome), "withdrawn");
}

#[tokio::test]
async fn a_restored_source_gives_every_summary_a_new_key() {
    let world = world().await;
    let before = found(&world).await;
    world.vaults.lock().expect("unpoisoned").remove(&id("hospital-a"));
    let (folder, key) = (world.path("hospital-a"), Secret32::from_bytes(&[9; 32]));
    // The vault that ran may still be closing.
    let mut settled = settle_restored(&folder, &key);
    for _ in 0..200 {
        if settled.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        settled = settle_restored(&folder, &key);
    }
    settled.expect("settled");
    world.open("hospital-a");
    seal(&world, SUMMARY).await;
    let after = found(&world).await;
    assert_ne!(after.compartment, before.compartment);
    let old = asked(&world, before.compartment, 1, true);
    assert!(is_refused(open(&world, &old).await), "destroyed");
}

#[tokio::test]
async fn a_holder_takes_only_what_the_source_itself_sealed_for_it() {
    let world = world().await;
    let ask = asked(&world, found(&world).await.compartment, 1, true);
    let holder = world.vault("hospital-c").expect("open");
    let release = holder.emergency.release(&id("hospital-b"), &ask).await.expect("released");
    let forged = salus_types::vault::EmergencyParcel { package: release.package, share: Some(release.share) };
    assert!(
        holder.emergency.accept(&id("hospital-a"), forged.clone()).await.is_err(),
        "not the source's share"
    );
    assert!(holder.emergency.accept(&id("hospital-d"), forged.clone()).await.is_err(), "from another");
    assert!(holder.emergency.accept(&id("insurer"), forged).await.is_err(), "from who keeps no records");
}

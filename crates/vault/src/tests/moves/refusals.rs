//! Who asks a custodian for a source's batches and is not that source gets nothing.

use super::*;
use crate::custodian::ReleaseError;
use crate::custodian::decide::Refusal;
use crate::store::tables::IN_BATCH;
use crate::testing::{Counts, START_MS, mutate_every_byte};
use commonware_codec::Encode as _;
use salus_types::decode_canonical;
use salus_types::vault::Destroyed;

/// Versions of the first batch.
fn versions(world: &World) -> Vec<VersionId> {
    let rows = own_tables(world).scan(&IN_BATCH, &u64::to_be_bytes(0), None, usize::MAX).expect("rows");
    rows.into_iter().map(|(_, version)| version).collect()
}

type Change = fn(&World, &mut SourceRequestBody);

#[tokio::test]
async fn a_foreign_source_or_a_stranger_gets_nothing_and_destroys_nothing() {
    let (world, _, _) = world(3).await;
    let before = held(&world);
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    // Who hands it in, who signs, what it says.
    let cases: [(&str, &str, Change, Refusal); 10] = [
        ("hospital-b", "hospital-a", |_, _| {}, Refusal::NotTheSource),
        ("insurer", "hospital-a", |_, _| {}, Refusal::NotTheSource),
        ("stranger", "hospital-a", |_, _| {}, Refusal::NotTheSource),
        (
            "stranger",
            "hospital-b",
            |_, body| body.source = "stranger".parse().expect("a name"),
            Refusal::NotTheSource,
        ),
        ("hospital-a", "hospital-b", |_, _| {}, Refusal::Signature),
        ("hospital-a", "hospital-a", |_, body| body.audience = id("hospital-b"), Refusal::Audience),
        ("hospital-a", "hospital-a", |_, body| body.network.0.0[0] ^= 1, Refusal::Network),
        ("hospital-a", "hospital-a", |_, body| body.time_ms = START_MS - 5 * 60_000 - 1, Refusal::Stale),
        // With its own name and key, but about another's versions.
        ("hospital-b", "hospital-b", |_, body| body.source = id("hospital-b"), Refusal::NotTheSource),
        ("hospital-a", "hospital-a", |_, body| body.sequence = 1, Refusal::OtherBatch),
    ];
    for (peer, signer, change, expected) in cases {
        for ask in [SourceAsk::Shares, SourceAsk::Release] {
            let mut body = request(&world, "regulator", ask, (0, 0), versions(&world));
            change(&world, &mut body);
            let asked = SourceRequest::sign(body, &world.signing(signer));
            let answer = custodian.give_back(&peer.parse().expect("a name"), &asked).await;
            let Err(ReleaseError::Refused(refusal)) = answer else { panic!("{expected}") };
            assert_eq!(refusal, expected);
        }
        let mut body = request(&world, "regulator", SourceAsk::Destroy, (0, 1), vec![]);
        change(&world, &mut body);
        let asked = SourceRequest::sign(body, &world.signing(signer));
        let answer = custodian.destroy_for_source(&peer.parse().expect("a name"), &asked).await;
        // One that is right in itself is about a batch that the sender never sealed, or that is due.
        if let Ok(receipt) = answer {
            assert!(receipt.source == id("hospital-b") || receipt.sequence == 1, "{expected}");
        }
    }
    assert_eq!(held(&world), before);
}

#[tokio::test]
async fn an_ask_where_another_belongs_and_a_request_sent_twice_are_refused() {
    let (world, _, _) = world(3).await;
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let me = id("hospital-a");
    let good = signed(&world, request(&world, "regulator", SourceAsk::Shares, (0, 0), versions(&world)));
    custodian.give_back(&me, &good).await.expect("given");
    let again = custodian.give_back(&me, &good).await;
    assert!(matches!(again, Err(ReleaseError::Refused(Refusal::Replayed))));
    let destroys = || signed(&world, request(&world, "regulator", SourceAsk::Destroy, (0, 1), vec![]));
    assert!(matches!(
        custodian.give_back(&me, &destroys()).await,
        Err(ReleaseError::Refused(Refusal::OtherAsk))
    ));
    let shares = signed(&world, request(&world, "regulator", SourceAsk::Shares, (0, 1), versions(&world)));
    assert!(matches!(
        custodian.destroy_for_source(&me, &shares).await,
        Err(ReleaseError::Refused(Refusal::OtherAsk))
    ));
    let unknown = request(&world, "regulator", SourceAsk::Shares, (0, 0), vec![VersionId(Digest([1; 32]))]);
    assert!(matches!(
        custodian.give_back(&me, &signed(&world, unknown)).await,
        Err(ReleaseError::Refused(Refusal::VersionUnknown))
    ));
}

#[tokio::test]
async fn what_is_given_back_opens_with_the_sources_key_alone_and_is_of_the_generation_asked_for() {
    let (world, _, _) = world(3).await;
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let ask = async |generation| {
        let body = request(&world, "regulator", SourceAsk::Release, (0, generation), versions(&world));
        custodian.give_back(&id("hospital-a"), &signed(&world, body)).await.expect("given")
    };
    let release = ask(0).await;
    assert_eq!(release.versions.len(), versions(&world).len());
    let open = |name: &str| {
        let (key, label) = (&world.member("regulator").node_key, salus_types::label::HPKE_GIVE_BACK);
        crate::open_envelope(&release.shares, key, &world.kem(name), label, &NETWORK)
    };
    assert!(open("hospital-a").is_ok());
    assert!(["hospital-b", "regulator", "insurer"].into_iter().all(|name| open(name).is_err()));
    assert!(ask(1).await.versions.is_empty(), "there is no such generation here");
}

#[tokio::test]
async fn every_changed_byte_of_a_sources_request_or_of_a_receipt_is_refused() {
    let (world, _, _) = world(3).await;
    let custodian = world.vault("regulator").expect("open").custodian.clone();
    let few = versions(&world)[..2].to_vec();
    let bytes = signed(&world, request(&world, "regulator", SourceAsk::Shares, (0, 0), few)).encode();
    let ask = async |bytes: Vec<u8>| match decode_canonical::<SourceRequest>(&bytes) {
        Ok(request) => custodian.give_back(&id("hospital-a"), &request).await.is_ok(),
        Err(_) => false,
    };
    assert_eq!(mutate_every_byte(&bytes, ask).await, Counts::all_refused(bytes.len()));

    world.custodians(&["hospital-a", "hospital-b", "clinic-c"]);
    let body = request(&world, "regulator", SourceAsk::Destroy, (0, 1), vec![]);
    let destroyed = custodian.destroy_for_source(&id("hospital-a"), &signed(&world, body)).await;
    let bytes = destroyed.expect("it has lost the duty").encode();
    let key = world.member("regulator").node_key;
    let holds =
        async |bytes: Vec<u8>| decode_canonical::<Destroyed>(&bytes).is_ok_and(|receipt| receipt.is_by(&key));
    assert_eq!(mutate_every_byte(&bytes, holds).await, Counts::all_refused(bytes.len()));
}

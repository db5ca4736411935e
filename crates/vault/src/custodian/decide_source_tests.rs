//! Sources' requests as a table.

use super::super::source::{SourceCase, destroy, give_back, request};
use super::*;
use salus_types::vault::{SourceAsk, SourceRequest, SourceRequestBody};

const CLOCK_MS: u64 = 1_000_000;
const HELD: &[(&str, u64)] = &[("hospital-a", 7), ("hospital-a", 7)];

fn id(name: &str) -> OrganisationId {
    name.parse().expect("a name")
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

fn body(ask: SourceAsk) -> SourceRequestBody {
    let versions = match ask {
        SourceAsk::Destroy => vec![],
        _ => vec![VersionId(Digest([1; 32])), VersionId(Digest([2; 32])), VersionId(Digest([3; 32]))],
    };
    SourceRequestBody {
        network: NETWORK,
        source: id("hospital-a"),
        audience: id("regulator"),
        ask,
        sequence: 7,
        generation: 2,
        time_ms: CLOCK_MS,
        nonce: [4; 16],
        versions: Bounded::new(versions).expect("few"),
    }
}

/// A request as it was handed in, and what is known about it.
struct Asked {
    body: SourceRequestBody,
    signer: SigningKey,
    peer: &'static str,
    member: bool,
    held: Vec<Option<(&'static str, u64)>>,
    replaced: bool,
    due: bool,
}

fn asked(ask: SourceAsk) -> Asked {
    let held = HELD.iter().map(|held| Some(*held)).chain([None]).collect();
    Asked {
        body: body(ask),
        signer: key(),
        peer: "hospital-a",
        member: true,
        held,
        replaced: ask == SourceAsk::Destroy,
        due: true,
    }
}

/// What is given back; nothing where something is destroyed.
fn decide(asked: &Asked, destroys: bool) -> Result<Option<Allowed>, Refusal> {
    let signed = SourceRequest::sign(asked.body.clone(), &asked.signer);
    let node_key = key().public();
    request(&SourceCase {
        network: &NETWORK,
        audience: &id("regulator"),
        peer: &id(asked.peer),
        node_key: asked.member.then_some(&node_key),
        clock_ms: CLOCK_MS,
        request: &signed,
    })?;
    if destroys {
        return destroy(&signed, asked.replaced, asked.due).map(|()| None);
    }
    let held = asked.held.iter().map(|held| held.map(|(source, sequence)| (id(source), sequence)));
    give_back(&signed, &held.collect::<Vec<_>>()).map(Some)
}

type Change = fn(&mut Asked);

/// What is wrong, whether it is about destroying, how it got wrong, and the refusal.
const WRONG: &[(&str, bool, Change, Refusal)] = &[
    ("another network", false, |a| a.body.network.0.0[0] ^= 1, Refusal::Network),
    ("for another custodian", false, |a| a.body.audience = id("hospital-b"), Refusal::Audience),
    ("for another custodian, to destroy", true, |a| a.body.audience = id("hospital-b"), Refusal::Audience),
    ("handed in by another", false, |a| a.peer = "hospital-b", Refusal::NotTheSource),
    ("of another source", false, |a| a.body.source = id("hospital-b"), Refusal::NotTheSource),
    ("of no member", false, |a| a.member = false, Refusal::NotTheSource),
    ("too old", false, |a| a.body.time_ms -= REQUEST_CLOCK_MS_MAX + 1, Refusal::Stale),
    ("too new", false, |a| a.body.time_ms += REQUEST_CLOCK_MS_MAX + 1, Refusal::Stale),
    ("signed by another", false, |a| a.signer = SigningKey::from_seed(&[9; 32]), Refusal::Signature),
    (
        "signed by another, to destroy",
        true,
        |a| a.signer = SigningKey::from_seed(&[9; 32]),
        Refusal::Signature,
    ),
    ("to destroy, where shares are given", false, |a| a.body = body(SourceAsk::Destroy), Refusal::OtherAsk),
    ("for shares, where is destroyed", true, |a| a.body = body(SourceAsk::Shares), Refusal::OtherAsk),
    (
        "to destroy single versions",
        true,
        |a| a.body.versions = body(SourceAsk::Shares).versions,
        Refusal::OtherAsk,
    ),
    ("another source's version", false, |a| a.held[1] = Some(("hospital-b", 7)), Refusal::NotTheSource),
    ("a version of another batch", false, |a| a.held[1] = Some(("hospital-a", 8)), Refusal::OtherBatch),
    ("nothing that is known", false, |a| a.held = vec![None; 3], Refusal::VersionUnknown),
    ("fewer places than versions", false, |a| a.held.truncate(2), Refusal::VersionUnknown),
    ("to destroy what is still due", true, |a| a.replaced = false, Refusal::StillDue),
];

/// Rows of the table that give another result.
pub(super) fn wrong_rows() -> Vec<&'static str> {
    let differs = |(name, destroys, change, expected): &(&'static str, bool, Change, Refusal)| {
        let mut asked = asked(if *destroys { SourceAsk::Destroy } else { SourceAsk::Release });
        change(&mut asked);
        (decide(&asked, *destroys) != Err(*expected)).then_some(*name)
    };
    WRONG.iter().filter_map(differs).collect()
}

#[test]
fn each_way_for_a_sources_request_to_be_wrong_has_its_refusal() {
    assert_eq!(wrong_rows(), Vec::<&str>::new());
}

#[test]
fn a_source_gets_back_what_is_held_of_its_own_batch_and_has_replaced_shares_destroyed() {
    for (ask, packages) in [(SourceAsk::Shares, false), (SourceAsk::Release, true)] {
        let allowed = decide(&asked(ask), false).expect("allowed").expect("something");
        assert_eq!((allowed.versions(), allowed.packages()), (&body(ask).versions[..2], packages));
    }
    for (replaced, due, allowed) in
        [(true, true, true), (true, false, true), (false, false, true), (false, true, false)]
    {
        let asked = Asked { replaced, due, ..asked(SourceAsk::Destroy) };
        assert_eq!(decide(&asked, true).is_ok(), allowed, "{replaced} {due}");
    }
}

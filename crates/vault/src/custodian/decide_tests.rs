//! The decision as a table: one row per way in which a request can be wrong. The table is itself tested: without any
//! one condition of the decision, some row gives another result.

#[path = "decide_emergency_tests.rs"]
mod emergencies;
#[path = "decide_proxy_tests.rs"]
mod proxies;
#[path = "decide_source_tests.rs"]
mod sources;

use super::*;
use salus_crypto::Digest;
use salus_types::category::Purpose;
use salus_types::organisation::KEM_KEY_LENGTH;
use salus_types::vault::{PatientAsk, PatientRequestBody};
use salus_types::{Bounded, GrantId, SigningKey};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

const NETWORK: NetworkId = NetworkId(Digest([7; 32]));
const NOW: LedgerTime = LedgerTime { height: 10, time_ms: 1_000 };
const DOCTOR: Digest = Digest([5; 32]);

struct Case {
    peer: OrganisationId,
    terms: Terms,
    salt: [u8; 32],
    consent: Consent,
    grant: Option<GrantEntry>,
    access: Option<AccessEntry>,
    now: LedgerTime,
    clock_ms: u64,
    versions: Vec<VersionId>,
    held: Vec<Option<HeldVersion>>,
}

fn compartment(n: u8) -> CompartmentId {
    CompartmentId(Digest([n; 32]))
}

fn owner() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn held(lineage: &[u8]) -> Option<HeldVersion> {
    Some(HeldVersion {
        source: "hospital-a".parse().expect("a name"),
        owner: Some(Address::of(&owner().public())),
        lineage: lineage.iter().map(|n| compartment(*n)).collect(),
        heirs: Vec::new(),
        anchored: true,
    })
}

/// A request that is right in every way: three versions, one of them in a successor of a granted compartment.
fn good() -> Case {
    let grantee: OrganisationId = "hospital-b".parse().expect("a name");
    let terms = Terms {
        network: NETWORK,
        grant: GrantId(Digest([3; 32])),
        source: "hospital-a".parse().expect("a name"),
        grantee: grantee.clone(),
        owner: Address::of(&owner().public()),
        purpose: Purpose::Treatment,
        not_before_ms: 500,
        expiry_ms: 2_000,
        compartments: Bounded::new(vec![compartment(1), compartment(2)]).expect("two"),
        future: true,
        practitioner: Some(DOCTOR),
        scope_salt: [8; 32],
    };
    let versions: Vec<_> = (10..13).map(|n| VersionId(Digest([n; 32]))).collect();
    let mut case = Case {
        peer: grantee.clone(),
        salt: [9; 32],
        consent: Consent::sign(&terms, &owner()),
        grant: Some(GrantEntry {
            terms: Digest::ZERO,
            scope: Digest::ZERO,
            expiry_ms: 2_000,
            height: 1,
            revoked: None,
            accesses: 1,
            by_proxy: None,
        }),
        access: Some(AccessEntry {
            grant: terms.grant,
            organisation: grantee,
            purpose: Purpose::Treatment,
            versions_root: versions_root(&versions),
            count: 3,
            practitioner: DOCTOR,
            height: 10,
            time_ms: 1_000,
        }),
        now: NOW,
        clock_ms: 900,
        versions,
        held: vec![held(&[1]), held(&[2]), held(&[4, 3, 1])],
        terms,
    };
    case.commit();
    case
}

impl Case {
    /// The ledger's entry and the consent follow the terms.
    fn commit(&mut self) {
        self.consent = Consent::sign(&self.terms, &owner());
        if let Some(grant) = &mut self.grant {
            grant.terms = self.terms.commitment(&self.salt);
            grant.scope = scope_commitment(&self.terms.grantee, self.terms.purpose, &self.terms.scope_salt);
            grant.expiry_ms = self.terms.expiry_ms;
        }
    }

    fn decide(&self) -> Result<Allowed, Refusal> {
        release(&ReleaseCase {
            terms: TermsCase {
                network: &NETWORK,
                peer: &self.peer,
                terms: &self.terms,
                terms_salt: &self.salt,
                consent: &self.consent,
                grant: self.grant.as_ref(),
                now: self.now,
                clock_ms: self.clock_ms,
            },
            access: self.access.as_ref(),
            versions: &self.versions,
            held: &self.held,
            packages: true,
        })
    }

    fn event(&mut self) -> &mut AccessEntry {
        self.access.as_mut().expect("an event")
    }

    fn held(&mut self, at: usize) -> &mut HeldVersion {
        self.held[at].as_mut().expect("held")
    }
}

#[test]
fn a_request_that_is_right_in_every_way_is_allowed_as_a_whole() {
    let case = good();
    let allowed = case.decide().expect("allowed");
    assert_eq!(allowed.versions(), case.versions);
    assert!(allowed.packages());
}

type Change = fn(&mut Case);

/// Ways in which a grantee's request can be wrong.
const WRONG: &[(&str, Change, Refusal)] = &[
    (
        "other network",
        |c| {
            c.terms.network.0.0[0] ^= 1;
            c.commit()
        },
        Refusal::Network,
    ),
    ("another organisation asks", |c| c.peer = "insurer".parse().expect("a name"), Refusal::NotTheGrantee),
    ("no grant", |c| c.grant = None, Refusal::NoSuchGrant),
    ("terms changed", |c| c.terms.future = false, Refusal::TermsDoNotOpen),
    ("salt changed", |c| c.salt[0] ^= 1, Refusal::TermsDoNotOpen),
    (
        "longer terms than on the ledger",
        |c| {
            c.terms.expiry_ms += 1;
            c.commit();
            c.grant.as_mut().expect("one").expiry_ms -= 1
        },
        Refusal::TermsDoNotOpen,
    ),
    (
        "scope of another purpose",
        |c| c.grant.as_mut().expect("one").scope = Digest::ZERO,
        Refusal::ScopeDoesNotOpen,
    ),
    (
        "consent by another",
        |c| c.consent = Consent::sign(&c.terms, &SigningKey::from_seed(&[2; 32])),
        Refusal::NoConsent,
    ),
    ("the patient granted, and another consents", |c| proxies::consented(c, |_| {}), Refusal::NoConsent),
    (
        "another mandate than the one on the ledger",
        |c| {
            proxies::granted(c, |_| {});
            c.grant.as_mut().expect("one").by_proxy.as_mut().expect("one").mandate = Digest::ZERO
        },
        Refusal::NoConsent,
    ),
    ("a mandate not to share", |c| proxies::granted(c, |m| m.shares = false), Refusal::NoConsent),
    ("a mandate that ends before", |c| proxies::granted(c, |m| m.expiry_ms = 1_999), Refusal::NoConsent),
    (
        "a mandate for another source",
        |c| proxies::granted(c, |m| m.source = "hospital-b".parse().expect("a name")),
        Refusal::NoConsent,
    ),
    (
        "a mandate of another patient",
        |c| proxies::granted(c, |m| m.owner = Address(Digest::ZERO)),
        Refusal::NoConsent,
    ),
    (
        "more than the mandate reaches",
        |c| proxies::granted(c, |m| m.compartments = Bounded::new(vec![compartment(1)]).expect("one")),
        Refusal::OutsideTerms,
    ),
    ("consent to other terms", |c| c.consent.signature.0[0] ^= 1, Refusal::NoConsent),
    ("revoked", |c| c.grant.as_mut().expect("one").revoked = Some(9), Refusal::Revoked),
    ("expired at this very moment", |c| c.now.time_ms = 2_000, Refusal::Expired),
    (
        "expired by this machine's clock while the ledger stands still",
        |c| c.clock_ms = 2_000,
        Refusal::Expired,
    ),
    ("not begun", |c| c.now.time_ms = 499, Refusal::NotYetValid),
    (
        "begun by this machine's clock alone",
        |c| {
            c.now.time_ms = 499;
            c.clock_ms = 501
        },
        Refusal::NotYetValid,
    ),
    ("no event", |c| c.access = None, Refusal::NoSuchEvent),
    ("event above our height", |c| c.event().height = 11, Refusal::NotFinal),
    (
        "event of another organisation",
        |c| c.event().organisation = "insurer".parse().expect("a name"),
        Refusal::OtherOrganisation,
    ),
    ("event of another grant", |c| c.event().grant = GrantId(Digest([4; 32])), Refusal::OtherGrant),
    ("event for another purpose", |c| c.event().purpose = Purpose::Research, Refusal::WrongPurpose),
    (
        "event by another practitioner",
        |c| c.event().practitioner = Digest([6; 32]),
        Refusal::WrongPractitioner,
    ),
    (
        "a version more",
        |c| {
            c.versions.push(VersionId(Digest([13; 32])));
            c.held.push(held(&[1]))
        },
        Refusal::RootMismatch,
    ),
    ("an event over fewer versions", |c| c.event().count = 2, Refusal::RootMismatch),
    (
        "more versions than a request may name",
        |c| {
            c.versions.resize(VERSIONS_PER_REQUEST_MAX + 1, VersionId(Digest([13; 32])));
            c.held.resize(VERSIONS_PER_REQUEST_MAX + 1, held(&[1]));
            let root = versions_root(&c.versions);
            *c.event() = AccessEntry { count: 4_097, versions_root: root, ..c.event().clone() }
        },
        Refusal::RootMismatch,
    ),
    ("a version exchanged", |c| c.versions[0] = VersionId(Digest([13; 32])), Refusal::RootMismatch),
    ("versions in another order", |c| c.versions.swap(0, 1), Refusal::RootMismatch),
    (
        "a compartment that is not granted",
        |c| c.held(0).lineage = vec![compartment(9)],
        Refusal::OutsideTerms,
    ),
    ("another owner's compartment", |c| c.held(0).owner = Some(Address(Digest::ZERO)), Refusal::OutsideTerms),
    ("nobody's compartment", |c| c.held(0).owner = None, Refusal::OutsideTerms),
    (
        "another source's compartment",
        |c| c.held(0).source = "hospital-b".parse().expect("a name"),
        Refusal::OutsideTerms,
    ),
    (
        "a later epoch without future",
        |c| {
            c.terms.future = false;
            c.commit()
        },
        Refusal::OutsideTerms,
    ),
    (
        "a compartment whose later epoch is another's",
        |c| {
            c.held(0).lineage = vec![compartment(9)];
            c.held(0).heirs = vec![compartment(8)]
        },
        Refusal::OutsideTerms,
    ),
    ("nothing known", |c| c.held = vec![None; 3], Refusal::VersionUnknown),
    ("fewer answers than versions", |c| c.held.truncate(2), Refusal::VersionUnknown),
    ("nothing anchored", |c| (0..3).for_each(|at| c.held(at).anchored = false), Refusal::NotAnchored),
];

/// The rows that give another result than the table says.
fn wrong_rows() -> Vec<&'static str> {
    let differs = |(name, change, expected): &(&'static str, Change, Refusal)| {
        let mut case = good();
        change(&mut case);
        (case.decide().err() != Some(*expected)).then_some(*name)
    };
    WRONG.iter().filter_map(differs).collect()
}

#[test]
fn each_way_to_be_wrong_has_its_refusal() {
    assert_eq!(wrong_rows(), Vec::<&str>::new());
}

type Asked = PatientRequest;

/// A patient's request that is right in every way.
fn asked() -> Asked {
    let body = PatientRequestBody {
        network: NETWORK,
        audience: "hospital-a".parse().expect("a name"),
        ask: PatientAsk::Release,
        patient: owner().public(),
        kem_key: Bounded::new(vec![1; KEM_KEY_LENGTH]).expect("as long"),
        time_ms: 1_000_000,
        nonce: [1; 16],
        versions: Bounded::default(),
    };
    sign(body)
}

fn sign(body: PatientRequestBody) -> Asked {
    let signature = owner().sign(namespace::PATIENT_REQUEST, &body.encode());
    PatientRequest { body, signature }
}

type Rewrite = fn(PatientRequestBody) -> Asked;

/// Ways in which a patient's request can be wrong.
const WRONG_OF_PATIENTS: &[(&str, Rewrite, Refusal)] = &[
    (
        "other network",
        |mut b| {
            b.network.0.0[0] ^= 1;
            sign(b)
        },
        Refusal::Network,
    ),
    (
        "for another organisation",
        |b| sign(PatientRequestBody { audience: "insurer".parse().expect("a name"), ..b }),
        Refusal::Audience,
    ),
    (
        "signed too long ago",
        |b| sign(PatientRequestBody { time_ms: 1_000_000 - REQUEST_CLOCK_MS_MAX - 1, ..b }),
        Refusal::Stale,
    ),
    (
        "signed in the future",
        |b| sign(PatientRequestBody { time_ms: 1_000_000 + REQUEST_CLOCK_MS_MAX + 1, ..b }),
        Refusal::Stale,
    ),
    (
        "a key of a wrong length",
        |b| sign(PatientRequestBody { kem_key: Bounded::default(), ..b }),
        Refusal::Signature,
    ),
    (
        "signed by another",
        |b| sign(PatientRequestBody { patient: SigningKey::from_seed(&[2; 32]).public(), ..b }),
        Refusal::Signature,
    ),
    (
        "changed after it was signed",
        |b| {
            let Asked { mut body, signature } = sign(b);
            body.nonce[0] ^= 1;
            Asked { body, signature }
        },
        Refusal::Signature,
    ),
];

fn wrong_rows_of_patients() -> Vec<&'static str> {
    let here: OrganisationId = "hospital-a".parse().expect("a name");
    let differs = |(name, change, expected): &(&'static str, Rewrite, Refusal)| {
        let request = change(asked().body);
        (patient(&NETWORK, &here, 1_000_000, &request) != Err(*expected)).then_some(*name)
    };
    WRONG_OF_PATIENTS.iter().filter_map(differs).collect()
}

#[test]
fn each_way_for_a_patients_request_to_be_wrong_has_its_refusal() {
    let here: OrganisationId = "hospital-a".parse().expect("a name");
    let right = patient(&NETWORK, &here, 1_000_000, &asked());
    assert_eq!(right, Ok(Address::of(&owner().public())));
    assert_eq!(wrong_rows_of_patients(), Vec::<&str>::new());
}

/// Whether another's versions are refused to an owner.
fn owners_are_told_apart() -> bool {
    let case = good();
    let other = Address(Digest::ZERO);
    release_to_owner(&other, &case.versions, &case.held, true) == Err(Refusal::NotTheOwner)
}

thread_local! {
    /// The place whose condition is left out, and the places that were asked.
    static LEFT_OUT: Cell<Option<Place>> = const { Cell::new(None) };
    static ASKED: RefCell<BTreeSet<Place>> = const { RefCell::new(BTreeSet::new()) };
}

/// A file and a line.
type Place = (&'static str, u32);

/// Whether the condition at a line of the decision is left out, on this thread.
pub(super) fn is_left_out(at: &'static std::panic::Location<'static>) -> bool {
    let place = (at.file(), at.line());
    ASKED.with_borrow_mut(|asked| asked.insert(place));
    LEFT_OUT.get() == Some(place)
}

#[test]
fn without_any_one_condition_a_row_of_the_table_fails() {
    let all_hold = || {
        wrong_rows().is_empty()
            && wrong_rows_of_patients().is_empty()
            && owners_are_told_apart()
            && sources::wrong_rows().is_empty()
            && emergencies::wrong_rows().is_empty()
            && proxies::wrong_rows().is_empty()
    };
    assert!(all_hold());
    let places = ASKED.take();
    assert!(places.len() >= 40, "the decision has at least forty conditions: {places:?}");
    for place in places {
        LEFT_OUT.set(Some(place));
        assert!(!all_hold(), "no row needs the condition at {place:?}");
    }
    LEFT_OUT.set(None);
}

#[test]
fn an_earlier_epoch_is_reached_through_the_later_one_that_the_terms_name() {
    for future in [false, true] {
        let mut case = good();
        case.terms.future = future;
        case.commit();
        case.held = vec![held(&[7, 6]), held(&[6]), held(&[2])];
        case.held(0).heirs = vec![compartment(8), compartment(1)];
        case.held(1).heirs = vec![compartment(7), compartment(8), compartment(1)];
        assert_eq!(case.decide().expect("allowed").versions(), case.versions);
    }
}

#[test]
fn terms_without_a_practitioner_allow_any_and_unknown_or_unanchored_versions_are_left_out() {
    let mut case = good();
    case.terms.practitioner = None;
    case.commit();
    case.event().practitioner = Digest([6; 32]);
    case.held[0] = None;
    case.held(1).anchored = false;
    let allowed = case.decide().expect("allowed");
    assert_eq!(allowed.versions(), &case.versions[2..]);
}

#[test]
fn an_owner_is_given_its_own_versions_alone() {
    let case = good();
    let me = Address::of(&owner().public());
    let allowed = release_to_owner(&me, &case.versions, &case.held, false).expect("allowed");
    assert_eq!((allowed.versions(), allowed.packages()), (&case.versions[..], false));
    assert!(owners_are_told_apart());
}

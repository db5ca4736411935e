//! Requests of who acts for a patient as a table, and terms that such a person makes.

use super::super::proxy::{MandateCase, mandate, release, request};
use super::*;
use salus_types::AppointmentId;
use salus_types::proxy::{Act, ByProxy, PROXY_GRAIN_MS, ProxyRead, ProxyRevoke};
use salus_types::state::{ActEntry, AppointmentEntry};
use salus_types::vault::{Mandate, ProxyRequest, ProxyRequestBody, SignedMandate};

const EXPIRY_MS: u64 = PROXY_GRAIN_MS;

fn carer() -> SigningKey {
    SigningKey::from_seed(&[6; 32])
}

fn unsigned() -> Mandate {
    Mandate {
        network: NETWORK,
        appointment: AppointmentId(Digest([3; 32])),
        source: "hospital-a".parse().expect("a name"),
        owner: Address::of(&owner().public()),
        proxy: carer().public(),
        kem_key: Bounded::new(vec![1; KEM_KEY_LENGTH]).expect("as long"),
        shares: true,
        asks: false,
        expiry_ms: EXPIRY_MS,
        compartments: Bounded::new(vec![compartment(1), compartment(2)]).expect("two"),
        salt: [8; 32],
    }
}

/// The terms of a case are consented to by somebody with a mandate, and the ledger says nothing of that.
pub(super) fn consented(case: &mut Case, change: fn(&mut Mandate)) {
    let mut mandate = unsigned();
    change(&mut mandate);
    case.consent = Consent::sign_for(&case.terms, &carer(), mandate.sign(&owner()));
}

/// The same, and the ledger says so.
pub(super) fn granted(case: &mut Case, change: fn(&mut Mandate)) {
    consented(case, change);
    let mandate = &case.consent.mandate.as_ref().expect("one").mandate;
    let by = ByProxy { appointment: mandate.appointment, mandate: mandate.commitment() };
    case.grant.as_mut().expect("one").by_proxy = Some(by);
}

#[test]
fn what_somebody_shares_for_the_patient_is_released_within_the_mandate() {
    let mut case = good();
    granted(&mut case, |_| {});
    assert_eq!(case.decide().expect("allowed").versions(), case.versions);
}

struct Asked {
    mandate: SignedMandate,
    body: ProxyRequestBody,
    signer: SigningKey,
    appointment: Option<AppointmentEntry>,
    act: Option<ActEntry>,
    now: LedgerTime,
    clock_ms: u64,
    held: Vec<Option<HeldVersion>>,
    altered: bool,
}

fn asked() -> Asked {
    let mandate = unsigned().sign(&owner());
    let versions: Vec<_> = (10..13).map(|n| VersionId(Digest([n; 32]))).collect();
    let act = ProxyRead { versions_root: versions_root(&versions), count: 3 };
    let appointment = AppointmentEntry {
        mandate: mandate.mandate.commitment(),
        proxy: carer().public(),
        shares: true,
        expiry_ms: EXPIRY_MS,
        height: 1,
        time_ms: 1,
        ended: None,
        acts: 1,
    };
    let body = ProxyRequestBody {
        audience: "hospital-b".parse().expect("a name"),
        ask: PatientAsk::Release,
        mandate: mandate.clone(),
        act: Some(0),
        time_ms: 1_000,
        nonce: [1; 16],
        versions: Bounded::new(versions).expect("few"),
    };
    Asked {
        mandate,
        body,
        signer: carer(),
        appointment: Some(appointment),
        act: Some(ActEntry { act: act.into(), height: 10, time_ms: 1_000 }),
        now: NOW,
        clock_ms: 1_000,
        held: vec![held(&[1]), held(&[2]), held(&[4, 3, 1])],
        altered: false,
    }
}

impl Asked {
    /// Another mandate, which the patient signed and the ledger has.
    fn with(&mut self, change: fn(&mut Mandate)) {
        change(&mut self.mandate.mandate);
        self.mandate = self.mandate.mandate.clone().sign(&owner());
        self.entry().mandate = self.mandate.mandate.commitment();
    }

    fn entry(&mut self) -> &mut AppointmentEntry {
        self.appointment.as_mut().expect("one")
    }

    fn read(&mut self) -> &mut ProxyRead {
        match &mut self.act.as_mut().expect("one").act {
            Act::ProxyRead(read) => read,
            _ => panic!("a reading"),
        }
    }

    fn decide(&self) -> Result<Allowed, Refusal> {
        let reach = mandate(&MandateCase {
            network: &NETWORK,
            signed: &self.mandate,
            appointment: self.appointment.as_ref(),
            now: self.now,
            clock_ms: self.clock_ms,
        })?;
        let mut signed = ProxyRequest::sign(self.body.clone(), &self.signer);
        signed.body.nonce[0] ^= u8::from(self.altered);
        request(&"hospital-b".parse().expect("a name"), self.clock_ms, &signed)?;
        release(&reach, self.now, &signed, self.act.as_ref(), &self.held)
    }
}

type Change = fn(&mut Asked);

const WRONG: &[(&str, Change, Refusal)] = &[
    ("another network", |a| a.with(|m| m.network.0.0[0] ^= 1), Refusal::Network),
    (
        "a mandate that the proxy wrote itself",
        |a| a.mandate = a.mandate.mandate.clone().sign(&carer()),
        Refusal::NoMandate,
    ),
    (
        "a mandate that was enlarged",
        |a| a.mandate.mandate.compartments = Bounded::new(vec![compartment(9)]).expect("one"),
        Refusal::NoMandate,
    ),
    ("no appointment", |a| a.appointment = None, Refusal::NoSuchAppointment),
    (
        "another mandate of the same patient",
        |a| {
            a.mandate.mandate.salt[0] ^= 1;
            a.mandate = a.mandate.mandate.clone().sign(&owner())
        },
        Refusal::OtherMandate,
    ),
    ("the ledger names another key", |a| a.entry().proxy = owner().public(), Refusal::OtherMandate),
    ("the ledger says that it may not share", |a| a.entry().shares = false, Refusal::OtherMandate),
    ("the ledger has an earlier end", |a| a.entry().expiry_ms = EXPIRY_MS - 1, Refusal::OtherMandate),
    ("ended", |a| a.entry().ended = Some(9), Refusal::AppointmentEnded),
    ("expired by the ledger", |a| a.now.time_ms = EXPIRY_MS, Refusal::Expired),
    (
        "expired by the clock while the ledger stands still",
        |a| {
            a.clock_ms = EXPIRY_MS;
            a.body.time_ms = EXPIRY_MS
        },
        Refusal::Expired,
    ),
    ("for another organisation", |a| a.body.audience = "insurer".parse().expect("a name"), Refusal::Audience),
    ("signed too long ago", |a| a.clock_ms += REQUEST_CLOCK_MS_MAX + 1, Refusal::Stale),
    ("a key of a wrong length", |a| a.body.mandate.mandate.kem_key = Bounded::default(), Refusal::Signature),
    ("signed by another", |a| a.signer = owner(), Refusal::Signature),
    ("changed after it was signed", |a| a.altered = true, Refusal::Signature),
    ("the patient's own log", |a| a.body.ask = PatientAsk::AccessLog, Refusal::PatientsAlone),
    ("nothing on the ledger", |a| a.act = None, Refusal::NoSuchAct),
    (
        "another act",
        |a| a.act.as_mut().expect("one").act = ProxyRevoke { grant: GrantId(Digest::ZERO) }.into(),
        Refusal::NoSuchAct,
    ),
    ("a reading that is not final here", |a| a.act.as_mut().expect("one").height = 11, Refusal::NotFinal),
    ("a reading of fewer versions", |a| a.read().count = 2, Refusal::RootMismatch),
    ("a reading of other versions", |a| a.read().versions_root = Digest::ZERO, Refusal::RootMismatch),
    (
        "a version outside the mandate",
        |a| a.held[0].as_mut().expect("held").lineage = vec![compartment(9)],
        Refusal::OutsideTerms,
    ),
    (
        "another patient's version",
        |a| a.held[0].as_mut().expect("held").owner = Some(Address(Digest::ZERO)),
        Refusal::OutsideTerms,
    ),
    ("nothing known", |a| a.held = vec![None; 3], Refusal::VersionUnknown),
];

/// Rows that the decision gets wrong.
pub(super) fn wrong_rows() -> Vec<&'static str> {
    let differs = |(name, change, refusal): &(&'static str, Change, Refusal)| {
        let mut case = asked();
        change(&mut case);
        (case.decide() != Err(*refusal)).then_some(*name)
    };
    let mut wrong: Vec<_> = WRONG.iter().filter_map(differs).collect();
    wrong.extend(asked().decide().is_err().then_some("a good request"));
    wrong
}

#[test]
fn each_way_for_a_proxys_request_to_be_wrong_has_its_refusal() {
    assert_eq!(wrong_rows(), Vec::<&str>::new());
}

#[test]
fn shares_alone_come_without_packages() {
    let mut case = asked();
    for (ask, packages) in [(PatientAsk::Release, true), (PatientAsk::Shares, false)] {
        case.body.ask = ask;
        assert_eq!(case.decide().expect("allowed").packages(), packages);
    }
}

//! Requests for shares of emergency keys as a table.

use super::super::emergency::{EmergencyCase, emergency};
use super::*;
use crate::ledger::LedgerTime;
use salus_types::EmergencyId;
use salus_types::emergency::{EmergencyGround, emergency_target};
use salus_types::state::EmergencyEntry;
use salus_types::vault::EmergencyAsk;

const UNTIL_MS: u64 = 5_000_000;

/// A request as it came, and what is known about it.
struct Asked {
    ask: EmergencyAsk,
    event: Option<EmergencyEntry>,
    now: LedgerTime,
    clock_ms: u64,
    held: bool,
}

fn id(name: &str) -> OrganisationId {
    name.parse().expect("a name")
}

fn asked() -> Asked {
    let (salt, compartment) = ([3; 32], CompartmentId(Digest([4; 32])));
    let entry = EmergencyEntry {
        number: 0,
        organisation: id("hospital-b"),
        target: emergency_target(&salt, &id("hospital-a"), &compartment),
        practitioner: Digest([5; 32]),
        ground: EmergencyGround::Unconscious,
        statement: Digest([6; 32]),
        began_ms: None,
        height: 9,
        time_ms: 4_000_000,
        access_until_ms: UNTIL_MS,
        review_due_ms: 9_000_000,
    };
    Asked {
        ask: EmergencyAsk {
            event: EmergencyId(Digest([1; 32])),
            salt,
            source: id("hospital-a"),
            compartment,
        },
        event: Some(entry),
        now: LedgerTime { height: 9, time_ms: UNTIL_MS - 1 },
        clock_ms: UNTIL_MS - 1,
        held: true,
    }
}

impl Asked {
    fn event(&mut self) -> &mut EmergencyEntry {
        self.event.as_mut().expect("an event")
    }

    fn decide(&self) -> Result<(), Refusal> {
        emergency(&EmergencyCase {
            peer: &id("hospital-b"),
            ask: &self.ask,
            event: self.event.as_ref(),
            now: self.now,
            clock_ms: self.clock_ms,
            held: self.held,
        })
        .map(|_| ())
    }
}

type Change = fn(&mut Asked);

const WRONG: &[(&str, Change, Refusal)] = &[
    ("no event", |a| a.event = None, Refusal::NoSuchEvent),
    ("an event that is not final here", |a| a.event().height = 10, Refusal::NotFinal),
    ("another's event", |a| a.event().organisation = id("hospital-c"), Refusal::OtherOrganisation),
    ("an event of local records", |a| a.event().began_ms = Some(1), Refusal::LocalOnly),
    ("four hours by the ledger", |a| a.now.time_ms = UNTIL_MS, Refusal::EmergencyOver),
    ("four hours by the clock", |a| a.clock_ms = UNTIL_MS, Refusal::EmergencyOver),
    ("another salt", |a| a.ask.salt[0] ^= 1, Refusal::OtherTarget),
    ("another source", |a| a.ask.source = id("hospital-c"), Refusal::OtherTarget),
    ("another patient", |a| a.ask.compartment = CompartmentId(Digest([7; 32])), Refusal::OtherTarget),
    ("a forged target", |a| a.event().target.0[0] ^= 1, Refusal::OtherTarget),
    ("no share here", |a| a.held = false, Refusal::NoShare),
];

/// Rows that the decision gets wrong.
pub(super) fn wrong_rows() -> Vec<&'static str> {
    let mut wrong: Vec<_> = WRONG
        .iter()
        .filter(|(_, change, refusal)| {
            let mut case = asked();
            change(&mut case);
            case.decide() != Err(*refusal)
        })
        .map(|(name, _, _)| *name)
        .collect();
    wrong.extend(asked().decide().is_err().then_some("a good request"));
    wrong
}

#[test]
fn a_share_is_released_upon_an_event_that_holds_in_every_part() {
    assert_eq!(wrong_rows(), Vec::<&str>::new());
}

//! Access logs and lists of who looked, made by hand, and every way to cheat with them that we could think of.

use super::states::state_of;
use super::*;
use crate::{
    Account, AccountingError, AccountingFile, AnchorFile, AnyProofFile, EntryFile, EntryProof, Listed,
    ListedGrant, LogAnchor, LogAudit, LogError, LogFault, LogHead, PROVEN, Position, STATED, Statement,
    Subject, VerifiedLog, verify_accounting,
};
use commonware_codec::Encode;
use salus_crypto::merkle::{self, Frontier};
use salus_types::access_log::{Access, Entry, Kind, Who, leaf, line_hash, patient_key};
use salus_types::category::Purpose;
use salus_types::emergency::EmergencyGround;
use salus_types::state::{
    AccessEntry, EmergencyEntry, GrantEntry, LogEntry, OrganisationEntry, StateKey, StateValue, key as at,
};
use salus_types::{AccessId, EmergencyId, GrantId, OrganisationId};

const PATIENT: &str = "p1";

fn id(name: &str) -> OrganisationId {
    name.parse().expect("a short name")
}

fn grant() -> GrantId {
    GrantId(sha256(b"grant"))
}

fn access_id(n: u8) -> AccessId {
    AccessId(sha256([n]))
}

fn emergency() -> EmergencyId {
    EmergencyId(sha256(b"emergency"))
}

/// A log of hospital A: staff, a system, an emergency, somebody else's record, an import.
fn accesses() -> Vec<Access> {
    let staff = |id: &str| Who::Practitioner {
        id: id.into(),
        name: format!("Dr {id}"),
        role: "clinician".into(),
        commitment: sha256(id.as_bytes()),
    };
    let lab = Who::System { id: "lab".into() };
    let elsewhere = Who::Elsewhere {
        organisation: id("hospital-b"),
        name: String::new(),
        role: String::new(),
        event: Some(emergency()),
    };
    let about = |who, kind, patient| Access::about(who, kind, patient, Some(Purpose::Treatment), "follow-up");
    let import = Access {
        grants: vec![grant()],
        events: vec![access_id(1)],
        count: Some(3),
        ..about(staff("bo"), Kind::ShareImport, PATIENT)
    };
    vec![
        about(staff("bo"), Kind::ChartOpened, PATIENT),
        about(staff("bo"), Kind::Read, "p2"),
        Access { patient: None, ..about(lab.clone(), Kind::Search, "") },
        import,
        about(elsewhere, Kind::EmergencyOpened, PATIENT),
        about(lab, Kind::Read, PATIENT),
        about(staff("al"), Kind::Read, "p2"),
        Access::about(Who::Node, Kind::Accounting, PATIENT, Some(Purpose::PatientRequest), ""),
    ]
}

/// The lines of a log in which `twist` has changed entries before they were chained.
fn log(accesses: Vec<Access>, twist: impl Fn(&mut Entry)) -> Vec<String> {
    let (mut position, mut previous, mut lines) = (Position::default(), Digest::ZERO, Vec::new());
    for (access, n) in accesses.into_iter().zip(1_u8..) {
        let (honest, _, _) = position.follow(access, u64::from(n) * 100, sha256([n]));
        position.advance(&honest, Digest::ZERO);
        let mut entry = Entry { previous, ..honest };
        twist(&mut entry);
        let line = serde_json::to_string(&entry).expect("JSON");
        previous = line_hash(line.as_bytes());
        lines.push(line);
    }
    lines
}

fn leaves(lines: &[String]) -> Vec<Digest> {
    lines.iter().map(|line| leaf(&line_hash(line.as_bytes()))).collect()
}

/// The entry of an anchor over the first lines of a log.
fn anchor(lines: &[String]) -> LogEntry {
    let mut frontier = Frontier::default();
    leaves(lines).into_iter().for_each(|leaf| drop(frontier.push(leaf)));
    LogEntry { head: frontier.root(), entries: lines.len() as u64, height: 9 }
}

/// Files of all entries of a state after one block, at a time.
struct State {
    entries: Vec<(StateKey, StateValue)>,
    time_ms: u64,
}

impl State {
    fn new(entries: Vec<(StateKey, Vec<u8>)>, time_ms: u64) -> Self {
        let value = |bytes| StateValue::new(bytes).expect("short");
        let mut entries: Vec<_> = entries.into_iter().map(|(key, bytes)| (key, value(bytes))).collect();
        for n in entries.len()..entries.len().next_power_of_two() {
            entries.push((StateKey(sha256([n as u8, 1])), value(vec![1])));
        }
        Self { entries, time_ms }
    }

    fn file(&self, subject: &Subject) -> EntryFile {
        let (state_root, shown) = state_of(&self.entries);
        let at = self.entries.iter().position(|(key, _)| *key == subject.key()).expect("there");
        let block = Header { state_root, time_ms: self.time_ms, ..header_at(2, 27, &[]) };
        let proof = EntryProof {
            block: certified_by(SECOND, vec![block], SECOND),
            value: Some(self.entries[at].1.clone()),
            proof: [&shown[at].bytes[..], shown[at].next.as_ref()].concat(),
        };
        EntryFile::of(subject, &proof, &handovers())
    }
}

/// Checks a log against anchors, each over the first so many lines of some history.
fn audit(lines: &[String], anchored: &[&[String]], left_out: usize) -> Result<VerifiedLog, LogError> {
    let organisation = id("hospital-a");
    let mut entries = vec![(at::log_anchors(&organisation), (anchored.len() as u64).encode().to_vec())];
    for (lines, sequence) in anchored.iter().zip(0..) {
        entries.push((at::log(&organisation, sequence), anchor(lines).encode().to_vec()));
    }
    let state = State::new(entries, 1_000);
    let file = |sequence: u64| AnchorFile {
        sequence,
        entry: state.file(&Subject::Entry(at::log(&organisation, sequence))),
    };
    let anchors = (0..(anchored.len() - left_out) as u64).map(file).collect();
    let count = state.file(&Subject::Entry(at::log_anchors(&organisation)));
    let head = LogHead::new(organisation, anchors, count);
    let mut audit = LogAudit::begin(&mut Validators::of_genesis(&genesis()), &head)?;
    lines.iter().try_for_each(|line| audit.line(line.as_bytes()))?;
    audit.finish()
}

fn without(lines: &[String], gone: usize) -> Vec<String> {
    let kept = lines.iter().enumerate().filter(|(at, _)| *at != gone);
    kept.map(|(_, line)| line.clone()).collect()
}

fn replaced(lines: &[String], from: &str, to: &str) -> Vec<String> {
    lines.iter().map(|line| line.replacen(from, to, 1)).collect()
}

/// A fault: the lines, the histories that are anchored, how many anchors are left out, and the words that name it.
type Planted<'a> = (&'a str, &'a [String], &'a [&'a [String]], usize, &'a str);

#[test]
fn a_whole_log_holds_against_its_anchors_and_every_planted_fault_is_named() {
    let honest = log(accesses(), |_| ());
    let anchored: &[&[String]] = &[&honest[..3], &honest[..6]];
    let held = audit(&honest, anchored, 0).expect("an honest log");
    assert_eq!(held, VerifiedLog { entries: 8, anchored: 6, anchors: 2, height: 27 });
    // The same without one access, chained and numbered as if it had never been.
    let mut fewer = accesses();
    fewer.remove(3);
    let never_was = log(fewer, |_| ());
    let rewritten = log(accesses(), |entry| {
        if entry.number == 2 {
            entry.access.reason = "something else".into();
        }
    });
    let mut swapped = honest.clone();
    swapped.swap(1, 2);
    let twisted = |twist: fn(&mut Entry)| log(accesses(), twist);
    let own = twisted(|entry| entry.own_number += u64::from(entry.number == 4));
    let patient = twisted(|entry| entry.patient_number = entry.patient_number.filter(|_| entry.number != 4));
    let time = twisted(|entry| entry.time_ms -= if entry.number == 4 { 350 } else { 0 });
    let cases: [Planted<'_>; 12] = [
        ("an entry is skipped", &without(&honest, 3), anchored, 0, "entry 4 is missing: entry 5"),
        ("the last one is skipped", &honest[..5], anchored, 0, "the head of 6 entries, and only 5"),
        ("the tail is dropped", &honest[..3], anchored, 0, "the head of 6 entries, and only 3"),
        (
            "an entry is rewritten",
            &replaced(&honest, "Dr bo", "Dr ba"),
            anchored,
            0,
            "entry 2 does not follow",
        ),
        ("entries are swapped", &swapped, anchored, 0, "entry 2 is missing: entry 3"),
        ("all is chained anew without one", &never_was, anchored, 0, "the first 6 entries are not those"),
        ("all is chained anew with another", &rewritten, anchored, 0, "the first 3 entries are not those"),
        (
            "two histories are anchored",
            &honest,
            &[&honest[..3], &never_was[..6]],
            0,
            "the first 6 entries are not those whose head is on the ledger (anchor 1)",
        ),
        ("an anchor is left out", &honest, &[&never_was[..3], &honest[..6]], 1, "counts 2 anchors"),
        (
            "a practitioner's number is skipped",
            &own,
            &[&own[..6]],
            0,
            "entry 4 is number 4 of the same person",
        ),
        (
            "a patient's number is skipped",
            &patient,
            &[&patient[..6]],
            0,
            "entry 4 is not the next one of its",
        ),
        ("an entry is put back in time", &time, &[&time[..6]], 0, "entry 4 is older"),
    ];
    for (case, lines, anchored, left_out, reason) in cases {
        let error = audit(lines, anchored, left_out).expect_err(case).to_string();
        assert!(error.contains(reason), "{case}: {error}");
    }
    let mut none = honest.clone();
    none[4] = "{}".into();
    assert!(matches!(audit(&none, anchored, 0), Err(LogError::Fault(LogFault::Malformed(5)))));
}

#[test]
fn a_patients_numbers_are_its_own() {
    let lines = log(accesses(), |_| ());
    let entries: Vec<Entry> =
        lines.iter().map(|line| serde_json::from_str(line).expect("an entry")).collect();
    let numbers: Vec<_> = entries.iter().map(|entry| entry.patient_number).collect();
    assert_eq!(numbers, [Some(1), Some(1), None, Some(2), Some(3), Some(4), Some(2), Some(5)]);
    assert_ne!(patient_key("lab"), Who::System { id: "lab".into() }.key());
}

fn reading(grant: GrantId, n: u8, organisation: &str) -> (StateKey, Vec<u8>) {
    let entry = AccessEntry {
        grant,
        organisation: id(organisation),
        purpose: Purpose::Treatment,
        versions_root: sha256(b"v"),
        count: 3,
        practitioner: sha256(b"p"),
        height: 20,
        time_ms: 900 + u64::from(n),
    };
    (at::access(&access_id(n)), entry.encode().to_vec())
}

fn emergency_entry() -> EmergencyEntry {
    EmergencyEntry {
        number: 0,
        organisation: id("hospital-b"),
        target: sha256(b"target"),
        practitioner: sha256(b"p"),
        ground: EmergencyGround::Unconscious,
        statement: sha256(b"s"),
        began_ms: None,
        height: 20,
        time_ms: 900,
        access_until_ms: 1_900,
        review_due_ms: 2_900,
    }
}

fn other_grant() -> GrantId {
    GrantId(sha256(b"given"))
}

/// The ledger: hospital A's anchor over its log, what its entries name, and a grant over its records, read twice.
fn ledger(lines: &[String]) -> State {
    let member = |n: usize| {
        let organisation = genesis().organisations[n].clone();
        let key = at::organisation(&organisation.node_key);
        (key, OrganisationEntry { organisation, slot: 0, since: 0 }.encode().to_vec())
    };
    let given = GrantEntry {
        terms: sha256(b"t"),
        scope: sha256(b"s"),
        expiry_ms: 9_999,
        height: 12,
        revoked: None,
        accesses: 2,
        by_proxy: None,
    };
    let entries = vec![
        member(0),
        member(1),
        (at::log(&id("hospital-a"), 4), anchor(lines).encode().to_vec()),
        reading(grant(), 1, "hospital-a"),
        (at::emergency(&emergency()), emergency_entry().encode().to_vec()),
        (at::grant(&other_grant()), given.encode().to_vec()),
        reading(other_grant(), 2, "insurer"),
        reading(other_grant(), 3, "insurer"),
    ];
    State::new(entries, 1_000)
}

fn listed(lines: &[String], number: usize) -> Listed {
    let line = lines[number - 1].clone();
    let entry: Entry = serde_json::from_str(&line).expect("an entry");
    Listed {
        number: entry.patient_number.unwrap_or_default(),
        time_ms: entry.time_ms,
        says: Account::of(&entry.access, &id("hospital-a")),
        path: merkle::prove(&leaves(lines), number as u64 - 1).expect("a path").path,
        line,
    }
}

fn statement(lines: &[String], state: &State) -> Statement {
    let file = |subject| state.file(&subject);
    Statement {
        network: genesis().network(),
        organisation: id("hospital-a"),
        name: "hospital-a".into(),
        patient: PATIENT.into(),
        made_ms: 1_500,
        before: None,
        proven: PROVEN.map(str::to_owned).to_vec(),
        stated: STATED.map(str::to_owned).to_vec(),
        anchor: LogAnchor { sequence: 4, entry: file(Subject::Entry(at::log(&id("hospital-a"), 4))) },
        entries: [1, 4, 5, 6, 8].map(|number| listed(lines, number)).to_vec(),
        grants: vec![ListedGrant {
            grant: other_grant(),
            entry: file(Subject::Grant(other_grant())),
            readings: [2, 3].map(|n| file(Subject::Access(access_id(n)))).to_vec(),
        }],
        events: vec![file(Subject::Access(access_id(1))), file(Subject::Entry(at::emergency(&emergency())))],
    }
}

fn verdict(file: &AccountingFile) -> Result<usize, AccountingError> {
    let verified = verify_accounting(&mut Validators::of_genesis(&genesis()), file)?;
    assert_eq!((verified.log_entries, verified.height), (8, 27));
    Ok(verified.entries.len() + verified.disclosed.len())
}

type Change<'a> = &'a dyn Fn(&mut Statement);

#[test]
fn a_list_holds_and_every_way_to_cheat_its_reader_fails_with_its_reason() {
    let lines = log(accesses(), |_| ());
    let state = ledger(&lines);
    let member = |n: usize| state.file(&Subject::Member(genesis().organisations[n].node_key));
    let honest = statement(&lines, &state);
    let signed = |change: Change<'_>| {
        let mut statement = honest.clone();
        change(&mut statement);
        AccountingFile::sign(statement, member(0), &key(1))
    };
    assert_eq!(verdict(&signed(&|_| ())).expect("an honest list"), 7);
    let part = signed(&|list| {
        (list.before, list.entries) = (Some(3), list.entries[..2].to_vec());
    });
    assert_eq!(verdict(&part).expect("what is older than an entry"), 4);

    let by_itself: [(&str, Change<'_>, &str); 17] = [
        ("an entry is left out", &|list| drop(list.entries.remove(2)), "the patient's entry 3 is missing: 4"),
        ("two are swapped", &|list| list.entries.swap(1, 2), "the patient's entry 2 is missing: 3"),
        (
            "one is there twice",
            &|list| list.entries.insert(1, list.entries[0].clone()),
            "entry 2 is missing: 1",
        ),
        ("the newest are left out", &|list| drop(list.entries.pop()), "does not end where it must"),
        ("all are left out", &|list| list.entries.clear(), "does not end where it must"),
        (
            "a line is another",
            &|list| list.entries[1].line = list.entries[1].line.replace("Dr bo", "Dr ba"),
            "what is said of entry 2",
        ),
        (
            "a line is another, and said so",
            &|list| {
                list.entries[1].line = list.entries[1].line.replace("Dr bo", "Dr ba");
                list.entries[1].says.who = "Dr ba (clinician)".into();
            },
            "entry 2 of the patient is not in the log",
        ),
        (
            "the words are others",
            &|list| list.entries[0].says.why = "nothing".into(),
            "what is said of entry 1",
        ),
        ("the time is another", &|list| list.entries[0].time_ms += 1, "what is said of entry 1"),
        (
            "a path is another",
            &|list| list.entries[0].path.swap(0, 1),
            "entry 1 of the patient is not in the log",
        ),
        (
            "a path is cut",
            &|list| list.entries[0].path.truncate(2),
            "entry 1 of the patient is not in the log",
        ),
        (
            "somebody else's entry",
            &|list| list.entries.insert(0, listed(&lines, 2)),
            "is about somebody else",
        ),
        (
            "an event is left out",
            &|list| drop(list.events.remove(0)),
            "entry 2 of the patient names an event",
        ),
        (
            "an emergency is left out",
            &|list| drop(list.events.remove(1)),
            "entry 3 of the patient names an event",
        ),
        (
            "a reading is left out",
            &|list| drop(list.grants[0].readings.pop()),
            "counts 2 readings under the grant",
        ),
        (
            "one reading stands for another",
            &|list| list.grants[0].readings[1] = list.grants[0].readings[0].clone(),
            "or a reading under it, is not on the ledger",
        ),
        (
            "it claims more",
            &|list| list.proven.push("That it is complete.".into()),
            "what the list says of itself",
        ),
    ];
    for (case, change, reason) in by_itself {
        let error = verdict(&signed(change)).expect_err(case).to_string();
        assert!(error.contains(reason), "{case}: {error}");
    }

    let by_others: [(&str, AccountingFile, &str); 7] = [
        (
            "somebody else signs",
            AccountingFile::sign(honest.clone(), member(0), &key(9)),
            "did not sign this",
        ),
        (
            "another member signs",
            AccountingFile::sign(honest.clone(), member(1), &key(2)),
            "is not that of the org",
        ),
        (
            "another's key is shown",
            AccountingFile::sign(honest.clone(), member(1), &key(1)),
            "is not that of the org",
        ),
        (
            "another's name",
            signed(&|list| list.name = "Hospital B".into()),
            "is not that of the organisation",
        ),
        ("of another time", signed(&|list| list.made_ms = 100_000_000), "is not shown for the time"),
        ("of another network", signed(&|list| list.network.0 = Digest([1; 32])), "of another network"),
        (
            "an anchor of another",
            signed(&|list| list.anchor.entry = state.file(&Subject::Access(access_id(1)))),
            "is not about what the file says",
        ),
    ];
    for (case, file, reason) in by_others {
        let error = verdict(&file).expect_err(case).to_string();
        assert!(error.contains(reason), "{case}: {error}");
    }
}

#[test]
fn a_change_anywhere_in_the_file_of_a_list_is_noticed() {
    let lines = log(accesses(), |_| ());
    let state = ledger(&lines);
    let member = state.file(&Subject::Member(genesis().organisations[0].node_key));
    let file = AccountingFile::sign(statement(&lines, &state), member, &key(1));
    let text = serde_json::to_string_pretty(&file).expect("JSON");
    let holds = |text: &str| match AnyProofFile::parse(text) {
        Ok(AnyProofFile::Accounting(file)) => verdict(&file).is_ok(),
        _ => false,
    };
    assert!(holds(&text), "spaces between are nobody's business");
    for position in (0..text.len()).step_by(61) {
        let mut bytes = text.clone().into_bytes();
        if bytes[position].is_ascii_whitespace() {
            continue;
        }
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        assert!(!holds(&String::from_utf8(bytes).expect("ASCII")), "changed at {position}");
    }
}

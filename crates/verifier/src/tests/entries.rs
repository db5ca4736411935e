//! Grants, access events and members in the state after a block: there, changed, or not there.

use super::states::{Shown, state_of};
use super::*;
use crate::{AnyProofFile, EntryError, EntryFile, EntryProof, Found, StateError, Subject, verify_entry};
use commonware_codec::{Encode, Write as _};
use salus_types::category::Purpose;
use salus_types::state::{AccessEntry, GrantEntry, OrganisationEntry, StateKey, StateValue, key};
use salus_types::{AccessId, GrantId};

/// A proof of `subject` in a state that holds `value` under `key` and nothing else, after a block of epoch 2.
fn proof_of(subject: &Subject, key: &StateKey, value: Vec<u8>) -> EntryProof {
    let value = StateValue::new(value).expect("short");
    let (state_root, mut shown) = state_of(&[(*key, value.clone())]);
    let Shown { bytes: shown, .. } = shown.remove(0);
    let block = Header { state_root, ..header_at(2, 27, &[]) };
    let block = certified_by(SECOND, vec![block], SECOND);
    if subject.key() == *key {
        return EntryProof { block, value: Some(value), proof: [&shown[..], key.as_ref()].concat() };
    }
    let mut proof = [&[0][..], &shown, key.as_ref()].concat();
    value.write(&mut proof);
    key.write(&mut proof);
    EntryProof { block, value: None, proof }
}

fn grant(n: u8) -> GrantId {
    GrantId(sha256([n]))
}

fn grant_entry(revoked: Option<u64>, expiry_ms: u64) -> GrantEntry {
    GrantEntry {
        terms: sha256(b"t"),
        scope: sha256(b"s"),
        expiry_ms,
        height: 12,
        revoked,
        accesses: 3,
        by_proxy: None,
    }
}

fn access_entry() -> AccessEntry {
    AccessEntry {
        grant: grant(1),
        organisation: "hospital-b".parse().expect("a short name"),
        purpose: Purpose::Treatment,
        versions_root: sha256(b"v"),
        count: 12,
        practitioner: sha256(b"p"),
        height: 23,
        time_ms: 900,
    }
}

fn member_entry() -> OrganisationEntry {
    OrganisationEntry { organisation: genesis().organisations[1].clone(), slot: 1, since: 0 }
}

/// The entry that `subject` names stands there, or that of grant 9.
fn said(subject: &Subject, value: Option<Vec<u8>>) -> String {
    let other = key::grant(&grant(9));
    let (key, value) = value.map_or((other, vec![1]), |value| (subject.key(), value));
    let verified = verify_entry(&informed(), subject, &proof_of(subject, &key, value)).expect("verifies");
    assert_eq!((verified.height, verified.time_ms), (27, 1_000));
    let id = subject.id().to_string();
    verified.to_string().replace(&id, "ID").replace(&grant(1).to_string(), "GRANT")
}

#[test]
fn a_proof_of_the_state_says_what_it_shows() {
    let a_grant = Subject::Grant(grant(1));
    let access = Subject::Access(AccessId(sha256(b"access")));
    let member = Subject::Member(key(2).public());
    let entry = Subject::Entry(key::parameters());
    let given = |revoked, expiry_ms| Some(grant_entry(revoked, expiry_ms).encode().to_vec());
    for (subject, value, words) in [
        (
            a_grant,
            given(None, 1_001),
            "at block 27 the grant `ID`, given at block 12, stood; reads under it so far: 3",
        ),
        (
            a_grant,
            given(None, 1_000),
            "at block 27 the grant `ID`, given at block 12, had run out; reads under it so far: 3",
        ),
        (
            a_grant,
            given(Some(20), 1_001),
            "at block 27 the grant `ID`, given at block 12, was revoked, since block 20; reads under it so far: 3",
        ),
        (a_grant, None, "at block 27 there was no grant `ID`"),
        (
            access,
            Some(access_entry().encode().to_vec()),
            "at block 23 `hospital-b` stated that it reads 12 versions for treatment, under the grant `GRANT`",
        ),
        (access, None, "at block 27 there was no access event `ID`"),
        (
            member,
            Some(member_entry().encode().to_vec()),
            "at block 27 hospital-b (`hospital-b`, provider) was a member since block 0: validator",
        ),
        (member, None, "at block 27 no member had the node key `ID`"),
        (entry, Some(vec![1, 2]), "at block 27 2 bytes stood under the key `ID`"),
        (entry, None, "at block 27 nothing stood under the key `ID`"),
    ] {
        assert_eq!(said(&subject, value), words);
    }
}

#[test]
fn a_proof_of_one_thing_is_none_of_another() {
    let validators = informed();
    let subject = Subject::Grant(grant(1));
    let proof = proof_of(&subject, &subject.key(), grant_entry(None, 9_999).encode().to_vec());
    let other = verify_entry(&validators, &Subject::Grant(grant(2)), &proof);
    assert_eq!(other, Err(EntryError::State(StateError::Root)));
    let absent = EntryProof { value: None, ..proof.clone() };
    assert!(verify_entry(&validators, &subject, &absent).is_err(), "presence is no absence");
    let no_grant = proof_of(&subject, &subject.key(), vec![7; 9]);
    assert_eq!(verify_entry(&validators, &subject, &no_grant), Err(EntryError::Entry));
    let member = Subject::Member(key(3).public());
    let of_another = proof_of(&member, &member.key(), member_entry().encode().to_vec());
    assert_eq!(verify_entry(&validators, &member, &of_another), Err(EntryError::Entry));
    let uninformed = verify_entry(&Validators::of_genesis(&genesis()), &subject, &proof);
    assert_eq!(uninformed, Err(EntryError::Block(CertificateError::Signature)));
    let found = verify_entry(&validators, &subject, &proof).map(|verified| verified.found);
    assert_eq!(found, Ok(Found::Grant(grant_entry(None, 9_999))));
}

fn shows(text: &str) -> Option<Found> {
    let AnyProofFile::Entry(file) = AnyProofFile::parse(text).ok()? else { return None };
    let mut validators = Validators::of_genesis(&genesis());
    validators.extend(&file.handovers().ok()?).ok()?;
    let verified = verify_entry(&validators, &file.subject().ok()?, &file.proof().ok()?);
    Some(verified.ok()?.found)
}

/// A proof of absence holds for every id whose key lies in the same gap: only there may the id be another.
#[test]
fn the_smallest_change_of_an_entry_file_is_noticed() {
    let (present, absent) = (Subject::Grant(grant(1)), Subject::Grant(grant(2)));
    let key = present.key();
    let value = grant_entry(None, 9_999).encode().to_vec();
    for (subject, expected) in [(present, Found::Grant(grant_entry(None, 9_999))), (absent, Found::Nothing)] {
        let file = EntryFile::of(&subject, &proof_of(&subject, &key, value.clone()), &handovers());
        let file = serde_json::to_string(&file).expect("JSON");
        assert_eq!(shows(&file), Some(expected));
        let id = file.find(&subject.id().to_string()).expect("the id");
        for position in 0..file.len() {
            let mut bytes = file.clone().into_bytes();
            bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            let another_id = subject == absent && (id..id + 64).contains(&position);
            assert_eq!(shows(&changed).is_some(), another_id, "changed at {position}");
        }
    }
}

#[test]
fn an_entry_file_names_its_kind() {
    let subject = Subject::Member(key(2).public());
    let proof = proof_of(&subject, &subject.key(), member_entry().encode().to_vec());
    let file = serde_json::to_string(&EntryFile::of(&subject, &proof, &handovers())).expect("JSON");
    assert!(matches!(shows(&file), Some(Found::Member(_))));
    for kind in ["grant", "access", "record", "Member", ""] {
        let changed = file.replace("\"kind\":\"member\"", &format!("\"kind\":\"{kind}\""));
        assert_eq!(shows(&changed), None, "{kind}");
    }
    assert_eq!(shows(&file.replace("\"version\":1", "\"version\":2")), None);
    assert_eq!(shows(&file.replace("\"version\":1", "\"version\":1,\"note\":1")), None);
}

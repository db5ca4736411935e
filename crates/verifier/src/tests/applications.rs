//! Applications: what people read is what is put to the vote, and only the organisation itself can have made it.

use super::*;
use crate::{Application, ApplicationFile, ApplicationFileError};
use salus_types::NetworkId;
use salus_types::governance::accept;

fn application() -> Application {
    let organisation = Organisation {
        id: "clinic".parse().expect("a short name"),
        node_key: key(9).public(),
        validator: false,
        ..genesis().organisations[0].clone()
    };
    let acceptance = accept(&genesis().network(), &organisation, &key(9));
    Application { organisation, acceptance }
}

fn check(text: &str) -> Result<Application, ApplicationFileError> {
    ApplicationFile::parse(text, &genesis().network())
}

#[test]
fn an_application_file_says_what_it_encodes_and_is_signed_or_is_refused() {
    let text = serde_json::to_string(&ApplicationFile::of(&application())).expect("JSON");
    assert_eq!(check(&text).expect("reads"), application());
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(check(&changed).is_err(), "changed at {position}");
    }
}

#[test]
fn an_application_is_refused_for_its_reason() {
    let changed = |change: fn(&mut ApplicationFile)| {
        let mut file = ApplicationFile::of(&application());
        change(&mut file);
        serde_json::to_string(&file).expect("JSON")
    };
    let signed_by_another = |file: &mut ApplicationFile| {
        file.acceptance = accept(&genesis().network(), &application().organisation, &key(1));
    };
    let for_another_network = |file: &mut ApplicationFile| {
        file.acceptance = accept(&NetworkId(Digest::ZERO), &application().organisation, &key(9));
    };
    for (case, text, reason) in [
        ("no JSON", "{".to_owned(), "not an application"),
        ("another file", "{\"name\":\"x\"}".to_owned(), "not an application"),
        ("another name to read", changed(|file| file.organisation.name.push('x')), "differs"),
        ("another duty to read", changed(|file| file.organisation.custodian ^= true), "differs"),
        ("upper case", changed(|file| file.encoded.make_ascii_uppercase()), "differs"),
        ("nothing encoded", changed(|file| file.encoded.clear()), "malformed"),
        ("more encoded", changed(|file| file.encoded.push_str("00")), "malformed"),
        ("signed by another", changed(signed_by_another), "has not accepted its own entry"),
        ("for another network", changed(for_another_network), "has not accepted its own entry"),
    ] {
        let refused = check(&text).expect_err(case).to_string();
        assert!(refused.contains(reason), "{case}: {refused}");
    }
}

use commonware_codec::Encode as _;
use salus_node::certificate::{Certificate, CertificateError, quorum};
use salus_node::testing::{CertificateVector, certificate_vector};
use serde_json::json;

const FILE: &str = "testdata/certificate.json";

fn document(vector: &CertificateVector) -> String {
    let header = &vector.header;
    let document = json!({
        "about": "docs/protocol/certificates.md; made by salus_node::testing::certificate_vector",
        "network": header.network,
        "validators": vector.validators,
        "header": hex::encode(header.encode()),
        "header_digest": header.digest(),
        "epoch": header.epoch,
        "view": header.view,
        "parent_view": header.parent_view,
        "certificate": hex::encode(&vector.certificate),
        "signed": hex::encode(&vector.signed),
    });
    serde_json::to_string_pretty(&document).unwrap() + "\n"
}

#[test]
fn the_committed_vector_is_what_commonware_makes() {
    let made = document(&certificate_vector());
    if std::env::var_os("SALUS_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, &made).unwrap();
    }
    // As values: the order of a JSON object's fields depends on how serde_json is built.
    let values =
        [&std::fs::read_to_string(FILE).unwrap(), &made].map(|text| serde_json::from_str(text).unwrap());
    let [committed, made]: [serde_json::Value; 2] = values;
    assert_eq!(committed, made);
}

#[test]
fn the_documented_check_accepts_it_and_refuses_every_change() {
    let vector = certificate_vector();
    let check = |bytes: &[u8]| Certificate::decode(bytes)?.verify(&vector.validators, &vector.header);
    assert_eq!(check(&vector.certificate), Ok(()));
    for at in 0..vector.certificate.len() {
        for bit in 0..8 {
            let mut bytes = vector.certificate.clone();
            bytes[at] ^= 1 << bit;
            assert!(check(&bytes).is_err(), "bit {bit} of byte {at} may change");
        }
        assert!(check(&vector.certificate[..at]).is_err(), "it may end at {at}");
    }
    let longer = [&vector.certificate[..], &[0]].concat();
    assert_eq!(check(&longer), Err(CertificateError::Malformed));
}

#[test]
fn it_is_for_one_block_and_one_set() {
    let vector = certificate_vector();
    let certificate = Certificate::decode(&vector.certificate).unwrap();
    let mut header = vector.header.clone();
    header.height += 1;
    assert_eq!(certificate.verify(&vector.validators, &header), Err(CertificateError::OtherBlock));
    let fewer = &vector.validators[..3];
    let other = CertificateError::OtherValidators { expected: 3, found: 4 };
    assert_eq!(certificate.verify(fewer, &vector.header), Err(other));
}

#[test]
fn quorums_are_two_thirds_and_one() {
    for (validators, needed) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (10, 7)] {
        assert_eq!(quorum(validators), needed, "of {validators}");
    }
}

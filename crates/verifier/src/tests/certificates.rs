//! Certificates, and the few headers that may lead to one.

use super::*;
use salus_types::decode_canonical;
use salus_types::proof::Checkpoint;

#[test]
fn a_certificate_needs_three_of_four_organisations() {
    let validators = Validators::of_genesis(&genesis());
    for (signers, expected) in [
        (&[1, 2, 3, 4][..], Ok(())),
        (&[1, 2, 3], Ok(())),
        (&[2, 3, 4], Ok(())),
        (&[1, 4], Err(CertificateError::TooFew { signed: 2, needed: 3 })),
        (&[], Err(CertificateError::TooFew { signed: 0, needed: 3 })),
    ] {
        let block = certified(vec![header()], signers);
        assert_eq!(check(&validators, &block), expected, "{signers:?}");
    }
}

#[test]
fn a_certificate_counts_for_its_own_block_network_and_vote_only() {
    let validators = Validators::of_genesis(&genesis());
    let good = certified(vec![header()], &[1, 2, 3]);

    let mut other_block = good.clone();
    other_block.headers = Bounded::new(vec![Header { height: 8, ..header() }]).expect("few");
    assert_eq!(check(&validators, &other_block), Err(CertificateError::OtherBlock));

    let mut other_network = header();
    other_network.network = salus_types::NetworkId(Digest::ZERO);
    assert_eq!(
        check(&validators, &certified(vec![other_network], &[1, 2, 3])),
        Err(CertificateError::OtherNetwork)
    );

    let checkpoint = validators.checkpoint(&good).expect("a final block");
    let three = Checkpoint { validators: Bounded::new(keys(&[1, 2, 3])).expect("few"), ..checkpoint };
    let three = Validators::of_checkpoint(&three).expect("validators");
    assert_eq!(check(&three, &good), Err(CertificateError::OtherValidators));
}

#[test]
fn every_changed_byte_of_a_certificate_is_noticed() {
    let validators = Validators::of_genesis(&genesis());
    let good = certified(vec![header()], &[1, 2, 3]);
    for position in 0..good.certificate.len() {
        let mut bytes = good.certificate.to_vec();
        bytes[position] ^= 1 << (position % 8);
        let damaged = CertifiedHeader {
            headers: good.headers.clone(),
            certificate: Bounded::new(bytes).expect("small"),
        };
        assert!(verify_certified_header(&validators, &damaged).is_err(), "byte {position}");
    }
    for length in 0..good.certificate.len() {
        let bytes = good.certificate[..length].to_vec();
        let damaged = CertifiedHeader {
            headers: good.headers.clone(),
            certificate: Bounded::new(bytes).expect("small"),
        };
        assert!(verify_certified_header(&validators, &damaged).is_err(), "cut at {length}");
    }
}

#[test]
fn a_later_certificate_covers_earlier_blocks_through_their_headers() {
    let validators = Validators::of_genesis(&genesis());
    let first = header();
    let second = Header { height: 8, parent: first.digest(), view: 301, parent_view: 300, ..header() };
    let chain = certified(vec![first.clone(), second.clone()], &[1, 2, 3]);
    assert_eq!(verify_certified_header(&validators, &chain), Ok(&first));
    let stranger = Header { time_ms: 5, ..first.clone() };
    let higher = Header { height: 9, ..second.clone() };
    for headers in [vec![stranger, second], vec![first, higher]] {
        let broken = certified(headers, &[1, 2, 3]);
        assert_eq!(verify_certified_header(&validators, &broken), Err(CertificateError::Chain));
    }
    let empty = CertifiedHeader { headers: Bounded::default(), certificate: chain.certificate };
    assert_eq!(verify_certified_header(&validators, &empty), Err(CertificateError::Malformed));
}

#[test]
fn only_the_last_block_of_an_epoch_may_be_certified_in_a_later_round() {
    let validators = Validators::of_genesis(&genesis());
    let (last, other) = (header_at(0, 10, FIRST), header_at(0, 9, &[]));
    let [view, parent] = [last.view, last.parent_view];
    for (header, round, expected) in [
        (&last, (0, view, parent), Ok(())),
        (&last, (0, view + 1, view), Ok(())),
        (&last, (0, view + 9, view + 4), Ok(())),
        (&last, (0, view + 1, parent), Err(CertificateError::OtherBlock)),
        (&last, (0, view, view), Err(CertificateError::OtherBlock)),
        (&last, (0, view + 1, view + 1), Err(CertificateError::OtherBlock)),
        (&last, (1, view + 1, view), Err(CertificateError::OtherBlock)),
        (&other, (0, view, parent), Ok(())),
        (&other, (0, view + 1, view), Err(CertificateError::OtherBlock)),
    ] {
        let block = CertifiedHeader {
            headers: Bounded::new(vec![header.clone()]).expect("few"),
            certificate: Bounded::new(certificate_of(FIRST, round, header, FIRST)).expect("small"),
        };
        assert_eq!(check(&validators, &block), expected, "block {} in {round:?}", header.height);
    }
}

#[test]
fn a_new_epoch_begins_after_the_header_that_names_its_validators() {
    let validators = informed();
    let follow = |before: &Header, next: Header| Header { parent: before.digest(), ..next };
    let pair = |before: Header, next: Header, set: &[u8]| {
        let next = follow(&before, next);
        check(&validators, &certified_by(set, vec![before, next], set))
    };
    let first_of = |epoch| header_at(epoch, epoch * 10 + 1, &[]);
    assert_eq!(pair(header_at(0, 9, &[]), header_at(0, 10, FIRST), FIRST), Ok(()));
    assert_eq!(pair(header_at(0, 10, FIRST), first_of(1), FIRST), Ok(()));
    assert_eq!(pair(handovers()[0].block.headers[0].clone(), first_of(2), SECOND), Ok(()));
    assert_eq!(pair(header_at(0, 10, &[]), first_of(1), FIRST), Err(CertificateError::Chain));
    assert_eq!(pair(header_at(0, 10, FIRST), header_at(0, 11, &[]), FIRST), Err(CertificateError::Chain));
    assert_eq!(pair(header_at(0, 10, FIRST), header_at(2, 11, &[]), FIRST), Err(CertificateError::Chain));
    let missing = Err(CertificateError::MissingHandover(1));
    assert_eq!(pair(header_at(0, 10, SECOND), first_of(1), FIRST), missing);
}

/// What commonware made, see `crates/node/testdata`.
#[test]
fn a_certificate_of_a_node_holds() {
    #[derive(serde::Deserialize)]
    struct Vector {
        certificate: String,
        header: String,
        validators: Vec<PublicKey>,
    }
    let path = "../node/testdata/certificate.json";
    let vector: Vector = serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("a vector");
    let header: Header = decode_canonical(&hex::decode(vector.header).expect("hex")).expect("a header");
    let mut validators = vector.validators;
    validators.sort();
    let checkpoint = Checkpoint {
        network: header.network,
        epoch: header.epoch,
        height: header.height,
        header: header.digest(),
        validators: Bounded::new(validators).expect("few"),
    };
    let block = CertifiedHeader {
        headers: Bounded::new(vec![header]).expect("few"),
        certificate: Bounded::new(hex::decode(vector.certificate).expect("hex")).expect("small"),
    };
    let validators = Validators::of_checkpoint(&checkpoint).expect("validators");
    assert_eq!(check(&validators, &block), Ok(()));
}

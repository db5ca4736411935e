//! From one set of validators to the next: only by those before, only in order, and with every byte as it was signed.

use super::*;
use crate::{HandoverError, KeysError};
use commonware_codec::Encode;
use salus_types::decode_canonical;

fn extended(handovers: &[Handover]) -> Result<Validators, HandoverError> {
    let mut validators = Validators::of_genesis(&genesis());
    validators.extend(handovers).map(|()| validators)
}

/// A block of an epoch, certified by all of a set.
fn block(epoch: u64, height: u64, set: &[u8]) -> CertifiedHeader {
    certified_by(set, vec![header_at(epoch, height, &[])], set)
}

#[test]
fn a_certificate_counts_with_the_validators_of_its_epoch_and_no_others() {
    use CertificateError::{OtherValidators, OutsideEpoch, Signature};
    let [none, one, two] = [0, 1, 2].map(|count| extended(&handovers()[..count]).expect("handovers"));
    for (epoch, height, set, with_none, with_one, with_two) in [
        (0, 7, FIRST, Ok(()), Ok(()), Ok(())),
        (1, 17, FIRST, Ok(()), Ok(()), Ok(())),
        (2, 27, SECOND, Err(Signature), Ok(()), Ok(())),
        (3, 37, SECOND, Err(Signature), Ok(()), Ok(())),
        (4, 47, THIRD, Err(OtherValidators), Err(OtherValidators), Ok(())),
        (9, 97, THIRD, Err(OtherValidators), Err(OtherValidators), Ok(())),
        // Those who were voted out, and those who are not yet in.
        (2, 27, FIRST, Ok(()), Err(Signature), Err(Signature)),
        (1, 17, SECOND, Err(Signature), Err(Signature), Err(Signature)),
        (3, 37, THIRD, Err(OtherValidators), Err(OtherValidators), Err(OtherValidators)),
        (4, 47, SECOND, Err(Signature), Ok(()), Err(OtherValidators)),
        // Those who were voted out go on with their old epoch.
        (1, 21, FIRST, Ok(()), Err(OutsideEpoch), Err(OutsideEpoch)),
        (3, 41, SECOND, Err(Signature), Ok(()), Err(OutsideEpoch)),
        (2, 19, SECOND, Err(Signature), Err(OutsideEpoch), Err(OutsideEpoch)),
        (4, 39, THIRD, Err(OtherValidators), Err(OtherValidators), Err(OutsideEpoch)),
    ] {
        let block = block(epoch, height, set);
        let found = [&none, &one, &two].map(|validators| check(validators, &block));
        let expected = [with_none, with_one, with_two];
        assert_eq!(found, expected, "epoch {epoch}, height {height}, by {set:?}");
    }
}

#[test]
fn the_last_block_before_a_handover_has_no_other_beside_it() {
    let other = certified_by(FIRST, vec![Header { time_ms: 9, ..header_at(1, 20, SECOND) }], FIRST);
    assert_eq!(check(&extended(&[]).expect("genesis"), &other), Ok(()));
    assert_eq!(check(&informed(), &other), Err(CertificateError::OtherHistory(20)));
    assert_eq!(check(&informed(), &handovers()[0].block), Ok(()));
}

/// A handover with one thing changed, and the word for it.
type Forgery = (&'static str, Handover, HandoverError);

fn forgeries() -> Vec<Forgery> {
    let [good, _] = handovers();
    let with = |change: fn(&mut Handover)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    let unsorted = |keys: Vec<PublicKey>| {
        let header = Header { next_validators: validators_hash(&keys), ..header_at(1, 20, FIRST) };
        let block = certified_by(FIRST, vec![header], FIRST);
        Handover { block, validators: Bounded::new(keys).expect("few") }
    };
    let list = |keys: Vec<PublicKey>| Bounded::new(keys).expect("few");
    let thieves = &[8, 9, 10, 11];
    let (stolen, after) = (header_at(1, 20, thieves), header_at(2, 21, &[]));
    let after = Header { parent: stolen.digest(), ..after };
    let few = CertificateError::TooFew { signed: 2, needed: 3 };
    vec![
        (
            "other keys",
            Handover { validators: list(keys(thieves)), ..good.clone() },
            HandoverError::OtherValidators,
        ),
        (
            "a key more",
            Handover { validators: list(keys(&[1, 2, 3, 5, 6])), ..good.clone() },
            HandoverError::OtherValidators,
        ),
        (
            "a key less",
            Handover { validators: list(keys(&[1, 2, 3])), ..good.clone() },
            HandoverError::OtherValidators,
        ),
        ("no keys", unsorted(vec![]), KeysError.into()),
        ("a key twice", unsorted([keys(&[1]), keys(&[1])].concat()), KeysError.into()),
        ("descending keys", unsorted(keys(SECOND).into_iter().rev().collect()), KeysError.into()),
        (
            "another header under the certificate",
            Handover {
                block: CertifiedHeader {
                    headers: Bounded::new(vec![stolen.clone()]).expect("few"),
                    ..good.block.clone()
                },
                validators: list(keys(thieves)),
            },
            CertificateError::OtherBlock.into(),
        ),
        (
            "certified by the new ones",
            Handover {
                block: certified_by(thieves, vec![stolen.clone()], thieves),
                validators: list(keys(thieves)),
            },
            CertificateError::Signature.into(),
        ),
        (
            "certified by too few",
            Handover {
                block: certified_by(FIRST, vec![stolen.clone()], &[1, 4]),
                validators: list(keys(thieves)),
            },
            few.into(),
        ),
        (
            "certified by the new ones in the next epoch",
            Handover {
                block: certified_by(thieves, vec![stolen, after], thieves),
                validators: list(keys(thieves)),
            },
            HandoverError::Headers,
        ),
        ("no header", with(|changed| changed.block.headers = Bounded::default()), HandoverError::Headers),
        (
            "a header that names nobody",
            Handover {
                block: certified_by(FIRST, vec![header_at(1, 20, &[])], FIRST),
                validators: list(keys(SECOND)),
            },
            HandoverError::OtherValidators,
        ),
        (
            "another network",
            Handover {
                block: certified_by(
                    FIRST,
                    vec![Header {
                        network: salus_types::NetworkId(Digest::ZERO),
                        ..header_at(1, 20, SECOND)
                    }],
                    FIRST,
                ),
                validators: list(keys(SECOND)),
            },
            CertificateError::OtherNetwork.into(),
        ),
        ("after all epochs", handover(u64::MAX, 20, FIRST, SECOND), HandoverError::Order),
    ]
}

#[test]
fn a_forged_handover_is_refused() {
    for (name, forged, expected) in forgeries() {
        assert_eq!(extended(&[forged]).err(), Some(expected), "{name}");
    }
}

#[test]
fn handovers_are_taken_in_order_and_none_may_be_missing() {
    let [first, second] = handovers();
    let order = Some(HandoverError::Order);
    let unknown = Some(CertificateError::Signature.into());
    let early = Some(CertificateError::OutsideEpoch.into());
    for (name, list, expected) in [
        ("in order", vec![first.clone(), second.clone()], None),
        ("the second before the first", vec![second.clone(), first.clone()], unknown),
        ("one twice", vec![first.clone(), first.clone()], order),
        ("the first after both", vec![first.clone(), second.clone(), first.clone()], order),
        ("the second alone", vec![second], unknown),
        ("a second one below the first", vec![first, handover(3, 19, SECOND, THIRD)], early),
    ] {
        assert_eq!(extended(&list).err(), expected, "{name}");
    }
}

#[test]
fn what_is_known_already_is_passed_over() {
    let mut validators = informed();
    assert_eq!(validators.extend(&handovers()), Ok(()));
    let fork = handover(1, 20, FIRST, THIRD);
    assert_eq!(validators.extend(&[fork]), Ok(()));
    assert_eq!(check(&validators, &block(2, 27, SECOND)), Ok(()));
    assert!(check(&validators, &block(2, 27, THIRD)).is_err());
}

#[test]
fn a_handover_after_a_later_round_holds() {
    let header = header_at(1, 20, SECOND);
    let round = (1, header.view + 7, header.view + 3);
    let certificate = Bounded::new(certificate_of(FIRST, round, &header, FIRST)).expect("small");
    let block = CertifiedHeader { headers: Bounded::new(vec![header]).expect("few"), certificate };
    let handover = Handover { block, validators: Bounded::new(keys(SECOND)).expect("few") };
    assert!(extended(&[handover]).is_ok());
}

#[test]
fn every_changed_byte_of_a_handover_is_noticed() {
    let all = handovers();
    for at in 0..all.len() {
        let bytes = all[at].encode();
        for position in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[position] ^= 1 << (position % 8);
            if let Ok(changed) = decode_canonical::<Handover>(&changed) {
                let mut list = all.clone();
                list[at] = changed;
                assert!(extended(&list).is_err(), "handover {at}, byte {position}");
            }
            assert!(decode_canonical::<Handover>(&bytes[..position]).is_err(), "cut at {position}");
        }
    }
}

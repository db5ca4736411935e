//! Checkpoints: from there on as from genesis, and nothing before.

use super::*;
use crate::{ChainHeader, CheckpointFile, KeysError, verify_chain};
use salus_types::proof::Checkpoint;

fn checkpoint() -> Checkpoint {
    let block = certified_by(SECOND, vec![header_at(2, 25, &[])], SECOND);
    informed().checkpoint(&block).expect("a final block")
}

#[test]
fn a_checkpoint_serves_for_its_epoch_and_later_ones() {
    let mut validators = Validators::of_checkpoint(&checkpoint()).expect("validators");
    let block = |epoch, height, set: &[u8]| certified_by(set, vec![header_at(epoch, height, &[])], set);
    assert_eq!(check(&validators, &block(2, 25, SECOND)), Ok(()));
    assert_eq!(check(&validators, &block(2, 22, SECOND)), Ok(()));
    assert_eq!(check(&validators, &block(3, 31, SECOND)), Ok(()));
    assert_eq!(check(&validators, &block(1, 17, FIRST)), Err(CertificateError::EpochBefore(1)));
    assert_eq!(check(&validators, &block(4, 47, THIRD)), Err(CertificateError::OtherValidators));
    validators.extend(&handovers()).expect("the same list as from genesis");
    assert_eq!(check(&validators, &block(4, 47, THIRD)), Ok(()));
    assert_eq!(check(&validators, &block(2, 25, SECOND)), Ok(()));
}

#[test]
fn a_checkpoint_names_its_block() {
    let validators = Validators::of_checkpoint(&checkpoint()).expect("validators");
    let other = Header { time_ms: 9, ..header_at(2, 25, &[]) };
    let other = certified_by(SECOND, vec![other], SECOND);
    assert_eq!(check(&validators, &other), Err(CertificateError::OtherHistory(25)));
    let link = ChainHeader::of(&other).expect("a header");
    assert!(verify_chain(&validators, &[link]).is_err());
    let forged = certified_by(FIRST, vec![header_at(2, 25, &[])], FIRST);
    assert!(informed().checkpoint(&forged).is_err(), "only a final block gives a checkpoint");
}

#[test]
fn a_checkpoint_file_says_what_it_encodes_or_is_refused() {
    let text = serde_json::to_string(&CheckpointFile::of(&checkpoint())).expect("JSON");
    assert_eq!(CheckpointFile::parse(&text).expect("reads"), checkpoint());
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(CheckpointFile::parse(&changed).is_err(), "changed at {position}");
    }
}

#[test]
fn a_checkpoint_has_validators_in_ascending_order() {
    let with = |keys: Vec<PublicKey>| {
        let checkpoint = Checkpoint { validators: Bounded::new(keys).expect("few"), ..checkpoint() };
        let text = serde_json::to_string(&CheckpointFile::of(&checkpoint)).expect("JSON");
        assert!(CheckpointFile::parse(&text).is_err());
        Validators::of_checkpoint(&checkpoint).err()
    };
    for keys in [vec![], keys(SECOND).into_iter().rev().collect(), [keys(&[1]), keys(&[1])].concat()] {
        assert_eq!(with(keys), Some(KeysError));
    }
}

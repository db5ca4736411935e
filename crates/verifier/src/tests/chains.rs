//! Long chains of headers, whose certificates are checked by several threads.

use super::*;
use crate::chain::verify_shared;
use crate::{ChainError, ChainHeader, verify_chain};

/// Blocks of the chain: several threads, several batches each, three sets of validators.
const LENGTH: u64 = 400;

/// Height of the block of the chain that ends an epoch.
const CHANGES: [(u64, &[u8], &[u8]); 2] = [(90, FIRST, SECOND), (300, SECOND, THIRD)];

struct Block {
    header: Header,
    certificate: Option<Vec<u8>>,
}

/// Heights from 1 on; every third block has no certificate of its own.
fn chain() -> (Validators, Vec<Block>) {
    let mut validators = Validators::of_genesis(&genesis());
    let (mut blocks, mut epoch, mut set) = (Vec::<Block>::new(), 0, FIRST);
    for height in 1..=LENGTH {
        let change = CHANGES.iter().find(|(last, ..)| *last == height);
        let parent = blocks.last().map_or(Digest::ZERO, |block| block.header.digest());
        let header = Header { parent, ..header_at(epoch, height, change.map_or(&[], |(_, _, next)| next)) };
        let block = certified_by(set, vec![header.clone()], &set[1..]);
        let own = height % 3 != 2 || height == LENGTH;
        blocks.push(Block { header, certificate: own.then(|| block.certificate.to_vec()) });
        if let Some((_, _, next)) = change {
            let handover = Handover { block, validators: Bounded::new(keys(next)).expect("few") };
            validators.extend(&[handover]).expect("a handover");
            (epoch, set) = (epoch + 1, next);
        }
    }
    (validators, blocks)
}

fn linked(blocks: &[Block]) -> Vec<ChainHeader<'_>> {
    blocks
        .iter()
        .map(|Block { header, certificate }| ChainHeader { header, certificate: certificate.as_deref() })
        .collect()
}

fn verify(validators: &Validators, blocks: &[Block]) -> Result<(), ChainError> {
    verify_chain(validators, &linked(blocks))
}

#[test]
fn a_chain_over_epochs_holds_whole_and_in_parts() {
    let (validators, blocks) = chain();
    assert_eq!(verify(&validators, &blocks), Ok(()));
    assert_eq!(verify(&validators, &[]), Ok(()));
    for (from, to) in [(0, 1), (0, 31), (88, 91), (100, 228), (399, 400), (1, 399)] {
        assert_eq!(verify(&validators, &blocks[from..to]), Ok(()), "{from}..{to}");
    }
}

#[test]
fn a_chain_that_crosses_a_handover_needs_it() {
    let (_, blocks) = chain();
    let genesis_only = Validators::of_genesis(&genesis());
    assert_eq!(verify(&genesis_only, &blocks[..90]), Ok(()));
    let error = CertificateError::MissingHandover(1);
    assert_eq!(verify(&genesis_only, &blocks), Err(ChainError { height: 91, error }));
}

#[test]
fn the_last_header_must_be_certified() {
    let (validators, blocks) = chain();
    let error = CertificateError::Uncertified;
    assert_eq!(verify(&validators, &blocks[..50]), Err(ChainError { height: 50, error }));
}

/// One thing is wrong at a height, at places where threads and batches meet, too.
#[test]
fn the_lowest_height_that_fails_is_named() {
    let (validators, mut blocks) = chain();
    let at = |height: u64, error| Err(ChainError { height, error });
    for height in [1, 3, 31, 33, 63, 64, 66, 90, 99, 127, 129, 198, 199, 201, 202, 264, 300, 399, 400] {
        let index = height as usize - 1;
        // A signature.
        let good = blocks[index].certificate.clone().expect("one of its own");
        let mut bad = good.clone();
        *bad.last_mut().expect("bytes") ^= 1;
        blocks[index].certificate = Some(bad);
        assert_eq!(verify(&validators, &blocks), at(height, CertificateError::Signature));
        // Other failures further on do not hide it.
        let (near, last) = ((index + 3).min(blocks.len() - 1), blocks.len() - 1);
        let others = [near, last].map(|at| blocks[at].certificate.clone());
        if near != index {
            let mut bad = blocks[near].certificate.clone().expect("one of its own");
            *bad.last_mut().expect("bytes") ^= 1;
            blocks[near].certificate = Some(bad);
            blocks[last].certificate = Some(vec![1]);
            assert_eq!(verify(&validators, &blocks), at(height, CertificateError::Signature));
        }
        [blocks[near].certificate, blocks[last].certificate] = others;
        // Bytes that are no certificate, and the certificate of another block.
        blocks[index].certificate = Some(good[..good.len() - 1].to_vec());
        assert_eq!(verify(&validators, &blocks), at(height, CertificateError::Malformed));
        let other = if height == 1 { 2 } else { 0 };
        blocks[index].certificate = blocks[other].certificate.clone().or(Some(vec![]));
        assert!(
            matches!(verify(&validators, &blocks), Err(ChainError { height: found, .. }) if found == height)
        );
        blocks[index].certificate = Some(good.clone());
        // The header: its own certificate is for another block, then.
        blocks[index].header.time_ms += 1;
        let known = [90, 300].contains(&height);
        let error = if known { CertificateError::OtherHistory(height) } else { CertificateError::OtherBlock };
        assert_eq!(verify(&validators, &blocks), at(height, error));
        // Without a certificate, the next header leads elsewhere.
        if height < LENGTH && !known {
            blocks[index].certificate = None;
            assert_eq!(verify(&validators, &blocks), at(height + 1, CertificateError::Chain));
            blocks[index].certificate = Some(good);
        }
        blocks[index].header.time_ms -= 1;
    }
    assert_eq!(verify(&validators, &blocks), Ok(()));
}

/// However many threads there are, no header is left out where they meet.
#[test]
fn every_header_is_held_to_the_one_before() {
    let (validators, mut blocks) = chain();
    for threads in [0, 1, 2, 3, 7, 64, 400, 999] {
        assert_eq!(verify_shared(&validators, &linked(&blocks), threads), Ok(()), "{threads} threads");
    }
    for index in 0..blocks.len() - 1 {
        if blocks[index].certificate.is_some() {
            continue;
        }
        blocks[index].header.time_ms += 1;
        let error = CertificateError::Chain;
        let height = blocks[index].header.height + 1;
        // The last one of these is certified.
        let few = linked(&blocks[index.saturating_sub(3)..index + 3]);
        for threads in 1..=6 {
            let found = verify_shared(&validators, &few, threads);
            assert_eq!(found, Err(ChainError { height, error }), "{threads} threads");
        }
        blocks[index].header.time_ms -= 1;
    }
}

#[test]
fn a_gap_or_a_header_of_another_network_is_noticed() {
    let (validators, mut blocks) = chain();
    let taken = blocks.remove(149);
    let error = CertificateError::Chain;
    assert_eq!(verify(&validators, &blocks), Err(ChainError { height: 151, error }));
    blocks.insert(149, taken);
    blocks[200].header.network = salus_types::NetworkId(Digest::ZERO);
    let error = CertificateError::OtherNetwork;
    assert_eq!(verify(&validators, &blocks), Err(ChainError { height: 201, error }));
}

#[test]
fn only_a_certificate_of_its_own_goes_with_a_header() {
    let first = header();
    let second = Header { height: 8, parent: first.digest(), ..header() };
    let own = certified(vec![first.clone()], FIRST);
    let later = certified(vec![first, second], FIRST);
    assert!(ChainHeader::of(&own).is_some_and(|one| one.certificate.is_some()));
    assert!(ChainHeader::of(&later).is_some_and(|one| one.certificate.is_none()));
    let empty = CertifiedHeader { headers: Bounded::default(), certificate: own.certificate };
    assert!(ChainHeader::of(&empty).is_none());
}

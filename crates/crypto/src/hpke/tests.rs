use super::*;
use crate::kdf::expand;
use crate::sign::SigningKey;
use commonware_codec::{Copying, Decode as _, Encode as _};
use rand::SeedableRng as _;
use rfc9180::kem::X25519HkdfSha256;
use serde_json::Value;

fn key(n: u8) -> HpkePrivateKey {
    HpkePrivateKey::from_seed(&Secret32::from_bytes(&[n; 32]))
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).expect("hex").try_into().expect("length")
}

fn file(name: &str) -> Value {
    let path = format!("testdata/{name}");
    serde_json::from_slice(&std::fs::read(path).expect("file")).expect("json")
}

fn bytes(value: &Value, field: &str) -> Vec<u8> {
    hex::decode(value[field].as_str().expect(field)).expect("hex")
}

/// A generator that gives out fixed bytes, for the vectors of deterministic encapsulation.
struct Fixed(Vec<u8>);

impl rand::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("X-Wing asks for bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("X-Wing asks for bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.copy_from_slice(&self.0.drain(..out.len()).collect::<Vec<_>>());
        Ok(())
    }
}

impl rand::TryCryptoRng for Fixed {}

#[test]
fn keys_and_encapsulation_are_those_of_the_x_wing_draft() {
    let vectors = file("x-wing-draft.json");
    let vectors = vectors["vectors"].as_array().expect("array");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let seed = Secret32::from_bytes(bytes(vector, "sk")[..].try_into().expect("32 bytes"));
        let key = HpkePrivateKey::from_seed(&seed);
        assert_eq!(key.public().0[..], bytes(vector, "pk"));
        let public = KemPublic::from_bytes(&key.public().0).expect("public key");
        let (shared, enc) =
            XWing::encap_with_rng(&public, None, &mut Fixed(bytes(vector, "eseed"))).expect("encapsulates");
        assert_eq!(
            (&enc.to_bytes()[..], &shared.0[..]),
            (&bytes(vector, "ct")[..], &bytes(vector, "ss")[..])
        );
        assert_eq!(XWing::decap(&key.key, None, &enc).expect("decapsulates").0[..], bytes(vector, "ss"));
    }
}

/// RFC 9180 5.1 by hand, base mode, HKDF-SHA256: (key, base nonce, exporter secret).
struct Schedule {
    suite: Vec<u8>,
    key: [u8; 32],
    base_nonce: [u8; 32],
    exporter: [u8; 32],
}

fn labeled_extract(suite: &[u8], salt: &[u8], label: &str, ikm: &[u8]) -> Secret32 {
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, salt);
    let labeled = [b"HPKE-v1", suite, label.as_bytes(), ikm].concat();
    Secret32::from_bytes(aws_lc_rs::hmac::sign(&hmac, &labeled).as_ref().try_into().expect("32 bytes"))
}

/// The first 32 bytes of an expansion to `len`.
fn labeled_expand(suite: &[u8], prk: &Secret32, label: &str, info: &[u8], len: u16) -> [u8; 32] {
    expand(prk, &[&len.to_be_bytes(), &b"HPKE-v1"[..], suite, label.as_bytes(), info].concat())
}

fn schedule(kem: u16, aead: u16, shared: &[u8], info: &[u8]) -> Schedule {
    let suite = [&b"HPKE"[..], &kem.to_be_bytes(), &1u16.to_be_bytes(), &aead.to_be_bytes()].concat();
    let psk_id_hash = labeled_extract(&suite, b"", "psk_id_hash", b"");
    let info_hash = labeled_extract(&suite, b"", "info_hash", info);
    let context = [&[0], &psk_id_hash.expose()[..], info_hash.expose()].concat();
    let secret = labeled_extract(&suite, shared, "secret", b"");
    Schedule {
        key: labeled_expand(&suite, &secret, "key", &context, 32),
        base_nonce: labeled_expand(&suite, &secret, "base_nonce", &context, 12),
        exporter: labeled_expand(&suite, &secret, "exp", &context, 32),
        suite,
    }
}

impl Schedule {
    fn export(&self, context: &[u8]) -> [u8; 32] {
        labeled_expand(&self.suite, &Secret32::from_bytes(&self.exporter), "sec", context, 32)
    }
}

#[test]
fn the_hand_made_schedule_gives_the_x_wing_values_of_draft_ietf_hpke_pq() {
    let vector = schedule(
        0x647a,
        3,
        &unhex::<32>("58200ed1f137bd95a921bb47f6aaecf2395b26f7fd24efd3a5ffae4849e8dea3"),
        &hex::decode("34663634363532303666366532303631323034373732363536333639363136653230353537323665")
            .expect("hex"),
    );
    assert_eq!(hex::encode(vector.key), "131c2ebb469b909a40915914afd7ff5e638888ac7195dcaaaef8f9a84f0e4030");
    assert_eq!(hex::encode(&vector.base_nonce[..12]), "2b7a68f19e6cdbd43dda3c6d");
    assert_eq!(
        hex::encode(vector.exporter),
        "c5362ef3c0008d0e573000c5c25a3f62a3bc7061cd41a384c86c27b37d945bbb"
    );
    for (context, expected) in [
        ("pseudorandom0", "5a78d37f40e078c17ef43fa40963f1ff7dcdee56e366da9099dc181c3eccaee5"),
        ("pseudorandom4", "f77f100943595e59526fb9753401e57b86630f97ad99e6e9d73c8c272a4ad2f0"),
    ] {
        assert_eq!(hex::encode(vector.export(context.as_bytes())), expected);
    }
}

#[test]
fn our_envelopes_and_link_keys_follow_that_schedule() {
    let envelope = seal(&key(1).public(), b"info", b"aad", b"plaintext").expect("seals");
    let enc = KemEncapsulated::from_bytes(&envelope.enc.0).expect("enc");
    let shared = XWing::decap(&key(1).key, None, &enc).expect("decapsulates");
    let schedule = schedule(0x647a, 2, &shared.0, b"info");
    let aead = aws_lc_rs::aead::UnboundKey::new(&aws_lc_rs::aead::AES_256_GCM, &schedule.key).expect("key");
    let nonce = schedule.base_nonce[..12].try_into().expect("12 bytes");
    let mut ct = envelope.ct.clone();
    let opened = aws_lc_rs::aead::LessSafeKey::new(aead)
        .open_in_place(
            aws_lc_rs::aead::Nonce::assume_unique_for_key(nonce),
            aws_lc_rs::aead::Aad::from(b"aad"),
            &mut ct,
        )
        .expect("opens");
    assert_eq!(opened, b"plaintext");
    let link = link_receive(&key(1), &envelope.enc, b"info").expect("exports");
    assert_eq!(*link.expose(), schedule.export(LINK_CONTEXT));
}

#[test]
fn the_library_gives_the_values_of_rfc_9180_a_1_1() {
    type X25519 = X25519HkdfSha256;
    let private = <X25519 as Kem>::PrivateKey::from_bytes(&unhex::<32>(
        "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    ))
    .expect("key");
    let enc = <X25519 as Kem>::EncappedKey::from_bytes(&unhex::<32>(
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    ))
    .expect("enc");
    let mut context = rfc9180::setup_receiver::<rfc9180::aead::AesGcm128, HkdfSha256, X25519>(
        &OpModeR::Base,
        &private,
        &enc,
        b"Ode on a Grecian Urn",
    )
    .expect("context");
    let ct = hex::decode(
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    )
    .expect("hex");
    assert_eq!(context.open(&ct, b"Count-0").expect("opens"), b"Beauty is truth, truth beauty");
    for (exporter_context, expected) in [
        (&b""[..], "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee"),
        (b"\0", "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5"),
        (b"TestContext", "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931"),
    ] {
        let mut exported = [0; 32];
        context.export(exporter_context, &mut exported).expect("exports");
        assert_eq!(hex::encode(exported), expected);
    }
}

/// RFC 9180 A.1.1.1. Our envelopes hold one message each, so this is about the library; no RFC has vectors for the
/// suite that we use, whose schedule is made by hand above. ML-KEM and X25519 are reached through X-Wing alone, which
/// derives both keys from one seed, so their own vectors cannot be fed in.
#[test]
fn the_library_gives_the_sequence_of_rfc_9180_a_1_1() {
    type X25519 = X25519HkdfSha256;
    let public = <X25519 as Kem>::PublicKey::from_bytes(&unhex::<32>(
        "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    ))
    .expect("key");
    let private = <X25519 as Kem>::PrivateKey::from_bytes(&unhex::<32>(
        "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    ))
    .expect("key");
    let ikm = hex::decode("7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234").expect("hex");
    let info = b"Ode on a Grecian Urn";
    let (enc, mut sender) = rfc9180::setup_sender_with_rng::<rfc9180::aead::AesGcm128, HkdfSha256, X25519>(
        &OpModeS::Base,
        &public,
        info,
        &mut Fixed(ikm),
    )
    .expect("context");
    let mut receiver = rfc9180::setup_receiver::<rfc9180::aead::AesGcm128, HkdfSha256, X25519>(
        &OpModeR::Base,
        &private,
        &enc,
        info,
    )
    .expect("context");
    let expected = std::collections::BTreeMap::from([
        (0, "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"),
        (1, "af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a56b8ca42c2063b84"),
        (2, "498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4a683518973dcc180"),
        (4, "583bd32bc67a5994bb8ceaca813d369bca7b2a42408cddef5e22f880b631215a09fc0012bc69fccaa251c0246d"),
        (255, "7175db9717964058640a3a11fb9007941a5d1757fda1a6935c805c21af32505bf106deefec4a49ac38d71c9e0a"),
        (256, "957f9800542b0b8891badb026d79cc54597cb2d225b54c00c5238c25d05c30e3fbeda97d2e0e1aba483a2df9f2"),
    ]);
    let mut checked = 0;
    for sequence in 0..=256 {
        let (message, aad) = (b"Beauty is truth, truth beauty", format!("Count-{sequence}"));
        let ct = sender.seal(message, aad.as_bytes()).expect("seals");
        assert_eq!(receiver.open(&ct, aad.as_bytes()).expect("opens"), message);
        if let Some(expected) = expected.get(&sequence) {
            assert_eq!(hex::encode(ct), *expected, "sequence {sequence}");
            checked += 1;
        }
    }
    assert_eq!(checked, expected.len());
}

#[test]
fn an_envelope_opens_for_its_recipient_info_and_aad_only() {
    for plaintext in [&b""[..], b"x", &[7; 5000]] {
        let envelope = seal(&key(1).public(), b"info", b"aad", plaintext).expect("seals");
        assert_eq!(envelope.to_bytes().len(), plaintext.len() + OVERHEAD);
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()), Ok(envelope.clone()));
        assert_eq!(*open(&key(1), b"info", b"aad", &envelope).expect("opens"), plaintext);
        assert_eq!(open(&key(2), b"info", b"aad", &envelope), Err(HpkeError::Open));
        assert_eq!(open(&key(1), b"inf0", b"aad", &envelope), Err(HpkeError::Open));
        assert_eq!(open(&key(1), b"info", b"aae", &envelope), Err(HpkeError::Open));
    }
}

#[test]
fn every_mutated_byte_of_an_envelope_is_rejected() {
    let sealed = seal(&key(1).public(), b"info", b"aad", &[5; 48]).expect("seals").to_bytes();
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1 << (at % 8);
        let bad = Envelope::from_bytes(&bad).expect("long enough");
        assert_eq!(open(&key(1), b"info", b"aad", &bad), Err(HpkeError::Open), "byte {at}");
    }
    for bit in 0..8 {
        let mut bad = sealed.clone();
        bad[Encapsulated::LEN - 1] ^= 1 << bit;
        let bad = Envelope::from_bytes(&bad).expect("long enough");
        assert_eq!(
            open(&key(1), b"info", b"aad", &bad),
            Err(HpkeError::Open),
            "last byte of X25519, bit {bit}"
        );
    }
    for len in [0, 1119, 1120, 1135] {
        assert_eq!(Envelope::from_bytes(&sealed[..len]), Err(HpkeError::Length));
    }
}

#[test]
fn bad_keys_and_long_infos_are_refused() {
    let not_reduced = HpkePublicKey([0xff; 1216]);
    assert_eq!(seal(&not_reduced, b"", b"", b""), Err(HpkeError::PublicKey));
    let info = vec![0; INFO_LEN_MAX + 1];
    assert_eq!(seal(&key(1).public(), &info, b"", b""), Err(HpkeError::Info(INFO_LEN_MAX + 1)));
    let envelope = seal(&key(1).public(), &info[1..], b"", b"").expect("longest info");
    assert!(open(&key(1), &info[1..], b"", &envelope).is_ok());
    assert_eq!(open(&key(1), &info, b"", &envelope), Err(HpkeError::Info(INFO_LEN_MAX + 1)));
}

#[test]
fn both_ends_of_a_link_have_one_key_and_nobody_else_has() {
    let (enc, sent) = link_send(&key(1).public(), b"info").expect("sends");
    assert_eq!(link_receive(&key(1), &enc, b"info"), Ok(sent.clone()));
    assert_ne!(link_receive(&key(1), &enc, b"other"), Ok(sent.clone()));
    assert_ne!(link_receive(&key(2), &enc, b"info"), Ok(sent.clone()));
    for at in 0..Encapsulated::LEN {
        let mut bad = enc.clone();
        bad.0[at] ^= 0x80;
        assert_ne!(link_receive(&key(1), &bad, b"info"), Ok(sent.clone()), "byte {at}");
    }
    let (_, again) = link_send(&key(1).public(), b"info").expect("sends");
    assert_ne!(again, sent);
}

const SPACE: &str = "salus test";

fn signed() -> SignedEnvelope {
    let sender = SigningKey::from_seed(&[9; 32]);
    SignedEnvelope::seal(&sender, SPACE, &key(1).public(), b"info", b"context", b"plaintext").expect("seals")
}

#[test]
fn a_signed_envelope_opens_from_its_sender_in_its_place_only() {
    let envelope = signed();
    let from = envelope.sender;
    let other = SigningKey::from_seed(&[8; 32]).public();
    for (result, expected) in [
        (envelope.open(&from, SPACE, &key(1), b"info", b"context"), Ok(b"plaintext".to_vec())),
        (envelope.open(&other, SPACE, &key(1), b"info", b"context"), Err(HpkeError::Sender)),
        (envelope.open(&from, "other", &key(1), b"info", b"context"), Err(HpkeError::Signature)),
        (envelope.open(&from, SPACE, &key(1), b"info", b"contexx"), Err(HpkeError::Signature)),
        (envelope.open(&from, SPACE, &key(1), b"inf0", b"context"), Err(HpkeError::Open)),
        (envelope.open(&from, SPACE, &key(2), b"info", b"context"), Err(HpkeError::Open)),
    ] {
        assert_eq!(result.map(|plaintext| plaintext.to_vec()), expected);
    }
}

#[test]
fn nobody_can_sign_anothers_envelope_as_their_own() {
    let thief = SigningKey::from_seed(&[8; 32]);
    let mut stolen = signed();
    stolen.sender = thief.public();
    stolen.signature = thief.sign(SPACE, &signed_message(&stolen.enc, &stolen.ct, b"context"));
    assert_eq!(stolen.verify(SPACE, b"context"), Ok(()));
    assert_eq!(stolen.open(&thief.public(), SPACE, &key(1), b"info", b"context"), Err(HpkeError::Open));
}

#[test]
fn bytes_cannot_move_between_ciphertext_and_context() {
    let envelope = signed();
    let mut moved = envelope.clone();
    let last = moved.ct.pop().expect("not empty");
    assert_eq!(moved.verify(SPACE, &[&[last], &b"context"[..]].concat()), Err(HpkeError::Signature));
}

#[test]
fn every_mutated_byte_of_a_signed_envelope_is_rejected() {
    let envelope = signed();
    let encoded = envelope.encode();
    let range = RangeCfg::from(0..=1000);
    assert_eq!(SignedEnvelope::decode_cfg(Copying(&encoded[..]), &range).expect("decodes"), envelope);
    for at in 0..encoded.len() {
        let mut bad = encoded.to_vec();
        bad[at] ^= 1 << (at % 8);
        let Ok(bad) = SignedEnvelope::decode_cfg(Copying(&bad[..]), &range) else { continue };
        assert!(bad.open(&envelope.sender, SPACE, &key(1), b"info", b"context").is_err(), "byte {at}");
    }
    assert!(SignedEnvelope::decode_cfg(Copying(&encoded[..]), &RangeCfg::from(0..=10)).is_err());
}

#[test]
fn json_forms_are_hex_and_strict() {
    let envelope = signed();
    let json = serde_json::to_string(&envelope).expect("json");
    assert_eq!(serde_json::from_str::<SignedEnvelope>(&json).expect("json"), envelope);
    let upper = json.replacen(&hex::encode(&envelope.ct), &hex::encode_upper(&envelope.ct), 1);
    assert!(serde_json::from_str::<SignedEnvelope>(&upper).is_err());
    assert!(serde_json::from_str::<SignedEnvelope>(&json.replacen('{', "{\"more\":1,", 1)).is_err());
}

#[test]
fn the_vector_file_opens() {
    let vector = file("hpke-xwing.json");
    let key =
        HpkePrivateKey::from_seed(&Secret32::from_bytes(bytes(&vector, "seed")[..].try_into().expect("32")));
    assert_eq!(key.public().0[..], bytes(&vector, "public"));
    let envelope =
        Envelope::from_bytes(&[bytes(&vector, "enc"), bytes(&vector, "ct")].concat()).expect("envelope");
    let opened = open(&key, &bytes(&vector, "info"), &bytes(&vector, "aad"), &envelope).expect("opens");
    assert_eq!(*opened, bytes(&vector, "plaintext"));
    assert_eq!(bytes(&vector, "exporter_context"), LINK_CONTEXT);
    let link = link_receive(&key, &envelope.enc, &bytes(&vector, "info")).expect("exports");
    assert_eq!(link.expose()[..], bytes(&vector, "exported"));

    let signed: SignedEnvelope =
        serde_json::from_value(vector["signed"]["envelope"].clone()).expect("signed");
    let (info, context) = (bytes(&vector["signed"], "info"), bytes(&vector["signed"], "context"));
    let namespace = vector["signed"]["namespace"].as_str().expect("namespace");
    let from: crate::PublicKey = vector["signed"]["sender"].as_str().expect("sender").parse().expect("hex");
    assert_eq!(
        *signed.open(&from, namespace, &key, &info, &context).expect("opens"),
        bytes(&vector, "plaintext")
    );
}

#[test]
#[ignore = "writes testdata/hpke-xwing.json anew; a change of bytes is a commit of its own"]
fn regenerate_the_vector_file() {
    let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
    let seed = crate::hash::sha256("salus hpke vector").0;
    let key = HpkePrivateKey::from_seed(&Secret32::from_bytes(&seed));
    let (info, aad, plaintext) = (b"salus vector info", b"salus vector aad", "Grüße from Salus".as_bytes());
    let (enc, mut context) = setup_sender(&key.public(), info, &mut rng).expect("sets up");
    let envelope = seal_with(enc, &mut context, aad, plaintext).expect("seals");
    let exported = link_receive(&key, &envelope.enc, info).expect("exports");
    let sender = SigningKey::from_seed(&crate::hash::sha256("salus sender vector").0);
    let signed =
        SignedEnvelope::seal(&sender, "salus vector", &key.public(), info, b"salus context", plaintext)
            .expect("seals");
    let json = serde_json::json!({
        "about": "HPKE base mode: KEM 0x647a X-Wing, KDF 0x0001 HKDF-SHA256, AEAD 0x0002 AES-256-GCM. seed is the \
                  serialised private key. exported = export(exporter_context, 32) of the same context. signed: aad = \
                  sender || context; Ed25519 over LEB128(len(namespace)) || namespace || enc || u64 BE len(ct) || ct \
                  || context; to the same key, same plaintext.",
        "seed": hex::encode(seed),
        "public": key.public(),
        "info": hex::encode(info),
        "aad": hex::encode(aad),
        "enc": envelope.enc,
        "ct": hex::encode(&envelope.ct),
        "plaintext": hex::encode(plaintext),
        "exporter_context": hex::encode(LINK_CONTEXT),
        "exported": hex::encode(exported.expose()),
        "signed": {
            "namespace": "salus vector",
            "info": hex::encode(info),
            "context": hex::encode(b"salus context"),
            "sender_seed": hex::encode(*sender.expose_seed()),
            "sender": sender.public(),
            "envelope": signed,
        },
    });
    let path = "testdata/hpke-xwing.json";
    std::fs::write(path, serde_json::to_string_pretty(&json).expect("json") + "\n").expect("written");
}

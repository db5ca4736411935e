//! The byte formats of this crate, pinned in `testdata/constructions.json` for other languages. HPKE and Shamir have
//! files of their own. The Merkle leaves are the single bytes 0 to 6.

use salus_crypto::{Secret32, SigningKey, aead, commit, hash, kdf, merkle};
use serde_json::{Value, json};

const FILE: &str = "testdata/constructions.json";
const LABEL: kdf::Label = kdf::Label::new("salus/vector/label");

fn constructions() -> Value {
    let key = Secret32::from_bytes(&std::array::from_fn(|at| at as u8));
    let r: [u8; 64] = std::array::from_fn(|at| 0xff - at as u8);
    let (aad, plaintext) = (b"salus vector aad", "Grüße from Salus".as_bytes());
    let long: Vec<u8> = (0..aead::CHUNK_LEN + 100).map(|at| (at % 251) as u8).collect();
    let signer = SigningKey::from_seed(&[1; 32]);
    let tree = merkle::Tree::new((0..7).map(|leaf: u8| merkle::leaf_hash([leaf])).collect());
    json!({
        "hash": {
            "tag": "salus/vector/tag", "parts": ["", "00", "0102"],
            "digest": hash::hash("salus/vector/tag", &[&[], &[0], &[1, 2]]),
        },
        "commitment": {
            "tag": "salus/vector/tag", "r": hex::encode(r), "parts": ["0102"],
            "digest": commit::commitment("salus/vector/tag", &r, &[&[1, 2]]),
        },
        "derive": {
            "label": LABEL.name(), "ikm": hex::encode(key.expose()), "salt": "0a0b", "info": ["", "0102"],
            "key": hex::encode(kdf::derive(LABEL, key.expose(), &[10, 11], &[&[], &[1, 2]]).expose()),
        },
        "aead": {
            "key": hex::encode(key.expose()), "aad": hex::encode(aad), "plaintext": hex::encode(plaintext),
            "key_commitment": hex::encode(aead::key_commitment(&key)),
            "sealed": hex::encode(aead::seal(&key, aad, plaintext)),
            "sealed_committed": hex::encode(aead::seal_committed(&key, aad, plaintext)),
        },
        "stream": {
            "key": hex::encode(key.expose()), "aad": hex::encode(aad),
            "plaintext_len": long.len(), "plaintext": "byte i is i mod 251",
            "sealed_len": aead::stream_len(long.len()),
            "sealed_sha256": hash::sha256(aead::seal_stream(&key, aad, &long)),
            "sealed_empty": hex::encode(aead::seal_stream(&key, aad, &[])),
        },
        "sign": {
            "seed": hex::encode([1; 32]), "public": signer.public(), "namespace": "salus/vector", "message": "0102",
            "signature": signer.sign("salus/vector", &[1, 2]),
        },
        "merkle": { "root": tree.root(), "proofs": tree.proofs().collect::<Vec<_>>() },
    })
}

#[test]
fn the_byte_formats_are_those_of_the_file() {
    let pinned: Value = serde_json::from_slice(&std::fs::read(FILE).expect("file")).expect("json");
    assert_eq!(constructions(), pinned);
}

#[test]
#[ignore = "writes testdata/constructions.json anew; a change of bytes is a commit of its own"]
fn regenerate_the_vector_file() {
    let json = serde_json::to_string_pretty(&constructions()).expect("json");
    std::fs::write(FILE, json + "\n").expect("written");
}

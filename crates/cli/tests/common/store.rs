//! The clinical store of a demo's node as who has its keys sees it: every page of the database and of its write-ahead log,
//! opened without SQLCipher, whether anything refers to the page or not. What a search does not find here is gone; what it
//! does not find in the files is sealed.

use super::{files_below, read_json};
use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead};
use std::fs;
use std::path::Path;

/// <https://www.zetetic.net/sqlcipher/design/>: at each page's end the IV and an HMAC-SHA512.
const PAGE_LEN: usize = 4_096;
const IV_LEN: usize = 16;
const RESERVED_LEN: usize = IV_LEN + 64;
/// The salt stands where a database has its first words.
const SALT_LEN: usize = 16;
/// <https://www.sqlite.org/fileformat.html#the_write_ahead_log>
const WAL_HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 24;

/// The key of a node whose own keys lie in the clear: the file of `docs/protocol/keys.md`.
fn key(home: &Path) -> [u8; 32] {
    const LABEL: Label = Label::new("salus/clinical-store/v1");
    let file = fs::read(home.join("clinical/clinical.key")).expect("a sealed key");
    let storage = read_json(&home.join("keys.json"))["storage_key"].as_str().expect("a key").to_owned();
    let (head, sealed) = file.split_at(b"salus-clinical-key1\n".len() + 32);
    let sealing = kdf::derive(LABEL, &hex::decode(storage).expect("digits"), &head[head.len() - 32..], &[]);
    let key = aead::open_committed(&sealing, head, sealed).expect("it opens");
    *Secret32::from_bytes(key[..32].try_into().expect("a key")).expose()
}

/// Whether a text stands in a node's clinical store.
pub(crate) fn holds(home: &Path, text: &str) -> bool {
    let key = key(home);
    let folder = files_below(&home.join("clinical"));
    assert!(folder.iter().any(|file| file.ends_with("clinical.db")), "there is a store");
    folder.iter().any(|file| memchr::memmem::find(&opened(file, &key), text.as_bytes()).is_some())
}

fn opened(file: &Path, key: &[u8; 32]) -> Vec<u8> {
    let bytes = fs::read(file).unwrap_or_default();
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "clinical.db" => bytes
            .chunks_exact(PAGE_LEN)
            .enumerate()
            .flat_map(|(at, bytes)| page(bytes, at == 0, key))
            .collect(),
        "clinical.db-wal" => bytes
            .get(WAL_HEADER_LEN..)
            .unwrap_or_default()
            .chunks_exact(FRAME_HEADER_LEN + PAGE_LEN)
            .flat_map(|frame| page(&frame[FRAME_HEADER_LEN..], frame[..4] == 1u32.to_be_bytes(), key))
            .collect(),
        _ => bytes,
    }
}

fn page(bytes: &[u8], first: bool, key: &[u8; 32]) -> Vec<u8> {
    let (sealed, reserved) = bytes.split_at(PAGE_LEN - RESERVED_LEN);
    let mut clear = sealed[if first { SALT_LEN } else { 0 }..].to_vec();
    let iv = FixedLength::from(<[u8; IV_LEN]>::try_from(&reserved[..IV_LEN]).expect("16 bytes"));
    let cipher = DecryptingKey::cbc(UnboundCipherKey::new(&AES_256, key).expect("a key")).expect("a cipher");
    cipher.decrypt(&mut clear, DecryptionContext::Iv128(iv)).expect("whole blocks");
    clear
}

//! Opens what SQLCipher sealed, page by page and without SQLCipher: so a search sees the pages that nothing refers to any
//! more, too, and a search that finds nothing in the sealed files is known to look for what is there.

use std::path::Path;

use openssl::symm::{Cipher, Crypter, Mode};

const PAGE_LEN: usize = 4_096;
/// At each page's end: the IV and the HMAC-SHA512.
const IV_LEN: usize = 16;
const RESERVED_LEN: usize = IV_LEN + 64;
/// The salt takes the place of a database's first words.
const SALT_LEN: usize = 16;
/// <https://www.sqlite.org/fileformat.html#the_write_ahead_log>
const WAL_HEADER_LEN: usize = 32;
const FRAME_HEADER_LEN: usize = 24;

/// The pages of a database or of a write-ahead log in the clear; any other file as it is.
pub(crate) fn opened(path: &Path, key: &str) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    if name.ends_with("-wal") {
        let frames =
            bytes.get(WAL_HEADER_LEN..).unwrap_or_default().chunks_exact(FRAME_HEADER_LEN + PAGE_LEN);
        let page = |frame: &[u8]| {
            let first = frame[..4] == 1u32.to_be_bytes();
            page(&frame[FRAME_HEADER_LEN..], first, key)
        };
        frames.flat_map(page).collect()
    } else if name.ends_with(".db") {
        bytes.chunks_exact(PAGE_LEN).enumerate().flat_map(|(at, bytes)| page(bytes, at == 0, key)).collect()
    } else {
        bytes
    }
}

fn page(bytes: &[u8], first: bool, key: &str) -> Vec<u8> {
    let sealed = &bytes[if first { SALT_LEN } else { 0 }..PAGE_LEN - RESERVED_LEN];
    let iv = &bytes[PAGE_LEN - RESERVED_LEN..][..IV_LEN];
    let key: Vec<u8> =
        (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect();
    let mut cipher = Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, &key, Some(iv)).unwrap();
    cipher.pad(false);
    let mut clear = vec![0; sealed.len() + IV_LEN];
    let length = cipher.update(sealed, &mut clear).unwrap();
    clear.truncate(length);
    clear
}

//! Rows are sealed, each under a key of its own, which hangs on the node's storage key and on the row's place.

use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead, random};
use salus_types::label;
use std::sync::Arc;
use zeroize::Zeroizing;

const ROW: Label = Label::new(label::GATEWAY_STORE);
const LINE: Label = Label::new(label::GATEWAY_JOURNAL);

/// The first byte of sealed bytes. JSON, which earlier versions wrote, begins with none such.
const SEALED: u8 = 1;
const SALT_LEN: usize = 32;

/// Seals what lies in files of the gateway; cheap to clone.
#[derive(Clone)]
pub(crate) struct Seal(Arc<Secret32>);

impl Seal {
    pub(crate) fn new(storage: Arc<Secret32>) -> Self {
        Self(storage)
    }

    /// A row for its place in a table.
    pub(crate) fn row(&self, table: &str, key: &[u8], row: &[u8]) -> Vec<u8> {
        self.seal(ROW, &[table.as_bytes(), key], row)
    }

    /// What a row says; `None` if it was not sealed by this node for this place.
    pub(crate) fn open_row(&self, table: &str, key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open(ROW, &[table.as_bytes(), key], sealed)
    }

    /// A line of the journal, whose place its own number says.
    pub(crate) fn line(&self, line: &[u8]) -> Vec<u8> {
        self.seal(LINE, &[], line)
    }

    /// What a line says; `None` if it was not sealed by this node.
    pub(crate) fn open_line(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.open(LINE, &[], sealed)
    }

    fn seal(&self, label: Label, place: &[&[u8]], text: &[u8]) -> Vec<u8> {
        let salt: [u8; SALT_LEN] = random::bytes();
        let key = kdf::derive(label, self.0.expose(), &salt, place);
        [&[SEALED], salt.as_slice(), &aead::seal(&key, &[], text)].concat()
    }

    fn open(&self, label: Label, place: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (salt, sealed) = sealed.strip_prefix(&[SEALED])?.split_at_checked(SALT_LEN)?;
        let key = kdf::derive(label, self.0.expose(), salt, place);
        aead::open(&key, &[], sealed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> Seal {
        Seal::new(Arc::new(Secret32::random()))
    }

    #[test]
    fn a_row_opens_in_its_place_alone_and_a_changed_one_nowhere() {
        let seal = seal();
        let row = seal.row("people", b"ann", b"{\"name\":\"Ann\"}");
        assert_eq!(seal.open_row("people", b"ann", &row).expect("opens").as_slice(), b"{\"name\":\"Ann\"}");
        assert!(!row.windows(3).any(|part| part == b"Ann"));
        for (table, key) in [("people", b"bob"), ("places", b"ann")] {
            assert!(seal.open_row(table, key, &row).is_none(), "{table}");
        }
        assert!(self::seal().open_row("people", b"ann", &row).is_none(), "another node's key");
        for at in 0..row.len() {
            let mut changed = row.clone();
            changed[at] ^= 1;
            assert!(seal.open_row("people", b"ann", &changed).is_none(), "byte {at}");
        }
        for clear in [&b"{}"[..], b"", b"\x01", b"1"] {
            assert!(seal.open_row("people", b"ann", clear).is_none());
        }
    }

    #[test]
    fn a_line_is_no_row() {
        let seal = seal();
        assert_eq!(seal.open_line(&seal.line(b"entry")).expect("opens").as_slice(), b"entry");
        assert!(seal.open_line(&seal.row("", b"", b"entry")).is_none());
    }
}

//! One search for texts in files, in every form in which a text may stand there.

use super::files_below;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::read::MultiGzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// What a gzip stream begins with: its name, and deflate (RFC 1952).
const GZIP: &[u8] = &[0x1f, 0x8b, 8];

/// Every way in which a text may stand in bytes.
pub(crate) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex = hex::encode(secret);
    let texts = [secret.to_owned(), secret.to_lowercase(), secret.to_uppercase(), hex.to_uppercase(), hex];
    let mut forms: Vec<Vec<u8>> = texts.map(String::into_bytes).into();
    forms.push(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(secret.encode_utf16().flat_map(u16::to_be_bytes).collect());
    // What stands before decides at which of three places base64 begins; its ends depend on what stands around.
    for before in ["", "x", "xx"] {
        let text = [before, secret].concat();
        let inner = |text: String| text.as_bytes()[before.len().min(1) * 4..text.len() / 4 * 4 - 4].to_vec();
        forms.extend([inner(STANDARD.encode(&text)), inner(URL_SAFE_NO_PAD.encode(&text))]);
    }
    // A key that is written as text may stand in a file as it is.
    let raw = [hex::decode(secret).ok(), STANDARD.decode(secret).ok()];
    forms.extend(raw.into_iter().flatten().filter(|bytes| bytes.len() >= 24));
    forms.sort();
    forms.dedup();
    forms
}

/// What is looked for.
pub(crate) struct Scan {
    secrets: Vec<(String, Vec<Vec<u8>>)>,
}

impl Scan {
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        Self { secrets: secrets.into_iter().map(|secret| (secret.clone(), forms(&secret))).collect() }
    }

    /// The secrets that stand in `bytes`.
    pub(crate) fn hits(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let stands = |form: &Vec<u8>| memchr::memmem::find(bytes, form).is_some();
        let found = self.secrets.iter().filter(|(_, forms)| forms.iter().any(stands));
        found.map(|(secret, _)| secret.as_str()).collect()
    }

    /// The same, and within what is compressed in them.
    fn hits_within(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut hits = self.hits(bytes);
        for at in memchr::memmem::find_iter(bytes, GZIP) {
            let mut unpacked = Vec::new();
            // Up to where it is no stream any more: random bytes begin like one now and then.
            let _ = MultiGzDecoder::new(&bytes[at..]).read_to_end(&mut unpacked);
            hits.extend(self.hits(&unpacked));
        }
        hits
    }

    /// The files below a folder that hold a secret, and which.
    pub(crate) fn files(&self, folder: &Path) -> BTreeMap<PathBuf, BTreeSet<&str>> {
        let found = files_below(folder).into_iter().map(|file| {
            // A process may remove a file of its own meanwhile.
            let hits = self.hits_within(&fs::read(&file).unwrap_or_default());
            (file, hits)
        });
        found.filter(|(_, hits)| !hits.is_empty()).collect()
    }

    pub(crate) fn check(&self, place: &str, bytes: &[u8]) {
        let hits = self.hits(bytes);
        assert!(hits.is_empty(), "{place} holds {hits:?}");
    }
}

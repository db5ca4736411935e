//! What is in a backup: one entry for each file of the node's folder, with its length and SHA-256.

use anyhow::{Context as _, ensure};
use aws_lc_rs::digest::{Context, SHA256};
use salus_crypto::{Digest, PublicKey};
use salus_types::{NetworkId, OrganisationId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

/// Most files in a backup: a pack for each batch in custody.
pub(super) const PARTS_COUNT_MAX: usize = 4_000_000;
/// Bytes that are read at a time.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// What a backup holds. It is signed with the node's key: whoever may seal to the backup's key cannot pass for the node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The network.
    pub(crate) network: NetworkId,
    /// Whose node it is.
    pub(crate) organisation: OrganisationId,
    /// The node's key, under which the manifest is signed.
    pub(crate) node_key: PublicKey,
    /// Height of the node's ledger; `None` if the node was stopped.
    pub(crate) height: Option<u64>,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
    /// Version of the program that made it.
    pub(crate) version: String,
    /// Whether the clinical store is in it.
    pub(crate) clinical: bool,
    /// The files, in the order in which they follow.
    pub(crate) parts: Vec<Part>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Where it belongs, relative to the node's folder, with `/`.
    pub(crate) path: String,
    /// Length.
    pub(crate) bytes: u64,
    /// SHA-256.
    pub(crate) sha256: Digest,
}

impl Part {
    /// Describes a file that belongs at `path`.
    pub(super) fn of(path: String, file: &Path) -> anyhow::Result<Self> {
        let (mut from, mut hash, mut bytes) = (File::open(file)?, Hash::default(), 0);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = from.read(&mut piece).with_context(|| format!("cannot read `{}`", file.display()))?;
            if read == 0 {
                return Ok(Self { path, bytes, sha256: hash.finish() });
            }
            hash.add(&piece[..read]);
            bytes += read as u64;
        }
    }
}

impl Manifest {
    /// Refuses what could be written outside the folder, or twice.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.parts.len() <= PARTS_COUNT_MAX, "the backup names too many files");
        let mut seen = BTreeSet::new();
        for part in &self.parts {
            let path = Path::new(&part.path);
            let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
            ensure!(plain && !part.path.is_empty(), "the backup names a file outside the node's folder");
            ensure!(
                !part.path.starts_with("ledger"),
                "the backup holds a ledger, which must come from the network"
            );
            ensure!(seen.insert(&part.path), "the backup names a file twice");
        }
        Ok(())
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// SHA-256, piece by piece.
pub(super) struct Hash(Context);

impl Default for Hash {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hash {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        Digest(digest)
    }
}

/// Copies exactly `bytes`, and gives their SHA-256.
pub(super) fn copy(
    from: &mut impl io::Read,
    bytes: u64,
    mut to: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Digest> {
    let (mut hash, mut left, mut piece) = (Hash::default(), bytes, vec![0; PIECE_BYTES]);
    while left > 0 {
        let most = left.min(PIECE_BYTES as u64) as usize;
        let read = from.read(&mut piece[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.add(&piece[..read]);
        to(&piece[..read])?;
        left -= read as u64;
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(paths: &[&str]) -> Manifest {
        let part = |path: &&str| Part { path: (*path).to_owned(), bytes: 0, sha256: Digest::ZERO };
        Manifest {
            network: NetworkId(Digest::ZERO),
            organisation: "a".parse().expect("a name"),
            node_key: PublicKey([0; 32]),
            height: None,
            time_ms: 0,
            version: String::new(),
            clinical: false,
            parts: paths.iter().map(part).collect(),
        }
    }

    #[test]
    fn files_outside_the_folder_twice_or_of_a_ledger_are_refused() {
        let check = |paths: &[&str], fine: bool| {
            assert_eq!(manifest(paths).check().is_ok(), fine, "{paths:?}");
        };
        check(&["keys.json", "vault/packs/custody/a-1"], true);
        check(&["../keys.json"], false);
        check(&["vault/../../x"], false);
        check(&["/etc/passwd"], false);
        check(&["./keys.json"], false);
        check(&[""], false);
        check(&["keys.json", "keys.json"], false);
        check(&["ledger/ledger/x"], false);
    }
}

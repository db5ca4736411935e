//! What a witness keeps: every header one after the other in one file, its key, and the newest signed checkpoint.

use crate::keys::write_private;
use anyhow::{Context as _, ensure};
use commonware_codec::Encode as _;
use salus_types::block::Header;
use salus_types::proof::Checkpoint;
use salus_types::{SigningKey, decode_canonical};
use salus_verifier::CheckpointFile;
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const HEADERS_FILE: &str = "headers";
const KEY_FILE: &str = "witness.key";
const CHECKPOINT_FILE: &str = "checkpoint.json";
const SIGNATURE_FILE: &str = "checkpoint.sig.json";

/// The headers of blocks 1, 2, 3 and so on.
pub(super) struct Store {
    headers: File,
    count: u64,
    key: SigningKey,
}

impl Store {
    pub(super) fn open(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join(KEY_FILE);
        if !path.exists() {
            write_private(&path, hex::encode(SigningKey::generate().expose_seed()).as_bytes())?;
        }
        let mut seed = [0; 32];
        hex::decode_to_slice(fs::read_to_string(&path)?.trim(), &mut seed)
            .context("the witness's key is malformed")?;
        let headers = OpenOptions::new().read(true).append(true).create(true).open(dir.join(HEADERS_FILE))?;
        let bytes = headers.metadata()?.len();
        let count = bytes / Header::LENGTH as u64;
        // A header that was not written to its end is fetched again.
        headers.set_len(count * Header::LENGTH as u64)?;
        Ok(Self { headers, count, key: SigningKey::from_seed(&seed) })
    }

    pub(super) fn len(&self) -> u64 {
        self.count
    }

    pub(super) fn key(&self) -> &SigningKey {
        &self.key
    }

    pub(super) fn last(&mut self) -> anyhow::Result<Option<Header>> {
        let Some(before) = self.count.checked_sub(1) else { return Ok(None) };
        let mut bytes = vec![0; Header::LENGTH];
        self.headers.seek(SeekFrom::Start(before * Header::LENGTH as u64))?;
        self.headers.read_exact(&mut bytes)?;
        let header: Header = decode_canonical(&bytes).context("the kept headers are damaged")?;
        ensure!(header.height == self.count, "the kept headers are damaged");
        Ok(Some(header))
    }

    pub(super) fn append(&mut self, header: &Header) -> anyhow::Result<()> {
        ensure!(header.height == self.count + 1, "block {} is missing", self.count + 1);
        self.headers.write_all(&header.encode())?;
        self.count += 1;
        Ok(())
    }

    pub(super) fn sync(&self) -> anyhow::Result<()> {
        Ok(self.headers.sync_data()?)
    }
}

/// The checkpoint that was signed last.
pub(super) fn checkpoint(dir: &Path) -> anyhow::Result<Option<Checkpoint>> {
    match fs::read_to_string(dir.join(CHECKPOINT_FILE)) {
        Ok(text) => Ok(Some(CheckpointFile::parse(&text)?)),
        Err(_) => Ok(None),
    }
}

pub(super) fn write_checkpoint(dir: &Path, key: &SigningKey, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let signed = json!({
        "checkpoint": hex::encode(checkpoint.encode()),
        "witness": key.public(),
        "signature": super::signature(key, checkpoint),
    });
    fs::write(dir.join(SIGNATURE_FILE), serde_json::to_string_pretty(&signed)?)?;
    let text = serde_json::to_string_pretty(&CheckpointFile::of(checkpoint))?;
    Ok(fs::write(dir.join(CHECKPOINT_FILE), text)?)
}

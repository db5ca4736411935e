//! The file: a header in the clear, then a stream sealed to the backup's key.
//!
//! | bytes | what |
//! |---|---|
//! | 12 | `SALUS-BACKUP` |
//! | 2 | version of this format, big-endian: 1 |
//! | 32 | SHA-256 of the public key that it is sealed to |
//! | 1120 | X-Wing encapsulation; the stream's key is the link key that it gives (`salus_crypto::hpke::link_send`) |
//! | rest | STREAM (`salus_crypto::aead`) under that key, with everything before as associated data |
//!
//! In the stream: the manifest's length (u32, big-endian), the manifest (JSON), the node's signature over the manifest
//! (64 bytes), and the parts' bytes one after the other. A file that is cut, extended or changed does not open.

use super::key;
use super::manifest::{Manifest, copy};
use anyhow::{Context as _, bail, ensure};
use commonware_codec::FixedSize as _;
use salus_crypto::aead::{StreamReader, StreamWriter};
use salus_crypto::hpke::{Encapsulated, link_receive, link_send};
use salus_crypto::{HpkePrivateKey, HpkePublicKey, Signature, SigningKey};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 12] = b"SALUS-BACKUP";
const VERSION: u16 = 1;
const HEADER_LENGTH: usize = MAGIC.len() + 2 + 32 + Encapsulated::SIZE;
/// HPKE context of the file's key, and namespace of the manifest's signature. It is no part of the network's protocol.
const CONTEXT: &str = "salus/backup/v1";
/// Longest manifest in bytes: about 180 for each file.
const MANIFEST_BYTES_MAX: u32 = 1 << 30;

/// Writes a backup: `sources` are the files of the manifest's parts, in their order.
pub(super) fn write(
    to: File,
    recipient: &HpkePublicKey,
    signer: &SigningKey,
    manifest: &Manifest,
    sources: &[PathBuf],
) -> anyhow::Result<()> {
    let (enc, key) = link_send(recipient, CONTEXT.as_bytes()).context("the backup's public key is none")?;
    let header = [&MAGIC[..], &VERSION.to_be_bytes(), &key::id(recipient).0, &enc.0].concat();
    let mut file = BufWriter::new(to);
    file.write_all(&header)?;
    let mut sealed = StreamWriter::new(&key, &header, file);
    let text = serde_json::to_vec(manifest)?;
    ensure!(text.len() <= MANIFEST_BYTES_MAX as usize, "there are too many files for one backup");
    sealed.write_all(&u32::try_from(text.len())?.to_be_bytes())?;
    sealed.write_all(&text)?;
    sealed.write_all(&signer.sign(CONTEXT, &text).0)?;
    for (part, source) in manifest.parts.iter().zip(sources) {
        let mut from = File::open(source)?;
        let digest = copy(&mut from, part.bytes, |piece| sealed.write_all(piece))
            .with_context(|| format!("cannot read `{}`", source.display()))?;
        ensure!(digest == part.sha256, "`{}` changed while it was backed up", source.display());
    }
    let file = sealed.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(file.sync_all()?)
}

/// A backup that is being read.
pub(super) struct Reader {
    pub(super) manifest: Manifest,
    text: Vec<u8>,
    signature: Signature,
    stream: StreamReader<BufReader<File>>,
}

/// The words for a stream that does not open.
fn damaged(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            anyhow::anyhow!("the file is damaged, or not complete")
        }
        _ => error.into(),
    }
}

impl Reader {
    /// Opens a backup and reads its manifest.
    pub(super) fn open(path: &Path, key: &HpkePrivateKey) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut file = BufReader::new(file);
        let mut header = [0; HEADER_LENGTH];
        let whole = file.read_exact(&mut header).is_ok();
        ensure!(whole && header.starts_with(MAGIC), "`{}` is no backup of a node", path.display());
        let (version, rest) = header[MAGIC.len()..].split_at(2);
        ensure!(
            version == VERSION.to_be_bytes(),
            "the file's format is of another version than this program's"
        );
        let (recipient, enc) = rest.split_at(32);
        ensure!(recipient == key::id(&key.public()).0, "the file is sealed to another key than this one");
        let enc = Encapsulated(enc.try_into()?);
        let key = link_receive(key, &enc, CONTEXT.as_bytes())?;
        let mut stream = StreamReader::new(&key, &header, file);
        let mut length = [0; 4];
        stream.read_exact(&mut length).map_err(damaged)?;
        let length = u32::from_be_bytes(length);
        ensure!(length <= MANIFEST_BYTES_MAX, "the file's manifest is too long");
        let mut text = Vec::new();
        stream.by_ref().take(length.into()).read_to_end(&mut text).map_err(damaged)?;
        let mut signature = Signature([0; 64]);
        stream.read_exact(&mut signature.0).map_err(damaged)?;
        let manifest: Manifest = serde_json::from_slice(&text).context("the file's manifest")?;
        manifest.check()?;
        Ok(Self { manifest, text, signature, stream })
    }

    /// Gives every part to `take`, piece by piece, and checks all: lengths, digests, the end, the signature.
    pub(super) fn read_all(
        &mut self,
        mut take: impl FnMut(&str, &[u8]) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let signed = self.manifest.node_key.verify(CONTEXT, &self.text, &self.signature);
        ensure!(signed.is_ok(), "the manifest is not signed by the node that it names");
        for part in &self.manifest.parts {
            // An empty file has no piece.
            take(&part.path, &[])?;
            let digest =
                copy(&mut self.stream, part.bytes, |piece| take(&part.path, piece)).map_err(damaged)?;
            ensure!(digest == part.sha256, "`{}` in the backup is not what its manifest says", part.path);
        }
        match self.stream.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => bail!("the file goes on after its last part"),
            Err(error) => Err(damaged(error)),
        }
    }
}

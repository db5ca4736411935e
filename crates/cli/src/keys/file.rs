//! The files that hold keys, and how one takes the place of another: whole or not at all, readable by its owner alone.

use super::NodeKeys;
use super::store::Sealed;
use super::unlock::Unlock;
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_types::Bounded;
use salus_types::keystore::{KeyStore, KeyStoreSecrets};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Names in a node's folder.
pub(super) const SEALED_FILE: &str = "keys.sealed";
pub(super) const CLEAR_FILE: &str = "keys.json";

/// Longest key file in bytes.
const FILE_LEN_MAX: u64 = 64 << 10;

/// Keys in the clear.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Clear {
    node_seed: String,
    kem_seed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_kem_seed: Option<String>,
    storage_key: String,
    tls_certificate: String,
    tls_key: String,
}

/// A file that was opened.
pub(super) struct Opened {
    pub(super) keys: NodeKeys,
    /// With what it is sealed again; none of keys in the clear.
    pub(super) sealed: Option<Sealed>,
    /// The lock that opened it.
    pub(super) lock: Option<String>,
}

impl Opened {
    /// Opens a file of either kind.
    pub(super) fn read(path: &Path, unlock: &Unlock) -> anyhow::Result<Self> {
        let named = || format!("`{}`", path.display());
        let bytes = read_private(path)?;
        if KeyStore::is_meant(&bytes) {
            let store = KeyStore::from_bytes(&bytes).with_context(named)?;
            let (keys, sealed, lock) = unlock.open(&store).with_context(named)?;
            return Ok(Self { keys, sealed: Some(sealed), lock: Some(lock) });
        }
        let clear: Clear = serde_json::from_slice(&bytes).with_context(named)?;
        Ok(Self { keys: clear.keys().with_context(named)?, sealed: None, lock: None })
    }
}

/// Reads a store without opening it; keys in the clear are none.
pub(super) fn read_sealed(path: &Path) -> anyhow::Result<Option<KeyStore>> {
    let bytes = read_private(path)?;
    if !KeyStore::is_meant(&bytes) {
        return Ok(None);
    }
    KeyStore::from_bytes(&bytes).map(Some).with_context(|| format!("`{}`", path.display()))
}

impl Clear {
    fn of(keys: &NodeKeys) -> Self {
        Self {
            node_seed: hex::encode(keys.node.expose_seed()),
            kem_seed: hex::encode(keys.kem.seed().expose()),
            former_kem_seed: keys.former_kem.as_ref().map(|kem| hex::encode(kem.seed().expose())),
            storage_key: hex::encode(keys.storage.expose()),
            tls_certificate: STANDARD.encode(&keys.tls.certificate),
            tls_key: STANDARD.encode(keys.tls.key.secret_der()),
        }
    }

    fn keys(&self) -> anyhow::Result<NodeKeys> {
        let secrets = KeyStoreSecrets {
            node_seed: seed(&self.node_seed)?,
            kem_seed: seed(&self.kem_seed)?,
            former_kem_seed: self.former_kem_seed.as_deref().map(seed).transpose()?,
            storage_key: seed(&self.storage_key)?,
            tls_key: Bounded::new(STANDARD.decode(&self.tls_key)?)?,
        };
        NodeKeys::from_secrets(&secrets, &STANDARD.decode(&self.tls_certificate)?)
    }
}

fn seed(text: &str) -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text, &mut seed).context("a key is not 64 hexadecimal digits")?;
    Ok(seed)
}

/// The file that holds the keys of a node's folder.
pub(crate) fn file_of(home: &Path) -> anyhow::Result<PathBuf> {
    let (sealed, clear) = (home.join(SEALED_FILE), home.join(CLEAR_FILE));
    match (sealed.exists(), clear.exists()) {
        (true, true) => bail!(
            "`{}` holds both `{SEALED_FILE}` and `{CLEAR_FILE}`: `salus keys seal` ends what it began, or remove one",
            home.display()
        ),
        (false, true) => Ok(clear),
        (_, false) => Ok(sealed),
    }
}

/// Whether a node's folder has sealed keys.
pub(crate) fn is_sealed(home: &Path) -> bool {
    home.join(SEALED_FILE).exists()
}

/// Reads a file that nobody but its owner may read.
fn read_private(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let metadata = file.metadata()?;
    if metadata.permissions().mode() & 0o077 != 0 {
        bail!("`{}` may be read by others: allow only its owner (chmod 600)", path.display());
    }
    ensure!(metadata.len() <= FILE_LEN_MAX, "`{}` is too long for a file of keys", path.display());
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX as usize));
    file.take(FILE_LEN_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes keys in the clear to a file that must not exist yet.
pub(super) fn write_clear(path: &Path, keys: &NodeKeys) -> anyhow::Result<()> {
    write_new(path, &Zeroizing::new(serde_json::to_vec_pretty(&Clear::of(keys))?))
}

/// Writes a file that must not exist yet, whole or not at all.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    place(path, bytes, false)
}

/// Writes a file in the place of another, whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    place(path, bytes, true)
}

fn place(path: &Path, bytes: &[u8], over: bool) -> anyhow::Result<()> {
    let folder = folder_of(path);
    let named = || format!("cannot write `{}`", path.display());
    // Mode 0600 from the start.
    let mut part = tempfile::Builder::new().prefix(".keys-").tempfile_in(folder).with_context(named)?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    if over {
        part.persist(path).with_context(named)?;
    } else {
        part.persist_noclobber(path).with_context(named)?;
    }
    Ok(File::open(folder)?.sync_all()?)
}

/// Removes a file for good, as far as a file system goes.
pub(super) fn remove(path: &Path) -> anyhow::Result<()> {
    fs::remove_file(path).with_context(|| format!("cannot remove `{}`", path.display()))?;
    Ok(File::open(folder_of(path))?.sync_all()?)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a new file that only its owner may read, and makes it durable.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create `{}`", path.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

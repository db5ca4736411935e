//! The secret keys of one organisation's node, in a file that only its owner may read.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use salus_crypto::{HpkePrivateKey, Secret32, SigningKey};
use salus_gateway::tls::Identity;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// The keys that speak for an organisation.
pub(crate) struct NodeKeys {
    /// Consensus, transactions, signatures between organisations.
    pub(crate) node: SigningKey,
    /// What others seal to this organisation.
    pub(crate) kem: HpkePrivateKey,
    /// The key before `kem`: what was sealed to it may still arrive.
    pub(crate) former_kem: Option<HpkePrivateKey>,
    /// Seals keys that the vault stores.
    pub(crate) storage: Secret32,
    /// TLS between nodes.
    pub(crate) tls: Identity,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    node_seed: String,
    kem_seed: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former_kem_seed: Option<String>,
    storage_key: String,
    tls_certificate: String,
    tls_key: String,
}

impl NodeKeys {
    /// Makes new keys and writes them to a file that must not exist yet.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        Self::write(path, &Secret32::random(), None)
    }

    /// Writes keys that are to follow these to a file that must not exist yet. What is stored stays sealed under the same
    /// storage key, and what is on its way to the X-Wing key of now will still open.
    pub(crate) fn renew(&self, path: &Path) -> anyhow::Result<Self> {
        Self::write(path, &self.storage, Some(&self.kem))
    }

    fn write(path: &Path, storage: &Secret32, former_kem: Option<&HpkePrivateKey>) -> anyhow::Result<Self> {
        let (certificate, key) =
            salus_gateway::peer::make_certificate().context("cannot make a certificate")?;
        let (node, kem) = (SigningKey::generate(), HpkePrivateKey::generate());
        let file = File {
            node_seed: hex::encode(node.expose_seed()),
            kem_seed: hex::encode(kem.seed().expose()),
            former_kem_seed: former_kem.map(|kem| hex::encode(kem.seed().expose())),
            storage_key: hex::encode(storage.expose()),
            tls_certificate: STANDARD.encode(&certificate),
            tls_key: STANDARD.encode(&key),
        };
        write_private(path, serde_json::to_string_pretty(&file)?.as_bytes())?;
        Self::open(path)
    }

    /// Reads the file; one that others may read is refused.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let named = || path.display().to_string();
        let mode = fs::metadata(path).with_context(named)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!("`{}` may be read by others: allow only its owner (chmod 600)", named());
        }
        let file: File = serde_json::from_str(&fs::read_to_string(path)?).with_context(named)?;
        Ok(Self {
            node: SigningKey::from_seed(&seed(&file.node_seed).with_context(named)?),
            kem: kem(&file.kem_seed).with_context(named)?,
            former_kem: file.former_kem_seed.as_deref().map(kem).transpose().with_context(named)?,
            storage: Secret32::from_bytes(&seed(&file.storage_key).with_context(named)?),
            tls: Identity {
                certificate: STANDARD.decode(&file.tls_certificate)?.into(),
                key: STANDARD.decode(&file.tls_key)?.try_into().map_err(anyhow::Error::msg)?,
            },
        })
    }
}

fn kem(text: &str) -> anyhow::Result<HpkePrivateKey> {
    Ok(HpkePrivateKey::from_seed(&Secret32::from_bytes(&seed(text)?)))
}

fn seed(text: &str) -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    hex::decode_to_slice(text, &mut seed).context("a key is not 64 hexadecimal digits")?;
    Ok(seed)
}

/// Writes a new file that only its owner may read, and makes it durable.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create `{}`", path.display()))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

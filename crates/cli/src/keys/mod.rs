//! The secret keys of one organisation's node: in a sealed key store (`keys.sealed`), or in the clear (`keys.json`)
//! where `node.json` says so.
//!
//! * [`store`]: sealing and opening, pure. The format is `salus_types::keystore`.
//! * [`unlock`]: where passphrases, keys and PINs come from. [`token`]: PKCS #11.
//! * [`file`]: the files, and how one takes the place of another.
//! * [`clinical`]: the clinical store's own key, sealed under the storage key.
//! * [`lock`]: making a new lock. [`command`]: `salus keys`.

pub(crate) mod clinical;
mod command;
mod file;
mod lock;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod unlock;

pub(crate) use command::{Arguments, run};
pub(crate) use file::{file_of, is_sealed, write_private};
pub(crate) use lock::NewLock;
pub(crate) use unlock::{Locked, Unlock};

use crate::network::NodeFile;
use anyhow::{Context as _, bail};
use file::Opened;
use salus_crypto::{HpkePrivateKey, Secret32, SigningKey};
use salus_gateway::tls::Identity;
use salus_types::keystore::KeyStoreSecrets;
use std::path::{Path, PathBuf};

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

impl NodeKeys {
    /// New keys, which are nowhere but here.
    pub(crate) fn generate() -> anyhow::Result<Self> {
        let (certificate, key) =
            salus_gateway::peer::make_certificate().context("cannot make a certificate")?;
        let tls = Identity {
            certificate: certificate.into(),
            key: key.try_into().map_err(anyhow::Error::msg).context("cannot make a certificate")?,
        };
        let (node, kem) = (SigningKey::generate(), HpkePrivateKey::generate());
        Ok(Self { node, kem, former_kem: None, storage: Secret32::random(), tls })
    }

    /// Makes new keys and writes them into a node's folder that has none: in the clear, or sealed under one lock.
    pub(crate) fn create(home: &Path, lock: Option<NewLock>) -> anyhow::Result<Self> {
        let keys = Self::generate()?;
        match lock {
            None => file::write_clear(&home.join(file::CLEAR_FILE), &keys)?,
            Some(lock) => {
                let sealed = lock.first()?;
                file::write_new(&home.join(file::SEALED_FILE), &sealed.seal(&keys)?.to_bytes())?;
            }
        }
        Ok(keys)
    }

    /// Opens the keys of a node's folder. Keys in the clear open only where `node.json` allows it.
    pub(crate) fn open(home: &Path, node: &NodeFile, unlock: &Unlock) -> anyhow::Result<Self> {
        Self::open_file(&file_of(home)?, node, unlock)
    }

    /// Opens the keys of a node that lie elsewhere.
    pub(crate) fn open_file(path: &Path, node: &NodeFile, unlock: &Unlock) -> anyhow::Result<Self> {
        let opened = Opened::read(path, unlock)?;
        if opened.sealed.is_none() && !node.clear_keys {
            bail!(
                "`{}` is not sealed: `salus keys seal` seals it, or `\"clear_keys\": true` in `node.json` allows it",
                path.display()
            );
        }
        Ok(opened.keys)
    }

    /// Keys that are to follow these. What is stored stays sealed under the same storage key, and what is on its way to
    /// the X-Wing key of now will still open.
    fn successor(&self) -> anyhow::Result<Self> {
        let former_kem = Some(HpkePrivateKey::from_seed(self.kem.seed()));
        Ok(Self { former_kem, storage: self.storage.clone(), ..Self::generate()? })
    }

    fn secrets(&self) -> anyhow::Result<KeyStoreSecrets> {
        Ok(KeyStoreSecrets {
            node_seed: *self.node.expose_seed(),
            kem_seed: *self.kem.seed().expose(),
            former_kem_seed: self.former_kem.as_ref().map(|kem| *kem.seed().expose()),
            storage_key: *self.storage.expose(),
            tls_key: self.tls.key.secret_der().to_vec().try_into()?,
        })
    }

    fn from_secrets(secrets: &KeyStoreSecrets, certificate: &[u8]) -> anyhow::Result<Self> {
        let kem = |seed: &[u8; 32]| HpkePrivateKey::from_seed(&Secret32::from_bytes(seed));
        Ok(Self {
            node: SigningKey::from_seed(&secrets.node_seed),
            kem: kem(&secrets.kem_seed),
            former_kem: secrets.former_kem_seed.as_ref().map(kem),
            storage: Secret32::from_bytes(&secrets.storage_key),
            tls: Identity {
                certificate: certificate.to_vec().into(),
                key: secrets.tls_key.to_vec().try_into().map_err(anyhow::Error::msg)?,
            },
        })
    }
}

/// Writes keys that are to follow those of a node's folder: sealed under the same locks, if those are; else in the clear.
/// The file must not exist yet. Gives its path, by default in the current folder.
pub(crate) fn renew(
    home: &Path,
    node: &NodeFile,
    unlock: &Unlock,
    out: Option<&Path>,
) -> anyhow::Result<(PathBuf, NodeKeys)> {
    let path = file_of(home)?;
    let Opened { keys, sealed, .. } = Opened::read(&path, unlock)?;
    let new = keys.successor()?;
    let out = |name: &str| out.map_or_else(|| PathBuf::from(name), Path::to_path_buf);
    let out = match sealed {
        Some(sealed) => {
            let out = out("new-keys.sealed");
            file::write_new(&out, &sealed.seal(&new)?.to_bytes())?;
            out
        }
        None if node.clear_keys => {
            let out = out("new-keys.json");
            file::write_clear(&out, &new)?;
            out
        }
        None => bail!("`{}` is not sealed: seal it first, `salus keys seal`", path.display()),
    };
    Ok((out, new))
}

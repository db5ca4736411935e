//! The pair of keys of a backup. The public one is on the node's machine and seals; the private one opens, and belongs
//! elsewhere: whoever breaks into the machine can then read no backup that was made before.

use crate::keys::write_private;
use anyhow::{Context as _, ensure};
use salus_crypto::hash::sha256;
use salus_crypto::{Digest, HpkePrivateKey, HpkePublicKey, Secret32};
use serde::{Deserialize, Serialize};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Private {
    backup_private_key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Public {
    backup_public_key: String,
}

/// Which key a file is sealed to.
pub(super) fn id(key: &HpkePublicKey) -> Digest {
    sha256(key.0)
}

/// Makes a pair: `file`, which only its owner may read, and `file.pub` beside it.
pub(super) fn create(file: &Path) -> anyhow::Result<PathBuf> {
    let mut public = file.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    ensure!(!public.exists(), "`{}` is there already", public.display());
    let key = HpkePrivateKey::generate();
    let private = Private { backup_private_key: hex::encode(key.seed().expose()) };
    write_private(file, serde_json::to_string_pretty(&private)?.as_bytes())?;
    let shown = Public { backup_public_key: hex::encode(key.public().0) };
    fs::write(&public, serde_json::to_string_pretty(&shown)?)?;
    Ok(public)
}

/// Reads the key to which is sealed.
pub(super) fn read_public(file: &Path) -> anyhow::Result<HpkePublicKey> {
    let named = || format!("`{}` is no public key of backups", file.display());
    let text = fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let Public { backup_public_key } = serde_json::from_str(&text).with_context(named)?;
    let mut key = HpkePublicKey([0; 1216]);
    hex::decode_to_slice(&backup_public_key, &mut key.0).with_context(named)?;
    Ok(key)
}

/// Reads the key that opens; a file that others may read is refused.
pub(super) fn read_private(file: &Path) -> anyhow::Result<HpkePrivateKey> {
    let named = || format!("`{}` is no private key of backups", file.display());
    let metadata = fs::metadata(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let others = metadata.permissions().mode() & 0o077;
    ensure!(others == 0, "`{}` may be read by others: allow only its owner (chmod 600)", file.display());
    let Private { backup_private_key } =
        serde_json::from_str(&fs::read_to_string(file)?).with_context(named)?;
    let mut seed = [0; 32];
    hex::decode_to_slice(&backup_private_key, &mut seed).with_context(named)?;
    Ok(HpkePrivateKey::from_seed(&Secret32::from_bytes(&seed)))
}

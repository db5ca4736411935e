//! The key of the clinical store: 32 random bytes, sealed under the node's storage key, beside the store.
//!
//! ```text
//! file = "salus-clinical-key1\n" || salt (32) || sealed
//! sealed = committed AES-256-GCM(derive("salus/clinical-store/v1", storage key, salt), aad = all before, current || former?)
//! ```
//! A new key is written here first, and the engine gives it to the store when it starts next: until then the store has the
//! former one. Whichever it has after a kill, the file holds it.

use super::file;
use crate::backup::clinical::{self, is_clear};
use anyhow::{Context as _, bail, ensure};
use salus_crypto::aead;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, random};
use salus_types::label;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// The file's name in the folder of the clinical store.
const FILE: &str = "clinical.key";
/// What the file begins with; the last character but one is the version of the format.
const MAGIC: &[u8; 20] = b"salus-clinical-key1\n";
const SEAL: Label = Label::new(label::CLINICAL_STORE);
const SALT_LEN: usize = 32;
const KEY_LEN: usize = 32;

/// The keys that the store may have.
#[derive(Clone)]
pub(crate) struct ClinicalKeys {
    current: Secret32,
    former: Option<Secret32>,
}

impl ClinicalKeys {
    /// A new key, which is nowhere but here.
    pub(crate) fn generate() -> Self {
        Self { current: Secret32::random(), former: None }
    }

    /// Another key for a store that has the current one.
    pub(crate) fn renewed(&self) -> Self {
        Self { current: Secret32::random(), former: Some(self.current.clone()) }
    }

    /// The key that the store is to have.
    pub(crate) fn current(&self) -> &Secret32 {
        &self.current
    }

    /// The newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret32> {
        [Some(&self.current), self.former.as_ref()].into_iter().flatten()
    }

    /// What the engine reads from its standard input: a line of one key or two in hexadecimal digits.
    pub(crate) fn line(&self) -> Zeroizing<String> {
        let mut line = Zeroizing::new(String::with_capacity(4 * KEY_LEN + 2));
        for key in self.all() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&Zeroizing::new(hex::encode(key.expose())));
        }
        line.push('\n');
        line
    }

    /// Opens those of a folder; `None` if it has none.
    pub(crate) fn open(folder: &Path, storage: &Secret32) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let named = || format!("`{}`", path.display());
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Self::unseal(&read.with_context(named)?, storage).map(Some).with_context(named),
        }
    }

    /// Opens those of a folder, or makes them where the folder has no store that would need others.
    pub(crate) fn ensure(folder: &Path, storage: &Secret32) -> anyhow::Result<Self> {
        if let Some(keys) = Self::open(folder, storage)? {
            return Ok(keys);
        }
        let store = folder.join(clinical::FILE);
        if store.exists() && !is_clear(&store)? && fs::metadata(&store)?.len() > 0 {
            bail!(
                "`{}` is missing, and without it `{}` does not open: restore it from a backup",
                folder.join(FILE).display(),
                store.display()
            );
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let keys = Self::generate();
        file::write_new(&folder.join(FILE), &keys.seal(storage))?;
        Ok(keys)
    }

    /// Gives the store of a folder another key from its engine's next start on.
    pub(super) fn renew(folder: &Path, storage: &Secret32) -> anyhow::Result<()> {
        let keys =
            Self::open(folder, storage)?.context("the clinical store has no key yet: start the node once")?;
        // One that the engine has not taken over yet must not be forgotten.
        let taken = clinical::has_current_key(&folder.join(clinical::FILE), &keys)?;
        ensure!(taken, "the store waits for the key that was made before: start the node first");
        file::replace(&folder.join(FILE), &keys.renewed().seal(storage))
    }

    fn seal(&self, storage: &Secret32) -> Vec<u8> {
        let salt: [u8; SALT_LEN] = random::bytes();
        let head = [&MAGIC[..], &salt].concat();
        let mut plain = Zeroizing::new(Vec::with_capacity(2 * KEY_LEN));
        self.all().for_each(|key| plain.extend_from_slice(key.expose()));
        let sealed = aead::seal_committed(&sealing_key(storage, &salt), &head, &plain);
        [head, sealed].concat()
    }

    fn unseal(bytes: &[u8], storage: &Secret32) -> anyhow::Result<Self> {
        let malformed = "this is no key of a clinical store";
        let (head, sealed) = bytes.split_at_checked(MAGIC.len() + SALT_LEN).context(malformed)?;
        let salt: &[u8; SALT_LEN] =
            head.strip_prefix(MAGIC).and_then(|salt| salt.try_into().ok()).context(malformed)?;
        let plain = aead::open_committed(&sealing_key(storage, salt), head, sealed)
            .context("it does not open by this node's keys, or is damaged")?;
        let (keys, rest) = plain.as_chunks::<KEY_LEN>();
        let (Some(current), [] | [_], []) = (keys.first(), keys.get(1..).unwrap_or_default(), rest) else {
            bail!(malformed)
        };
        Ok(Self { current: Secret32::from_bytes(current), former: keys.get(1).map(Secret32::from_bytes) })
    }
}

fn sealing_key(storage: &Secret32, salt: &[u8; SALT_LEN]) -> Secret32 {
    kdf::derive(SEAL, storage.expose(), salt, &[])
}

/// Copies the sealed keys of one folder into another.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    file::write_new(&to.join(FILE), &fs::read(from.join(FILE))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &ClinicalKeys, two: &ClinicalKeys) -> bool {
        *one.line() == *two.line()
    }

    #[test]
    fn keys_open_by_the_storage_key_alone_and_any_change_shows() {
        let storage = Secret32::random();
        for keys in [ClinicalKeys::generate(), ClinicalKeys::generate().renewed()] {
            let file = keys.seal(&storage);
            assert!(same(&ClinicalKeys::unseal(&file, &storage).expect("opens"), &keys));
            assert!(ClinicalKeys::unseal(&file, &Secret32::random()).is_err());
            assert_ne!(file, keys.seal(&storage), "each with a salt of its own");
            for at in 0..file.len() {
                let mut changed = file.clone();
                changed[at] ^= 1;
                assert!(ClinicalKeys::unseal(&changed, &storage).is_err(), "byte {at}");
                assert!(ClinicalKeys::unseal(&file[..at], &storage).is_err(), "cut to {at}");
            }
        }
    }

    #[test]
    fn the_engine_is_told_the_current_key_and_then_the_former() {
        let keys = ClinicalKeys::generate();
        let one = hex::encode(keys.current().expose());
        assert_eq!(*keys.line(), format!("{one}\n"));
        let renewed = keys.renewed();
        assert_eq!(*renewed.line(), format!("{} {one}\n", hex::encode(renewed.current().expose())));
    }

    #[test]
    fn a_key_is_made_for_a_new_store_and_one_in_the_clear_and_never_for_a_sealed_one() {
        let (folder, storage) = (tempfile::tempdir().expect("a folder"), Secret32::random());
        let home = folder.path().join("clinical");
        let made = ClinicalKeys::ensure(&home, &storage).expect("made");
        assert!(same(&made, &ClinicalKeys::ensure(&home, &storage).expect("opened")));
        for (content, fine) in
            [(&b"SQLite format 3\0..............."[..], true), (b"", true), (&[7; 4_096], false)]
        {
            fs::remove_file(home.join(FILE)).ok();
            fs::write(home.join(clinical::FILE), content).expect("a store");
            assert_eq!(ClinicalKeys::ensure(&home, &storage).is_ok(), fine);
            assert_eq!(home.join(FILE).exists(), fine);
        }
    }
}

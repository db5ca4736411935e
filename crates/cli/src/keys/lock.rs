//! Making a lock: of a passphrase, of a key of 32 bytes, or of a token.

use super::store::Sealed;
use super::token::Token;
use super::unlock::{Unlock, ask, from_key, from_passphrase, read, read_line};
use super::write_private;
use anyhow::{Context as _, ensure};
use salus_crypto::passphrase::Cost;
use salus_crypto::{Secret32, random};
use salus_types::keystore::{KeyLock, LockKind, PassphraseLock, TokenLock};
use salus_types::{Bounded, Text};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Shortest passphrase that is taken, in bytes: who has the file may try as long as they like.
const PASSPHRASE_LEN_MIN: usize = 12;

/// A lock to be made.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The new lock")]
pub(crate) struct NewLock {
    /// By what the new lock is opened.
    #[arg(long, value_enum, value_name = "KIND")]
    lock: Option<Kind>,
    /// The lock's name; by default that of its kind.
    #[arg(long, requires = "lock")]
    name: Option<String>,
    /// File with the new passphrase; without it a terminal asks for it, twice.
    #[arg(long, requires = "lock", value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// What each guess at the new passphrase costs in memory.
    #[arg(long, requires = "lock", value_name = "MIB", default_value_t = Cost::USUAL.memory_kib >> 10,
        value_parser = clap::value_parser!(u32).range(64..=1_024))]
    memory_mib: u32,
    /// File with the 32 bytes of a lock of the kind `key`; made if it does not exist.
    #[arg(long, requires = "lock", value_name = "FILE")]
    new_lock_key_file: Option<PathBuf>,
    /// Label of the token.
    #[arg(long, requires = "lock", value_name = "LABEL")]
    token: Option<String>,
    /// Label of the token's key; made if there is none.
    #[arg(long, requires = "lock", value_name = "LABEL", default_value = "salus-key-store")]
    token_key: String,
    /// PKCS #11 and PIN.
    #[arg(skip)]
    unlock: Unlock,
}

/// By what a lock is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// A passphrase.
    Passphrase,
    /// A file of 32 random bytes, for systemd to keep.
    Key,
    /// A token, by PKCS #11.
    Token,
}

impl NewLock {
    /// Whether the command line asks for one. `unlock` says where a token is.
    pub(crate) fn asked(self, unlock: &Unlock) -> Option<Self> {
        self.lock.is_some().then(|| Self { unlock: unlock.clone(), ..self })
    }

    /// The lock's name.
    pub(super) fn name(&self) -> &str {
        let usual = match self.lock {
            Some(Kind::Key) => "key",
            Some(Kind::Token) => "token",
            Some(Kind::Passphrase) | None => "passphrase",
        };
        self.name.as_deref().unwrap_or(usual)
    }

    /// A new store with this as its only lock.
    pub(super) fn first(&self) -> anyhow::Result<Sealed> {
        let mut sealed = Sealed::new();
        self.add_to(&mut sealed)?;
        Ok(sealed)
    }

    /// Adds the lock to a store.
    pub(super) fn add_to(&self, sealed: &mut Sealed) -> anyhow::Result<()> {
        let salt = random::bytes();
        let (kind, secret) = match self.lock {
            Some(Kind::Key) => (KeyLock { salt }.into(), self.key()?),
            Some(Kind::Token) => self.in_token(sealed.id(), salt)?,
            Some(Kind::Passphrase) | None => {
                let Cost { passes, lanes, .. } = Cost::USUAL;
                let parameters = PassphraseLock { salt, memory_kib: self.memory_mib << 10, passes, lanes };
                let secret = from_passphrase(&self.passphrase()?, &parameters)?;
                (parameters.into(), secret)
            }
        };
        sealed.add(self.name(), kind, &secret)
    }

    fn passphrase(&self) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let passphrase = match &self.new_passphrase_file {
            Some(file) => read_line(file, true)?,
            None => {
                let typed = ask("New passphrase: ")?;
                ensure!(ask("The same again: ")? == typed, "the two are not the same");
                typed
            }
        };
        ensure!(
            passphrase.len() >= PASSPHRASE_LEN_MIN,
            "a passphrase has at least {PASSPHRASE_LEN_MIN} bytes"
        );
        Ok(passphrase)
    }

    fn key(&self) -> anyhow::Result<Secret32> {
        let file: &Path = self.new_lock_key_file.as_deref().context("name --new-lock-key-file")?;
        if !file.exists() {
            write_private(file, Secret32::random().expose())?;
        }
        from_key(&read(file, true)?)
    }

    fn in_token(&self, store: &[u8; 32], salt: [u8; 32]) -> anyhow::Result<(LockKind, Secret32)> {
        let module = self.unlock.pkcs11_module.as_deref().context("name --pkcs11-module")?;
        let label = self.token.as_deref().context("name the --token")?;
        let token = Token::open(module, label, &self.unlock.pin(label)?, true)?;
        let key = token.key(&self.token_key)?;
        let secret = token.answer(&key, store, &salt)?;
        Ok((TokenLock { salt, token: Text::new(label)?, key: Bounded::new(key)? }.into(), secret))
    }
}

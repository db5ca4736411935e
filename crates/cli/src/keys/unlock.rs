//! Where what opens a lock comes from: files that the command line names, systemd's credentials, a token, a person.
//!
//! What needs no person is tried first, and one lock that fails does not keep another from opening. A token is asked
//! once: it counts wrong PINs, and ends for good after a few.

use super::NodeKeys;
use super::store::{self, Sealed, what};
use super::token::Token;
use anyhow::{Context as _, ensure};
use salus_crypto::Secret32;
use salus_crypto::passphrase::{self, Cost};
use salus_types::keystore::{KeyStore, KeyStoreHead, Lock, LockKind, PassphraseLock, TokenLock};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Names of systemd's credentials: `LoadCredentialEncrypted=salus.key`.
pub(super) const CREDENTIAL_KEY: &str = "salus.key";
const CREDENTIAL_PASSPHRASE: &str = "salus.passphrase";
const CREDENTIAL_PIN: &str = "salus.pin";

/// Longest passphrase, key or PIN in bytes.
const SECRET_LEN_MAX: usize = 1_024;

/// How the key store is opened, if it is sealed. Without any of these a terminal asks.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Opening the key store")]
pub(crate) struct Unlock {
    /// File with the passphrase; `/dev/fd/3` names an open file descriptor.
    #[arg(long, env = "SALUS_PASSPHRASE_FILE", value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// File with the 32 bytes that open a lock of the kind `key`.
    #[arg(long, env = "SALUS_LOCK_KEY_FILE", value_name = "FILE")]
    pub(super) lock_key_file: Option<PathBuf>,
    /// The PKCS #11 library of the token that opens a lock of the kind `token`.
    #[arg(long, env = "SALUS_PKCS11_MODULE", value_name = "FILE")]
    pub(super) pkcs11_module: Option<PathBuf>,
    /// File with the token's PIN.
    #[arg(long, env = "SALUS_PKCS11_PIN_FILE", value_name = "FILE")]
    pub(super) pkcs11_pin_file: Option<PathBuf>,
    /// Folder of systemd's credentials.
    #[arg(long, env = "CREDENTIALS_DIRECTORY", hide = true)]
    pub(super) credentials_directory: Option<PathBuf>,
}

/// No lock opened. The program ends with a status of its own, so that nothing tries a PIN again and again.
#[derive(Debug)]
pub(crate) struct Locked(String);

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Locked {}

impl Unlock {
    /// Opens a store by any of its locks, and says by which.
    pub(super) fn open(&self, store: &KeyStore) -> anyhow::Result<(NodeKeys, Sealed, String)> {
        let head = &store.head;
        let (mut passphrase, mut failures) = (None, Vec::new());
        for lock in in_order(head) {
            let answer = self.answer(head, lock, &mut passphrase);
            match answer
                .and_then(|answer| answer.map(|answer| store::try_lock(head, lock, &answer)).transpose())
            {
                Ok(None) => {}
                Ok(Some(key)) => {
                    let (keys, sealed) = store::open(store, key)?;
                    return Ok((keys, sealed, lock.name.as_str().to_owned()));
                }
                Err(error) => failures.push(format!("`{}`: {error:#}", lock.name.as_str())),
            }
        }
        Err(Locked(explain(head, &failures)).into())
    }

    /// What should open a lock, if it is at hand. A passphrase is read or asked for once, and is for all locks.
    fn answer(
        &self,
        head: &KeyStoreHead,
        lock: &Lock,
        passphrase: &mut Option<Zeroizing<Vec<u8>>>,
    ) -> anyhow::Result<Option<Secret32>> {
        match &lock.kind {
            LockKind::KeyLock(_) => self.key(),
            LockKind::TokenLock(token) => self.token(head, token),
            LockKind::PassphraseLock(parameters) => {
                if passphrase.is_none() {
                    *passphrase = self.passphrase()?;
                }
                passphrase.as_ref().map(|passphrase| from_passphrase(passphrase, parameters)).transpose()
            }
        }
    }

    fn passphrase(&self) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
        let given = self.secret(self.passphrase_file.as_deref(), CREDENTIAL_PASSPHRASE, read_line)?;
        if given.is_none() && io::stdin().is_terminal() {
            return ask("Passphrase of the key store: ").map(Some);
        }
        Ok(given)
    }

    fn key(&self) -> anyhow::Result<Option<Secret32>> {
        let bytes = self.secret(self.lock_key_file.as_deref(), CREDENTIAL_KEY, read)?;
        bytes.map(|bytes| from_key(&bytes)).transpose()
    }

    fn token(&self, head: &KeyStoreHead, lock: &TokenLock) -> anyhow::Result<Option<Secret32>> {
        let Some(module) = &self.pkcs11_module else { return Ok(None) };
        let token = Token::open(module, lock.token.as_str(), &self.pin(lock.token.as_str())?, false)?;
        token.answer(&lock.key, &head.id, &lock.salt).map(Some)
    }

    /// The PIN of a token; who sits at the terminal is asked for it.
    pub(super) fn pin(&self, token: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        match self.secret(self.pkcs11_pin_file.as_deref(), CREDENTIAL_PIN, read_line)? {
            Some(pin) => Ok(pin),
            None => ask(&format!("PIN of the token `{token}`: ")),
        }
    }

    /// From the file that is named, else from the credential.
    fn secret(
        &self,
        named: Option<&Path>,
        credential: &str,
        read: impl Fn(&Path, bool) -> anyhow::Result<Zeroizing<Vec<u8>>>,
    ) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
        if let Some(path) = named {
            return read(path, true).map(Some);
        }
        let Some(folder) = &self.credentials_directory else { return Ok(None) };
        let path = folder.join(credential);
        // systemd sees to who reads its credentials, by access lists where it can.
        path.exists().then(|| read(&path, false)).transpose()
    }
}

/// Locks that cost little to try come first.
fn in_order(head: &KeyStoreHead) -> Vec<&Lock> {
    let mut locks: Vec<_> = head.locks.iter().collect();
    locks.sort_by_key(|lock| match lock.kind {
        LockKind::KeyLock(_) => 0,
        LockKind::TokenLock(_) => 1,
        LockKind::PassphraseLock(_) => 2,
    });
    locks
}

fn explain(head: &KeyStoreHead, failures: &[String]) -> String {
    if !failures.is_empty() {
        return format!("the key store stays locked: {}", failures.join("; "));
    }
    let locks = head.locks.iter().map(|lock| format!("`{}` ({})", lock.name.as_str(), what(&lock.kind)));
    format!(
        "the key store is sealed, and nothing was given that opens it. Its locks: {}. Name --passphrase-file, \
         --lock-key-file or --pkcs11-module, or start it where there is a terminal",
        locks.collect::<Vec<_>>().join(", ")
    )
}

/// What a passphrase answers. Parameters out of bounds are refused before they cost anything.
pub(super) fn from_passphrase(passphrase: &[u8], lock: &PassphraseLock) -> anyhow::Result<Secret32> {
    let PassphraseLock { salt, memory_kib, passes, lanes } = *lock;
    Ok(passphrase::key(passphrase, &salt, Cost { memory_kib, passes, lanes })?)
}

/// What a key of 32 bytes answers.
pub(super) fn from_key(bytes: &[u8]) -> anyhow::Result<Secret32> {
    let key: &[u8; 32] = bytes.try_into().context("the key of a lock has 32 bytes")?;
    Ok(Secret32::from_bytes(key))
}

/// Asks at the terminal, which does not show what is typed.
pub(super) fn ask(question: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    ensure!(io::stdin().is_terminal(), "there is no terminal to ask at: name a file");
    let typed = rpassword::prompt_password(question).context("cannot ask at the terminal")?;
    Ok(Zeroizing::new(typed.into_bytes()))
}

/// The bytes of a secret's file. A file that others may read is refused, if `private`; a pipe has no such readers.
pub(super) fn read(path: &Path, private: bool) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let named = || format!("cannot read `{}`", path.display());
    let file = File::open(path).with_context(named)?;
    let metadata = file.metadata().with_context(named)?;
    let open = metadata.is_file() && metadata.permissions().mode() & 0o077 != 0;
    ensure!(
        !(private && open),
        "`{}` may be read by others: allow only its owner (chmod 600)",
        path.display()
    );
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_LEN_MAX + 1));
    file.take(SECRET_LEN_MAX as u64 + 1).read_to_end(&mut bytes).with_context(named)?;
    ensure!(bytes.len() <= SECRET_LEN_MAX, "`{}` is longer than {SECRET_LEN_MAX} bytes", path.display());
    ensure!(!bytes.is_empty(), "`{}` is empty", path.display());
    Ok(bytes)
}

/// [`read`], without the end of the line.
pub(super) fn read_line(path: &Path, private: bool) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = read(path, private)?;
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    ensure!(!bytes.is_empty(), "`{}` is empty", path.display());
    Ok(bytes)
}

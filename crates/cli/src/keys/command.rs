//! `salus keys`: seals an organisation's keys, changes by what they open, shows what may be shown.

use super::clinical::ClinicalKeys;
use super::file::{CLEAR_FILE, Opened, SEALED_FILE, file_of, read_sealed, remove, replace, write_new};
use super::store::what;
use super::unlock::Unlock;
use super::{NewLock, NodeKeys};
use crate::network::NodeFile;
use crate::output::Output;
use anyhow::{Context as _, bail, ensure};
use salus_crypto::hash::sha256;
use salus_crypto::{Digest, PublicKey};
use salus_types::keystore::{KeyStoreHead, Lock, LockKind, PassphraseLock};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Seal the organisation's keys, change by what they open, show the public ones.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The node's folder.
    #[arg(long)]
    home: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Seal keys that lie in the clear, and remove the file in the clear.
    Seal {
        #[command(flatten)]
        lock: NewLock,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Add a lock, put a new one in the place of another, take one away. The keys stay what they are.
    Change {
        #[command(flatten)]
        lock: NewLock,
        /// The lock to take away; with --lock, once the new one is there.
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Make another key for the clinical store, which takes it when the node starts next.
    RenewStore {
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Show the locks and the public keys.
    Show {
        /// Open it, which shows that nobody changed it, and say by which lock.
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        unlock: Unlock,
    },
}

pub(crate) fn run(arguments: Arguments, output: Output) -> anyhow::Result<()> {
    let home = &arguments.home;
    match arguments.command {
        Command::Seal { lock, unlock } => {
            let lock =
                lock.asked(&unlock).context("say by what it is to open: --lock passphrase, key or token")?;
            seal(home, &lock, &unlock, output)
        }
        Command::Change { lock, remove, unlock } => {
            change(home, lock.asked(&unlock).as_ref(), remove.as_deref(), &unlock, output)
        }
        Command::RenewStore { unlock } => renew_store(home, &unlock, output),
        Command::Show { open, unlock } => show(home, open, &unlock, output),
    }
}

/// The clear file goes only when the sealed one is durable, was read back, and holds the same keys.
fn seal(home: &Path, lock: &NewLock, unlock: &Unlock, output: Output) -> anyhow::Result<()> {
    let (from, to) = (home.join(CLEAR_FILE), home.join(SEALED_FILE));
    ensure!(from.exists(), "`{}` is not there: nothing is to be sealed", from.display());
    let clear = Opened::read(&from, unlock)?;
    ensure!(
        clear.sealed.is_none(),
        "`{}` is a sealed key store already: name it `{SEALED_FILE}`",
        from.display()
    );
    if to.exists() {
        let sealed = Opened::read(&to, unlock)
            .context("an earlier `seal` did not end, and what it wrote does not open")?;
        ensure!(same(&clear.keys, &sealed.keys)?, "`{}` is there already, with other keys", to.display());
    } else {
        let sealed = lock.first()?;
        let store = sealed.seal(&clear.keys)?;
        write_new(&to, &store.to_bytes())?;
        ensure!(read_sealed(&to)?.as_ref() == Some(&store), "`{}` is not what was written", to.display());
    }
    remove(&from)?;
    let shown = serde_json::json!({ "sealed": to, "removed": from, "locks": locks(&to)? });
    output.result(&shown, || {
        format!(
            "Wrote `{}`, and removed `{}`.\nThe disk's free blocks and older backups may still hold the keys as they \
             were: `salus governance new-keys` makes others.\nWithout a lock that opens, the keys are lost: keep a \
             second one (`salus keys change`).",
            to.display(),
            from.display()
        )
    })
}

fn same(one: &NodeKeys, two: &NodeKeys) -> anyhow::Result<bool> {
    Ok(one.secrets()? == two.secrets()? && one.tls.certificate == two.tls.certificate)
}

fn change(
    home: &Path,
    add: Option<&NewLock>,
    remove: Option<&str>,
    unlock: &Unlock,
    output: Output,
) -> anyhow::Result<()> {
    ensure!(add.is_some() || remove.is_some(), "say what to change: --lock, --remove, or both");
    let path = file_of(home)?;
    let Opened { keys, sealed, .. } = Opened::read(&path, unlock)?;
    let Some(mut sealed) = sealed else { bail!("`{}` is not sealed: `salus keys seal`", path.display()) };
    // First, so that a new lock may have the name of the one that it replaces.
    if let Some(name) = remove {
        sealed.remove(name)?;
    }
    if let Some(lock) = add {
        lock.add_to(&mut sealed)?;
    }
    replace(&path, &sealed.seal(&keys)?.to_bytes())?;
    let shown = serde_json::json!({ "written": path, "locks": locks(&path)? });
    output.result(&shown, || {
        let gone = if remove.is_some() {
            "\nWhat opened the lock that is gone still opens copies of the file from before: backups, for one."
        } else {
            ""
        };
        format!("Wrote `{}`.{gone}", path.display())
    })
}

fn renew_store(home: &Path, unlock: &Unlock, output: Output) -> anyhow::Result<()> {
    let file = NodeFile::read(home)?;
    ensure!(file.has_clinical_store(), "this node's folder has no clinical store");
    let keys = NodeKeys::open(home, &file, unlock)?;
    ClinicalKeys::renew(&home.join("clinical"), &keys.storage)?;
    output.result(&serde_json::json!({ "renewed": true }), || {
        "Made another key for the clinical store. When the node starts next, the store is written anew under it, which \
         needs as much free disk as the store has.\nCopies and backups of before open by the key of before."
            .to_owned()
    })
}

/// A lock, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_kib: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lanes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Shown {
    fn of(lock: &Lock) -> Self {
        let shown = Self {
            name: lock.name.as_str().to_owned(),
            kind: what(&lock.kind),
            memory_kib: None,
            passes: None,
            lanes: None,
            token: None,
        };
        match &lock.kind {
            LockKind::PassphraseLock(PassphraseLock { memory_kib, passes, lanes, .. }) => {
                Self { memory_kib: Some(*memory_kib), passes: Some(*passes), lanes: Some(*lanes), ..shown }
            }
            LockKind::TokenLock(lock) => Self { token: Some(lock.token.as_str().to_owned()), ..shown },
            LockKind::KeyLock(_) => shown,
        }
    }

    fn text(&self) -> String {
        let Self { name, kind, memory_kib, passes, lanes, token } = self;
        let mut text = format!("  {name}: {kind}");
        if let (Some(memory_kib), Some(passes), Some(lanes)) = (memory_kib, passes, lanes) {
            // Writing to a string does not fail.
            let _ = write!(text, ", Argon2id with {} MiB, {passes} passes, {lanes} lanes", memory_kib >> 10);
        }
        if let Some(token) = token {
            let _ = write!(text, " `{token}`");
        }
        text
    }
}

fn locks(path: &Path) -> anyhow::Result<Vec<Shown>> {
    let store = read_sealed(path)?;
    Ok(store.map(|store| store.head.locks.iter().map(Shown::of).collect()).unwrap_or_default())
}

/// The public keys: the node's own, and the digests of those that are long.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Public {
    node_key: PublicKey,
    kem_key: Digest,
    tls_certificate: Digest,
}

impl Public {
    fn of_head(head: &KeyStoreHead) -> Self {
        let KeyStoreHead { node_key, kem_key, tls_certificate, .. } = head;
        Self { node_key: *node_key, kem_key: sha256(&**kem_key), tls_certificate: sha256(&**tls_certificate) }
    }

    fn of_keys(keys: &NodeKeys) -> Self {
        Self {
            node_key: keys.node.public(),
            kem_key: sha256(keys.kem.public().0),
            tls_certificate: sha256(&keys.tls.certificate),
        }
    }

    fn text(&self) -> String {
        let Self { node_key, kem_key, tls_certificate } = self;
        format!(
            "Node key: {node_key}\nX-Wing key, SHA-256: {kem_key}\nTLS certificate, SHA-256: {tls_certificate}"
        )
    }
}

fn show(home: &Path, open: bool, unlock: &Unlock, output: Output) -> anyhow::Result<()> {
    let path = file_of(home)?;
    let Some(store) = read_sealed(&path)? else {
        let public = Public::of_keys(&Opened::read(&path, unlock)?.keys);
        let shown = serde_json::json!({ "file": path, "sealed": false, "public": public });
        return output.result(&shown, || format!("`{}` is in the clear.\n{}", path.display(), public.text()));
    };
    let opened = if open { Opened::read(&path, unlock)?.lock } else { None };
    let public = Public::of_head(&store.head);
    let locks: Vec<_> = store.head.locks.iter().map(Shown::of).collect();
    let shown = serde_json::json!({ "file": path, "sealed": true, "opened": opened, "locks": locks, "public": public });
    output.result(&shown, || {
        let checked = match &opened {
            Some(lock) => format!("Opened by `{lock}`: nobody changed it."),
            None => {
                "Not opened: somebody who may write the file could have changed this (--open).".to_owned()
            }
        };
        let locks: Vec<_> = locks.iter().map(Shown::text).collect();
        format!(
            "`{}` is sealed. Its locks:\n{}\n{}\n{checked}",
            path.display(),
            locks.join("\n"),
            public.text()
        )
    })
}

//! States with many entries: made once, kept in a folder outside of the checkout, copied for every node.

use anyhow::Context as _;
use commonware_codec::Encode as _;
use salus_crypto::Digest;
use salus_crypto::hash::hash;
use salus_node::preload::{StateBefore, fill};
use salus_types::GrantId;
use salus_types::state::{GrantEntry, StateKey, StateValue, key};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Part of the folders' names: raise it when the same number of entries no longer gives the same files.
const FORMAT: u32 = 1;
/// In the folder of a state that is whole: what its genesis block says of it.
const DESCRIPTION: &str = "state.json";
/// In the folder of a state: what is copied for every node.
const DATA: &str = "data";

#[derive(Serialize, Deserialize)]
struct Description {
    root: Digest,
    start: u64,
    end: u64,
}

/// A filled state.
#[derive(Clone)]
pub(super) struct Filled {
    folder: PathBuf,
    pub(super) before: StateBefore,
}

impl Filled {
    /// The state with `count` grants, from `cache` or, the first time, made there.
    pub(super) fn open(cache: &Path, count: u64) -> anyhow::Result<Self> {
        let folder = cache.join(format!("state-v{FORMAT}-{count}"));
        let description = folder.join(DESCRIPTION);
        if !description.exists() {
            make(&folder, count)?;
        }
        let text = fs::read(&description).with_context(|| format!("`{}`", description.display()))?;
        let Description { root, start, end } = serde_json::from_slice(&text)?;
        Ok(Self { folder, before: StateBefore { root, start, end } })
    }

    /// Makes the data folder of a node that has this state.
    pub(super) fn copy_to(&self, data: &Path) -> anyhow::Result<()> {
        copy(&self.folder.join(DATA), data)
    }
}

/// The description is written last: a folder without one is of a run that was broken off.
fn make(folder: &Path, count: u64) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let data = folder.join(DATA);
    fs::create_dir_all(&data)?;
    let mut keys: Vec<StateKey> = (0..count).map(grant).collect();
    keys.sort_unstable();
    let before = std::thread::scope(|scope| {
        // The runtime that writes it must not be started from within another one.
        scope.spawn(|| fill(&data, keys.into_iter().map(|key| (key, value(&key))))).join()
    });
    let StateBefore { root, start, end } =
        before.map_err(|_| anyhow::anyhow!("`{}` cannot be filled", folder.display()))?;
    fs::write(folder.join(DESCRIPTION), serde_json::to_vec(&Description { root, start, end })?)?;
    Ok(())
}

fn grant(number: u64) -> StateKey {
    key::grant(&GrantId(hash("salus/bench/grant/v1", &[&number.to_be_bytes()])))
}

fn value(key: &StateKey) -> StateValue {
    let entry = GrantEntry {
        terms: key.0,
        scope: key.0,
        expiry_ms: u64::MAX,
        height: 0,
        revoked: None,
        accesses: 0,
        by_proxy: None,
    };
    // A grant's entry is far below the limit of a value.
    StateValue::new(entry.encode().to_vec()).unwrap_or_default()
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

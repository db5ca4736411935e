//! A state that is there before block 1: to measure a network whose state is large, without the blocks that made it.
//!
//! No network that people use has one: its genesis block names the root of this state, so that nodes with another one,
//! or with none, do not agree with it on any block.

use crate::block::from_commonware;
use crate::state::{StateDb, config, database_key};
use crate::store::{PREFIX, state_page_cache};
use commonware_glue::stateful::db::ManagedDb;
use commonware_runtime::{Runner as _, Supervisor as _, tokio as runtime};
use commonware_storage::qmdb::floor::Proportional;
use salus_types::Digest;
use salus_types::state::{StateKey, StateValue};
use std::path::Path;

/// Entries that are hashed together; each batch costs a commit.
const BATCH_COUNT: usize = 65_536;
const FAILED: &str = "filling the state failed";

/// The state before block 1, as the genesis block names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBefore {
    /// Root of the operation log.
    pub root: Digest,
    /// First operation that a node needs.
    pub start: u64,
    /// Number of operations.
    pub end: u64,
}

/// Fills the state of a node that has never run. The same entries in the same order give the same state; in ascending
/// order of their keys they take the least time and space.
///
/// # Panics
/// If the storage fails, or if the node has a state already.
pub fn fill(data: &Path, entries: impl Iterator<Item = (StateKey, StateValue)> + Send) -> StateBefore {
    let storage = runtime::Config::new().with_storage_directory(data.join("ledger"));
    runtime::Runner::new(storage).start(|context| async move {
        let config = config(PREFIX, state_page_cache());
        let initial = <StateDb<runtime::Context> as ManagedDb<_>>::initial_sync_target();
        let mut db = StateDb::init(context.child("state"), config, None).await.expect(FAILED);
        assert_eq!(db.sync_target(), initial, "the node has a state already");
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            let mut batch = db.new_batch();
            for (key, value) in entries.by_ref().take(BATCH_COUNT) {
                batch = batch.write(database_key(&key), Some(value));
            }
            let sealed = batch.merkleize(&db, None, &mut Proportional).await.expect(FAILED);
            db = db.apply_batch(sealed).await.expect(FAILED).commit().await.expect(FAILED);
        }
        let db = db.sync().await.expect(FAILED);
        let target = db.sync_target();
        StateBefore {
            root: from_commonware(target.root),
            start: *target.range.start(),
            end: *target.range.end(),
        }
    })
}

//! The authenticated state: QMDB `current`, ordered, variable values.
//!
//! The canonical root ([`Header::state_root`](salus_types::block::Header)) is what state proofs lead to; the root of the
//! operation log (`sync_root`) is what state sync checks. See `docs/adr/0003-state-values.md`.

use crate::block::to_commonware;
use commonware_cryptography::{Sha256, sha256};
use commonware_glue::stateful::db::{DatabaseSet, ManagedDb, Shared};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::journal::contiguous::variable;
use commonware_storage::merkle::full;
use commonware_storage::mmr;
use commonware_storage::qmdb::any::ordered::variable::Operation;
use commonware_storage::qmdb::current::VariableConfig;
use commonware_storage::qmdb::current::ordered::variable::Db;
use commonware_storage::translator::EightCap;
use commonware_utils::{NZU64, NZUsize};
use salus_types::state::{StateKey, StateValue};

/// Bytes of a chunk of the activity bitmap: 256 operations, 32 bytes in every proof.
pub const CHUNK_BYTES: usize = 32;

/// The state database.
pub type StateDb<E> =
    Db<mmr::Family, E, sha256::Digest, StateValue, Sha256, EightCap, CHUNK_BYTES, Sequential>;
/// One operation of its log.
pub type StateOperation = Operation<mmr::Family, sha256::Digest, StateValue>;
/// The database as glue manages it.
pub type Databases<E> = Shared<StateDb<E>>;
/// A batch that is being written.
pub type Batch<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;
/// A batch with its roots.
pub type SealedBatch<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
/// What a block says about the operation log.
pub type SyncTarget<E> = <StateDb<E> as ManagedDb<E>>::SyncTarget;

/// A state key as the database names it.
pub fn database_key(key: &StateKey) -> sha256::Digest {
    to_commonware(key.0)
}

/// Configuration of the database under partitions of this prefix.
pub fn config(prefix: &str, page_cache: CacheRef) -> VariableConfig<EightCap, ((), ()), Sequential> {
    VariableConfig {
        merkle_config: full::Config {
            journal_partition: format!("{prefix}-state-tree"),
            metadata_partition: format!("{prefix}-state-tree-meta"),
            items_per_blob: NZU64!(1 << 18),
            write_buffer: NZUsize!(256 * 1024),
            replay_buffer: NZUsize!(256 * 1024),
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: variable::Config {
            partition: format!("{prefix}-state-log"),
            items_per_section: NZU64!(1 << 16),
            compression: None,
            codec_config: ((), ()),
            page_cache,
            write_buffer: NZUsize!(256 * 1024),
            replay_buffer: NZUsize!(256 * 1024),
        },
        grafted_metadata_partition: format!("{prefix}-state-bitmap"),
        translator: EightCap,
        init_cache: Some(NZUsize!(1024)),
        init_buffer: NZUsize!(1 << 20),
        init_concurrency: (),
    }
}

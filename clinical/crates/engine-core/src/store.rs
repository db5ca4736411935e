//! The database file: the engine's own pool, and three connections of ours beside it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use helios_fhir::FhirVersion;
use helios_persistence::{
    backends::sqlite::{SqliteBackend, SqliteBackendConfig},
    core::{BundleEntry, BundleProvider},
    tenant::{TenantContext, TenantId, TenantPermissions},
};
use rusqlite::Connection;
use tokio::runtime::Handle;

use crate::{
    Error,
    at_rest::{self, Keys},
    durable::Durable,
    work,
};

/// The one tenant of a node.
pub(crate) const TENANT: &str = "default";

/// Search parameters that HL7 publishes for R4 4.0.1 are 1,378; fewer than this means a wrong file.
const SEARCH_PARAMETERS_MIN: usize = 1_000;

pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A write-ahead log above this many bytes is folded back while the process runs. Below it, the pool's automatic
/// checkpoint (50,000 pages) keeps up.
const WAL_BYTES_MAX: u64 = 256 << 20;

/// How long folding back waits for readers and writers while the process runs, and when it must be.
const FOLD_WAIT: Duration = Duration::from_secs(1);
const SCRUB_WAIT: Duration = Duration::from_secs(10);

/// The cascade from `resources` has no index to follow; a purge removes the index rows itself.
const WRITER: &str = "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS seal_outbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        resource_type TEXT NOT NULL, id TEXT NOT NULL, version_id TEXT NOT NULL);
    CREATE TRIGGER IF NOT EXISTS seal_outbox_version AFTER INSERT ON resource_history
        WHEN substr(NEW.id, 1, 3) <> 'sx-'
        BEGIN
            INSERT INTO seal_outbox (resource_type, id, version_id)
            VALUES (NEW.resource_type, NEW.id, NEW.version_id);
        END;
    CREATE TABLE IF NOT EXISTS share_set (
        grant_id TEXT PRIMARY KEY, patient TEXT NOT NULL, expires_at TEXT NOT NULL,
        dropping INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS share_member (
        resource_type TEXT NOT NULL, id TEXT NOT NULL, grant_id TEXT NOT NULL, digest BLOB,
        PRIMARY KEY (resource_type, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS share_member_grant ON share_member (grant_id);
    INSERT INTO resource_fts(resource_fts, rank) VALUES ('secure-delete', 1);
    INSERT INTO search_index_fts(search_index_fts, rank) VALUES ('secure-delete', 1);
";

/// Memory that SQLite may have in this process, all connections together, in bytes. The backend gives each of its
/// connections a cache of 64 MiB, which they fill one after the other; when all have this much, pages that were not used
/// for the longest time make room.
const MEMORY_BYTES: u32 = 128 * 1024 * 1024;

/// The backend's index of references ends with the reference, so that every row that is found is fetched from the table
/// for its resource: of a patient with hundreds of results, most of a search. With these two columns more it is not.
const REFERENCES_COVERED: &str =
    "SELECT count(*) FROM sqlite_master WHERE name = 'idx_search_reference' AND sql LIKE '%resource_key%'";
const COVER_REFERENCES: &str = "
    BEGIN IMMEDIATE;
    DROP INDEX IF EXISTS idx_search_reference;
    CREATE INDEX idx_search_reference
        ON search_index (tenant_id, resource_type, param_name, value_reference, resource_key, is_contained)
        WHERE value_reference IS NOT NULL;
    COMMIT;
";

pub(crate) struct Store {
    pub(crate) backend: SqliteBackend,
    pub(crate) durable: Durable,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// Folds the write-ahead log back. The engine's own code for that asks for the page size, which SQLCipher answers with
    /// a text, and gives up.
    keeper: Mutex<Connection>,
    log: PathBuf,
}

impl Store {
    /// Opens or creates the store below `data`, with the search parameters of `definitions`. Sealed by `keys`, whatever
    /// it was before.
    pub(crate) fn open(data: &Path, definitions: &Path, keys: &Keys) -> Result<Arc<Self>, Error> {
        let file = data.join("clinical.db");
        at_rest::open(&file, keys)?;
        let config = SqliteBackendConfig {
            fhir_version: FhirVersion::R4,
            data_dir: Some(definitions.to_path_buf()),
            max_connections: u32::try_from(work::connections()).unwrap_or(u32::MAX),
            ..Default::default()
        };
        let backend = SqliteBackend::with_config(&file, config).map_err(store_error)?;
        let known = backend.tenant_registries().base().read().len();
        if known < SEARCH_PARAMETERS_MIN {
            return Err(Error::Definitions(format!(
                "only {known} search parameters; `search-parameters-r4.json` must be HL7's R4 4.0.1 registry"
            )));
        }
        backend.init_schema().map_err(store_error)?;
        let writer = connect(&file, WRITER)?;
        bound_memory(&writer)?;
        writer.execute_batch(SCHEMA)?;
        if writer.query_row(REFERENCES_COVERED, [], |row| row.get::<_, i64>(0))? == 0 {
            writer.execute_batch(COVER_REFERENCES)?;
        }
        let reader = connect(&file, "PRAGMA query_only = ON;")?;
        let keeper = connect(&file, "")?;
        let log = data.join("clinical.db-wal");
        let durable = Durable::open(&log)?;
        let (writer, reader, keeper) = (Mutex::new(writer), Mutex::new(reader), Mutex::new(keeper));
        Ok(Arc::new(Self { backend, durable, writer, reader, keeper, log }))
    }

    /// Runs `work` on the reading connection, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(self);
        blocking(move || work(&locked(&store.reader))).await
    }

    /// Runs `work` in one immediate transaction that is durable when this returns.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(self);
        blocking(move || {
            let mut writer = locked(&store.writer);
            let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
        .await
    }

    /// Writes all entries in one transaction of the engine, with their search index, past the guard.
    pub(crate) async fn import(&self, entries: Vec<BundleEntry>) -> Result<(), Error> {
        let (backend, runtime) = (self.backend.clone(), Handle::current());
        blocking(move || {
            let tenant = tenant();
            let importing =
                backend.process_transaction_with_patch_validator(&tenant, entries, FhirVersion::R4, None);
            // The engine's error can quote the resource.
            let refused = |_| Error::Share("the set could not be stored; nothing of it was".into());
            runtime.block_on(importing).map(drop).map_err(refused)
        })
        .await
    }

    /// Folds the WAL into the database and empties it; `false` when readers were in the way.
    pub(crate) async fn checkpoint(self: &Arc<Self>) -> Result<bool, Error> {
        self.fold(SCRUB_WAIT).await
    }

    /// The same if the log has grown large; to be called every few seconds.
    pub(crate) async fn maintain(self: &Arc<Self>) -> Result<(), Error> {
        match std::fs::metadata(&self.log) {
            Ok(log) if log.len() > WAL_BYTES_MAX => self.fold(FOLD_WAIT).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn fold(self: &Arc<Self>, wait: Duration) -> Result<bool, Error> {
        let store = Arc::clone(self);
        blocking(move || {
            let keeper = locked(&store.keeper);
            keeper.busy_timeout(wait)?;
            // First what nobody needs to wait for.
            keeper.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            let busy: bool = keeper.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            Ok(!busy)
        })
        .await
    }
}

/// The tenant under which the engine keeps everything.
pub(crate) fn tenant() -> TenantContext {
    TenantContext::new(TenantId::new(TENANT), TenantPermissions::full_access())
}

fn connect(file: &Path, pragmas: &str) -> Result<Connection, Error> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch(pragmas)?;
    Ok(connection)
}

/// Bounds what SQLite may have in the whole process (<https://www.sqlite.org/pragma.html#pragma_soft_heap_limit>).
fn bound_memory(connection: &Connection) -> Result<(), Error> {
    let pragma = format!("PRAGMA soft_heap_limit = {MEMORY_BYTES}");
    connection.query_row(&pragma, [], |_| Ok(()))?;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::Store(format!("storage task: {e}")))?
}

/// A panic while holding the connection leaves it usable: its transaction rolled back on drop.
fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn store_error(error: helios_persistence::StorageError) -> Error {
    Error::Store(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_on_memory_is_that_of_all_connections() {
        let one = Connection::open_in_memory().expect("a database");
        bound_memory(&one).expect("bounded");
        let other = Connection::open_in_memory().expect("a database");
        let bound: u32 = other.query_row("PRAGMA soft_heap_limit", [], |row| row.get(0)).expect("an answer");
        assert_eq!(bound, MEMORY_BYTES);
    }
}

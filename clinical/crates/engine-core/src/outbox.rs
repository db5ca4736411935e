//! The transactional outbox: one row per committed version, written by a trigger inside the transaction
//! that wrote the version, so that a crash can neither lose a row nor invent one.
//!
//! Imported copies (`sx-`) never appear: their source has sealed them.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use crate::{Error, compartment, store::Store};

/// The most rows one read returns.
pub const ROWS_PER_READ_MAX: u32 = 10_000;

/// How many bytes of text one read returns, but for its last row: a reader has a limit on answers, and a read that
/// exceeds it would be repeated, and exceed it, for ever. Escaping in JSON at most doubles the text.
const BYTES_PER_READ: usize = 32 * 1024 * 1024;

/// The longest a waiting reader is held.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// One committed version of a resource.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Position; grows, never reused, may have gaps.
    pub seq: i64,
    /// FHIR resource type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Logical id.
    pub id: String,
    /// `meta.versionId`.
    pub version: String,
    /// Whether this version is a deletion; `resource` is then what was deleted.
    pub deleted: bool,
    /// When the version was written, RFC 3339.
    #[serde(rename = "lastUpdated")]
    pub last_updated: String,
    /// Logical id of the patient the resource belongs to, if it is exactly one.
    pub patient: Option<String>,
    /// The stored JSON text, byte for byte.
    pub resource: String,
}

/// Reader of the outbox.
#[derive(Clone)]
pub struct Outbox {
    store: Arc<Store>,
    written: watch::Sender<()>,
}

impl Outbox {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, written: watch::Sender::new(()) }
    }

    /// Wakes the waiting readers; called after each write.
    pub(crate) fn announce(&self) {
        self.written.send_replace(());
    }

    /// Rows after `after`, in order: at most `limit`, and no more once their texts have reached 32 MiB. None means that
    /// none waits: a single row is returned whatever its size. What it returns is durable.
    pub async fn rows(&self, after: i64, limit: u32) -> Result<Vec<Row>, Error> {
        let limit = limit.min(ROWS_PER_READ_MAX);
        let rows = self.store.read(move |db| read(db, after, limit)).await?;
        if !rows.is_empty() {
            self.store.durable.sync().await?;
        }
        Ok(rows)
    }

    /// Forgets the rows up to and including `up_to`.
    pub async fn acknowledge(&self, up_to: i64) -> Result<(), Error> {
        self.store
            .write(move |db| Ok(db.execute("DELETE FROM seal_outbox WHERE seq <= ?1", [up_to])?))
            .await
            .map(drop)
    }

    /// Returns the last position once it is beyond `after`, or whatever it is after ten seconds.
    pub async fn wait(&self, after: i64) -> Result<i64, Error> {
        let until = Instant::now() + WAIT_MAX;
        let mut written = self.written.subscribe();
        loop {
            let last = self.last().await?;
            if last > after || tokio::time::timeout_at(until, written.changed()).await.is_err() {
                return Ok(last);
            }
        }
    }

    /// The last position ever given out.
    pub(crate) async fn last(&self) -> Result<i64, Error> {
        self.store.read(last).await
    }

    /// How many rows wait.
    pub(crate) async fn pending(&self) -> Result<i64, Error> {
        self.store
            .read(|db| Ok(db.query_row("SELECT count(*) FROM seal_outbox", [], |row| row.get(0))?))
            .await
    }
}

fn last(db: &rusqlite::Connection) -> Result<i64, Error> {
    let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'seal_outbox'), 0)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

fn read(db: &rusqlite::Connection, after: i64, limit: u32) -> Result<Vec<Row>, Error> {
    let mut select = db.prepare_cached(
        "SELECT o.seq, o.resource_type, o.id, o.version_id, h.is_deleted, h.last_updated, h.data
         FROM seal_outbox o JOIN resource_history h
           ON h.tenant_id = ?1 AND h.resource_type = o.resource_type
          AND h.id = o.id AND h.version_id = o.version_id
         WHERE o.seq > ?2 ORDER BY o.seq LIMIT ?3",
    )?;
    let mut found = select.query(rusqlite::params![crate::store::TENANT, after, limit])?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while bytes < BYTES_PER_READ
        && let Some(row) = found.next()?
    {
        let data: Vec<u8> = row.get(6)?;
        bytes += data.len();
        rows.push(with_patient(Row {
            seq: row.get(0)?,
            resource_type: row.get(1)?,
            id: row.get(2)?,
            version: row.get(3)?,
            deleted: row.get(4)?,
            last_updated: row.get(5)?,
            patient: None,
            resource: String::from_utf8_lossy(&data).into_owned(),
        }));
    }
    Ok(rows)
}

fn with_patient(mut row: Row) -> Row {
    let resource: Option<Value> = serde_json::from_str(&row.resource).ok();
    row.patient = resource
        .as_ref()
        .and_then(|resource| compartment::patient_of(&row.resource_type, &row.id, resource))
        .map(str::to_owned);
    row
}

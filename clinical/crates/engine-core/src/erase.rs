//! Erasing resources for good: each with its versions and index entries, and then the write-ahead log.
//!
//! A resource with a version that waits in the outbox stays: whoever seals it may have read it already, and would seal what
//! nobody knows to erase any more.

use serde::{Deserialize, Serialize};

use crate::{Engine, Error, principal, shares, store::TENANT};

/// The most resources in one request.
pub const RESOURCES_PER_ERASURE_MAX: usize = 4_096;

/// Resources erased in one transaction, so that other writers wait for a fraction of a second only.
pub(crate) const PER_TRANSACTION_MAX: usize = 200;

/// Everything the pinned version of the engine keeps about a resource, by its indexes. (Its own purge looks
/// for index rows without one, which makes it read the whole search index once per resource.)
const ERASE: &[&str] = &[
    "DELETE FROM search_index WHERE tenant_id = ?1 AND resource_type = ?2 AND resource_key =
         (SELECT rowid FROM resources WHERE tenant_id = ?1 AND resource_type = ?2 AND id = ?3)",
    "DELETE FROM resource_fts WHERE rowid IN (SELECT fts_rowid FROM resource_fts_map
         WHERE tenant_id = ?1 AND resource_type = ?2 AND resource_id = ?3)",
    "DELETE FROM resource_fts_map WHERE tenant_id = ?1 AND resource_type = ?2 AND resource_id = ?3",
    "DELETE FROM resource_history WHERE tenant_id = ?1 AND resource_type = ?2 AND id = ?3",
    "DELETE FROM resources WHERE tenant_id = ?1 AND resource_type = ?2 AND id = ?3",
];

/// A resource by its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Named {
    /// FHIR type.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Logical id.
    pub id: String,
}

/// What an erasure did.
#[derive(Debug, Serialize)]
pub struct Erased {
    /// Resources that were there and are not any more.
    pub erased: usize,
    /// Resources that stay, because a version of theirs is not sealed yet: ask again.
    pub waiting: usize,
    /// Whether the write-ahead log was emptied too; if not, ask again.
    pub scrubbed: bool,
}

impl Engine {
    /// Physically removes resources of this organisation. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Share`] if one is an imported copy or no resource at all; nothing is removed then. [`Error::Store`].
    pub async fn erase(&self, resources: Vec<Named>) -> Result<Erased, Error> {
        let own = |named: &Named| {
            principal::is_logical_id(&named.id)
                && principal::is_logical_id(&named.resource_type)
                && !shares::is_copy(&named.id)
        };
        if resources.len() > RESOURCES_PER_ERASURE_MAX || !resources.iter().all(own) {
            return Err(Error::Share("not a list of this organisation's own resources".into()));
        }
        let (mut erased, mut waiting) = (0, 0);
        for chunk in resources.chunks(PER_TRANSACTION_MAX) {
            let chunk = chunk.to_vec();
            let done = self.store().write(move |db| erase_sealed(db, &chunk)).await?;
            (erased, waiting) = (erased + done.0, waiting + done.1);
        }
        let scrubbed = self.store().checkpoint().await?;
        Ok(Erased { erased, waiting, scrubbed })
    }
}

/// Erases those that are sealed; how many, and how many wait.
fn erase_sealed(db: &rusqlite::Connection, resources: &[Named]) -> Result<(usize, usize), Error> {
    let (mut erased, mut waiting) = (0, 0);
    for Named { resource_type, id } in resources {
        let mut pending = db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM seal_outbox WHERE resource_type = ?1 AND id = ?2)",
        )?;
        if pending.query_row([resource_type, id], |row| row.get(0))? {
            waiting += 1;
        } else {
            erased += usize::from(erase(db, resource_type, id)?);
        }
    }
    Ok((erased, waiting))
}

/// Erases one; whether it was there.
pub(crate) fn erase(db: &rusqlite::Connection, resource_type: &str, id: &str) -> Result<bool, Error> {
    let mut removed = 0;
    for sql in ERASE {
        let mut statement = db.prepare_cached(sql)?;
        removed = statement.execute([TENANT, resource_type, id])?;
    }
    Ok(removed > 0)
}

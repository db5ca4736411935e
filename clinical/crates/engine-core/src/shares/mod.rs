//! Imported copies of other organisations' records.
//!
//! A copy's id starts with `sx-`, it belongs to exactly one grant, and it is seen only by a principal that
//! lists this grant while its set is live. A set that is unknown, expired or being dropped shows nothing.

mod import;
mod purge;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    Error, compartment,
    principal::{Principal, Scope},
    store::Store,
};

/// Ids of imported copies start with this; clients can never write such an id.
pub const ID_PREFIX: &str = "sx-";

/// System of the two security labels of an imported copy.
pub const LABEL_SYSTEM: &str = "https://salus.network/fhir/share";

/// Code of the label that every imported copy carries; the other one's code is the grant.
pub const LABEL_SHARED: &str = "shared";

/// The most resources one import may hold.
pub const RESOURCES_PER_IMPORT_MAX: usize = 50_000;

/// The body of an import.
#[derive(Debug, Deserialize)]
pub struct Import {
    /// Logical id of the local Patient resource the copies are about.
    pub patient: String,
    /// Wall-clock end of the set.
    pub expires: DateTime<Utc>,
    /// FHIR resources, ids set.
    pub resources: Vec<Value>,
}

/// What a purge did.
#[derive(Debug, Serialize)]
pub struct Purged {
    /// Resources removed.
    pub count: usize,
    /// Whether the write-ahead log was emptied too; if not, it is at the next pass or at shutdown.
    pub scrubbed: bool,
}

/// One line of the listing.
#[derive(Debug, Serialize)]
pub struct Listed {
    grant: String,
    patient: String,
    expires: String,
    count: i64,
}

#[derive(Debug, Clone)]
struct ShareSet {
    patient: String,
    expires: DateTime<Utc>,
    dropping: bool,
}

/// The sets of this node.
pub struct Shares {
    store: Arc<Store>,
    sets: RwLock<Arc<HashMap<String, ShareSet>>>,
    /// One import or purge at a time.
    changing: Mutex<()>,
}

/// The grants a principal sees, and those it must not.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(crate) visible: Vec<String>,
    pub(crate) hidden: Vec<String>,
}

impl Shares {
    pub(crate) async fn load(store: Arc<Store>) -> Result<Self, Error> {
        let shares = Self { store, sets: RwLock::default(), changing: Mutex::new(()) };
        shares.reload().await?;
        Ok(shares)
    }

    /// All sets, by grant.
    pub async fn list(&self) -> Result<Vec<Listed>, Error> {
        self.store.read(list).await
    }

    /// Whether `principal` may see the copy `content`, which is known to be one.
    pub(crate) fn shows(&self, principal: &Principal, content: &Value) -> bool {
        let sets = self.snapshot();
        grants_of(content).next().is_some()
            && grants_of(content).all(|grant| sets.get(grant).is_some_and(|set| set.shows(grant, principal)))
    }

    /// Splits the sets that can hold a resource of `resource_type` for this principal into those it sees and
    /// the others. Within one patient's scope, what belongs to patients is narrowed to that patient anyway,
    /// so only that patient's sets count.
    pub(crate) fn partition(&self, principal: &Principal, resource_type: &str) -> Partition {
        let owned = compartment::owner_of_type(resource_type).is_some();
        let mut partition = Partition::default();
        for (grant, set) in self.snapshot().iter() {
            if set.shows(grant, principal) {
                partition.visible.push(grant.clone());
            } else if !matches!(&principal.read, Scope::Patient(id) if owned && *id != set.patient) {
                partition.hidden.push(grant.clone());
            }
        }
        partition
    }

    /// Logical ids of the copies of type `resource_type` in these sets.
    pub(crate) async fn members(
        &self,
        resource_type: &'static str,
        grants: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        self.store
            .read(move |db| {
                let mut select = db.prepare_cached(
                    "SELECT id FROM share_member WHERE resource_type = ?1 AND grant_id = ?2",
                )?;
                let mut ids = Vec::new();
                for grant in grants {
                    let found = select.query_map([resource_type, grant.as_str()], |row| row.get(0))?;
                    ids.extend(found.collect::<Result<Vec<String>, _>>()?);
                }
                Ok(ids)
            })
            .await
    }

    /// How many copies there are, of one type or of all.
    pub(crate) async fn count(&self, resource_type: Option<String>) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM share_member WHERE digest IS NOT NULL AND resource_type = coalesce(?1, resource_type)";
        let count: i64 =
            self.store.read(move |db| Ok(db.query_row(sql, [resource_type], |row| row.get(0))?)).await?;
        Ok(count.unsigned_abs())
    }

    /// How many versions of copies there are, of one type or of all.
    pub(crate) async fn versions(&self, resource_type: Option<String>) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM share_member m JOIN resource_history h
                   ON h.tenant_id = ?2 AND h.resource_type = m.resource_type AND h.id = m.id
                   WHERE m.resource_type = coalesce(?1, m.resource_type)";
        let count: i64 = self
            .store
            .read(move |db| {
                let bound = rusqlite::params![resource_type, crate::store::TENANT];
                Ok(db.query_row(sql, bound, |row| row.get(0))?)
            })
            .await?;
        Ok(count.unsigned_abs())
    }

    fn snapshot(&self) -> Arc<HashMap<String, ShareSet>> {
        Arc::clone(&self.sets.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn reload(&self) -> Result<(), Error> {
        let sets = self.store.read(read_sets).await?;
        *self.sets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sets);
        Ok(())
    }
}

impl ShareSet {
    fn shows(&self, grant: &str, principal: &Principal) -> bool {
        let reach = match &principal.read {
            Scope::None => false,
            Scope::All => true,
            Scope::Patient(id) => *id == self.patient,
        };
        reach && !self.dropping && Utc::now() < self.expires && principal.shares.contains(grant)
    }
}

/// Whether `id` is that of an imported copy.
pub(crate) fn is_copy(id: &str) -> bool {
    id.starts_with(ID_PREFIX)
}

/// Whether `resource` carries a label that only imports may set.
pub(crate) fn is_labelled(resource: &Value) -> bool {
    labels(resource).next().is_some()
}

fn labels(resource: &Value) -> impl Iterator<Item = &str> {
    let security = resource.pointer("/meta/security").and_then(Value::as_array);
    security
        .into_iter()
        .flatten()
        .filter(|label| label.get("system").and_then(Value::as_str) == Some(LABEL_SYSTEM))
        .map(|label| label.get("code").and_then(Value::as_str).unwrap_or_default())
}

fn grants_of(resource: &Value) -> impl Iterator<Item = &str> {
    labels(resource).filter(|code| *code != LABEL_SHARED)
}

fn is_grant(grant: &str) -> bool {
    (1..=128).contains(&grant.len()) && grant.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn read_sets(db: &rusqlite::Connection) -> Result<HashMap<String, ShareSet>, Error> {
    let mut select = db.prepare("SELECT grant_id, patient, expires_at, dropping FROM share_set")?;
    let rows = select.query_map([], |row| {
        let expires: String = row.get(2)?;
        // An unreadable date is a set that expired long ago.
        let expires = DateTime::parse_from_rfc3339(&expires).map_or(DateTime::UNIX_EPOCH, |at| at.to_utc());
        Ok((row.get(0)?, ShareSet { patient: row.get(1)?, expires, dropping: row.get(3)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn list(db: &rusqlite::Connection) -> Result<Vec<Listed>, Error> {
    let mut select = db.prepare(
        "SELECT grant_id, patient, expires_at,
                (SELECT count(*) FROM share_member m WHERE m.grant_id = s.grant_id AND digest IS NOT NULL)
         FROM share_set s ORDER BY grant_id",
    )?;
    let rows = select.query_map([], |row| {
        Ok(Listed { grant: row.get(0)?, patient: row.get(1)?, expires: row.get(2)?, count: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

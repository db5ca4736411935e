//! Import, idempotent and all or nothing:
//! 1. check every resource, label it, and note it as a member whose content is unknown (`digest` null);
//! 2. write the new and the changed ones in one transaction of the engine;
//! 3. note their digests. A crash in between makes the next import write them again.

use std::collections::HashMap;

use helios_persistence::core::{BundleEntry, BundleMethod};
use serde_json::{Value, json};

use super::{ID_PREFIX, Import, LABEL_SHARED, LABEL_SYSTEM, RESOURCES_PER_IMPORT_MAX, Shares, is_grant};
use crate::{Error, compartment, principal};

struct Copy {
    resource_type: String,
    id: String,
    digest: Vec<u8>,
    resource: Value,
}

impl Shares {
    /// Inserts or updates the copies of `grant`; returns how many were written.
    pub async fn import(&self, grant: &str, import: Import) -> Result<usize, Error> {
        let _changing = self.changing.lock().await;
        let copies = check(grant, &import)?;
        let changed = self.register(grant, &import, copies).await?;
        self.reload().await?;
        let digests: Vec<_> =
            changed.iter().map(|(c, _)| (c.resource_type.clone(), c.id.clone(), c.digest.clone())).collect();
        let written = digests.len();
        if written > 0 {
            self.store.import(changed.into_iter().map(entry).collect()).await?;
            self.store.durable.sync().await?;
        }
        self.store.write(move |db| note_digests(db, digests)).await?;
        Ok(written)
    }

    /// Notes set and members; returns the copies to write, each with whether it may exist already.
    async fn register(
        &self,
        grant: &str,
        import: &Import,
        copies: Vec<Copy>,
    ) -> Result<Vec<(Copy, bool)>, Error> {
        let (grant, patient) = (grant.to_owned(), import.patient.clone());
        let expires = import.expires.to_rfc3339();
        self.store
            .write(move |db| {
                db.execute(
                    "INSERT INTO share_set (grant_id, patient, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (grant_id) DO UPDATE
                     SET patient = excluded.patient, expires_at = excluded.expires_at",
                    [&grant, &patient, &expires],
                )?;
                refuse_if_dropping(db, &grant)?;
                let mut changed = Vec::new();
                for copy in copies {
                    if let Some(existed) = note_member(db, &grant, &copy)? {
                        changed.push((copy, existed));
                    }
                }
                Ok(changed)
            })
            .await
    }
}

fn refuse_if_dropping(db: &rusqlite::Connection, grant: &str) -> Result<(), Error> {
    let sql = "SELECT dropping FROM share_set WHERE grant_id = ?1";
    if db.query_row(sql, [grant], |row| row.get(0))? {
        return Err(Error::Share("the set is being dropped".into()));
    }
    Ok(())
}

/// `None` when the same content is there already; else whether some content may be.
fn note_member(db: &rusqlite::Connection, grant: &str, copy: &Copy) -> Result<Option<bool>, Error> {
    use rusqlite::OptionalExtension;
    let known: Option<(String, Option<Vec<u8>>)> = db
        .prepare_cached("SELECT grant_id, digest FROM share_member WHERE resource_type = ?1 AND id = ?2")?
        .query_row([&copy.resource_type, &copy.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((holder, _)) if holder != grant => {
            Err(Error::Share("an id belongs to another grant; derive ids from the grant too".into()))
        }
        Some((_, Some(digest))) if digest == copy.digest => Ok(None),
        known => {
            db.prepare_cached(
                "INSERT INTO share_member (resource_type, id, grant_id, digest) VALUES (?1, ?2, ?3, NULL)
                 ON CONFLICT (resource_type, id) DO UPDATE SET digest = NULL",
            )?
            .execute([copy.resource_type.as_str(), &copy.id, grant])?;
            Ok(Some(known.is_some()))
        }
    }
}

fn note_digests(db: &rusqlite::Connection, digests: Vec<(String, String, Vec<u8>)>) -> Result<(), Error> {
    let mut update =
        db.prepare_cached("UPDATE share_member SET digest = ?3 WHERE resource_type = ?1 AND id = ?2")?;
    for (resource_type, id, digest) in digests {
        update.execute(rusqlite::params![resource_type, id, digest])?;
    }
    Ok(())
}

/// Everything that can be refused without the database.
fn check(grant: &str, import: &Import) -> Result<Vec<Copy>, Error> {
    let refuse = |why: &str| Err(Error::Share(why.to_owned()));
    if !is_grant(grant) {
        return refuse("the grant id is not lower-case hex");
    }
    if !principal::is_logical_id(&import.patient) || import.patient.starts_with(ID_PREFIX) {
        return refuse("`patient` is not the id of a local Patient");
    }
    if import.resources.len() > RESOURCES_PER_IMPORT_MAX {
        return refuse("too many resources in one import");
    }
    let mut seen = HashMap::new();
    for (index, resource) in import.resources.iter().enumerate() {
        let copy = copy_of(grant, resource)
            .ok_or_else(|| Error::Share(format!("resource {index} has no R4 type or no `sx-` id")))?;
        if !is_about(&copy, &import.patient) {
            return Err(Error::Share(format!("resource {index} is about another patient")));
        }
        if seen.insert((copy.resource_type.clone(), copy.id.clone()), copy).is_some() {
            return Err(Error::Share(format!("resource {index} repeats an id")));
        }
    }
    Ok(seen.into_values().collect())
}

fn copy_of(grant: &str, resource: &Value) -> Option<Copy> {
    let resource_type = resource.get("resourceType")?.as_str()?;
    let id = resource.get("id")?.as_str()?;
    let known = compartment::is_open(resource_type)
        || compartment::owner_of_type(resource_type).is_some()
        || matches!(resource_type, "Patient" | "Binary");
    // A search parameter would change what searching means here.
    if !known
        || resource_type == "SearchParameter"
        || !id.starts_with(ID_PREFIX)
        || !principal::is_logical_id(id)
    {
        return None;
    }
    let mut resource = resource.clone();
    label(&mut resource, grant)?;
    let digest = digest(&resource);
    Some(Copy { resource_type: resource_type.to_owned(), id: id.to_owned(), digest, resource })
}

/// A copy that names a patient names the one of the set; searches within a patient's scope rely on it.
fn is_about(copy: &Copy, patient: &str) -> bool {
    copy.resource_type == "Patient"
        || compartment::patient_of(&copy.resource_type, &copy.id, &copy.resource).is_none_or(|p| p == patient)
}

/// Replaces the share labels by those of `grant`.
fn label(resource: &mut Value, grant: &str) -> Option<()> {
    let meta = resource.as_object_mut()?.entry("meta").or_insert_with(|| json!({})).as_object_mut()?;
    let security = meta.entry("security").or_insert_with(|| json!([])).as_array_mut()?;
    security.retain(|label| label.get("system").and_then(Value::as_str) != Some(LABEL_SYSTEM));
    security.push(json!({"system": LABEL_SYSTEM, "code": LABEL_SHARED}));
    security.push(json!({"system": LABEL_SYSTEM, "code": grant}));
    Some(())
}

/// SHA-256 of the labelled resource: it tells an unchanged copy from a changed one.
fn digest(resource: &Value) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(resource.to_string().as_bytes()).to_vec()
}

fn entry((copy, existed): (Copy, bool)) -> BundleEntry {
    let method = if existed { BundleMethod::Put } else { BundleMethod::Post };
    let url = if existed { format!("{}/{}", copy.resource_type, copy.id) } else { copy.resource_type };
    BundleEntry { method, url, resource: Some(copy.resource), ..Default::default() }
}

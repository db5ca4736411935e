//! What is remembered about share sets: ids, states, and proofs, which hold the text of what they prove.

use crate::store::{Rows, Store, StoreError, WriteTransaction};
use salus_types::category::Purpose;
use salus_types::{GrantId, OrganisationId, VersionId};
use serde::{Deserialize, Serialize};

const SETS: Rows<SetRow> = Rows::new("share-sets");
/// Under `{grant}/{version}`.
const VERSIONS: Rows<VersionRow> = Rows::new("share-versions");
/// Under the copy's id. Stays after a drop, so that a later read is told why it is refused.
const COPIES: Rows<CopyRow> = Rows::new("share-copies");
/// Under the copy's id: the record proof, which holds the record's text.
const PROOFS: Rows<serde_json::Value> = Rows::new("share-proofs");

/// Most sets that are listed.
const SETS_MAX: usize = 100_000;
/// Most versions of one set.
const VERSIONS_MAX: usize = 1_000_000;

/// How far a set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// Its copies are in the engine.
    Held,
    /// Its copies are deleted; the receipt is not on the ledger yet.
    Deleted,
    /// The receipt is on the ledger.
    Dropped,
}

/// A share set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SetRow {
    pub(crate) source: OrganisationId,
    /// FHIR Patient id here.
    pub(crate) patient: String,
    /// FHIR Patient id at the source, where it is known.
    pub(crate) patient_there: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) stage: Stage,
    /// Number of versions that came here.
    pub(crate) versions: u32,
    /// Number of versions that the grant reaches and that did not come the last time.
    #[serde(default)]
    pub(crate) missing: u32,
    /// When the source's list was last looked at.
    pub(crate) checked_ms: u64,
}

/// A version that came here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VersionRow {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) copy: Option<String>,
}

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyRow {
    pub(crate) grant: GrantId,
    pub(crate) kind: String,
    /// Id at the source.
    pub(crate) id: String,
    pub(crate) version: VersionId,
}

/// What one import adds.
pub(crate) struct Imported {
    pub(crate) grant: GrantId,
    pub(crate) set: SetRow,
    pub(crate) versions: Vec<(VersionId, VersionRow)>,
    pub(crate) copies: Vec<(String, CopyRow, serde_json::Value)>,
}

pub(crate) struct Table(Store);

impl Table {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    pub(crate) fn set(&self, grant: GrantId) -> Result<Option<SetRow>, StoreError> {
        self.0.read(|tx| SETS.get(tx, &grant.to_string()))
    }

    pub(crate) fn sets(&self) -> Result<Vec<(GrantId, SetRow)>, StoreError> {
        let rows = self.0.read(|tx| SETS.scan(tx, "", SETS_MAX))?;
        Ok(rows.into_iter().filter_map(|(grant, row)| Some((grant.parse().ok()?, row))).collect())
    }

    pub(crate) fn versions(&self, grant: GrantId) -> Result<Vec<(VersionId, VersionRow)>, StoreError> {
        let prefix = format!("{grant}/");
        let rows = self.0.read(|tx| VERSIONS.scan(tx, &prefix, VERSIONS_MAX))?;
        let parse = |(key, row): (String, VersionRow)| Some((key.strip_prefix(&prefix)?.parse().ok()?, row));
        Ok(rows.into_iter().filter_map(parse).collect())
    }

    pub(crate) fn copy(&self, id: &str) -> Result<Option<CopyRow>, StoreError> {
        self.0.read(|tx| COPIES.get(tx, id))
    }

    pub(crate) fn proof(&self, copy: &str) -> Result<Option<serde_json::Value>, StoreError> {
        self.0.read(|tx| PROOFS.get(tx, copy))
    }

    pub(crate) async fn imported(&self, imported: Imported) -> Result<(), StoreError> {
        self.0
            .write(move |tx| {
                let grant = imported.grant;
                for (version, row) in &imported.versions {
                    VERSIONS.put(tx, &format!("{grant}/{version}"), row)?;
                }
                for (id, row, proof) in &imported.copies {
                    COPIES.put(tx, id, row)?;
                    PROOFS.put(tx, id, proof)?;
                }
                SETS.put(tx, &grant.to_string(), &imported.set)
            })
            .await
    }

    /// Notes that the source's list was looked at and had nothing new.
    pub(crate) async fn checked(&self, grant: GrantId, set: SetRow) -> Result<(), StoreError> {
        self.0.write(move |tx| SETS.put(tx, &grant.to_string(), &set)).await
    }

    /// Notes that the copies are deleted.
    pub(crate) async fn deleted(&self, grant: GrantId) -> Result<(), StoreError> {
        let versions = self.versions(grant)?;
        self.0
            .write(move |tx| {
                forget_versions(tx, grant, &versions)?;
                set_stage(tx, grant, Stage::Deleted)
            })
            .await
    }

    /// Forgets which versions came here, before all of them are fetched anew.
    pub(crate) async fn forget(&self, grant: GrantId) -> Result<(), StoreError> {
        let versions = self.versions(grant)?;
        self.0.write(move |tx| forget_versions(tx, grant, &versions)).await
    }

    /// Notes that the receipt is on the ledger.
    pub(crate) async fn dropped(&self, grant: GrantId) -> Result<(), StoreError> {
        self.0.write(move |tx| set_stage(tx, grant, Stage::Dropped)).await
    }
}

fn forget_versions(
    tx: &WriteTransaction,
    grant: GrantId,
    versions: &[(VersionId, VersionRow)],
) -> Result<(), StoreError> {
    for (version, row) in versions {
        VERSIONS.take(tx, &format!("{grant}/{version}"))?;
        if let Some(copy) = &row.copy {
            PROOFS.take(tx, copy)?;
        }
    }
    Ok(())
}

fn set_stage(tx: &WriteTransaction, grant: GrantId, stage: Stage) -> Result<(), StoreError> {
    let key = grant.to_string();
    let Some(mut row) = SETS.get_mut(tx, &key)? else { return Ok(()) };
    row.stage = stage;
    SETS.put(tx, &key, &row)
}

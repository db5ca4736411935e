//! What a source forgets of versions that are erased, and which versions its resources have.

use super::{Source, SourceError};
use crate::node::blocking;
use crate::store::tables::{
    BY_RESOURCE, COMPARTMENTS, EMERGENCY_STALE, IN_BATCH, MOVES, NEWEST, OF_PATIENT, OPEN_BATCHES,
    ResourceName, VERSIONS, VersionRow, counter, id_at_end, key,
};
use crate::store::{Reads, StoreError, WriteTx};
use salus_types::category::Category;
use salus_types::{CompartmentId, VersionId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Versions looked at in one read.
const VERSIONS_PER_READ: usize = 4_096;

/// What was forgotten.
#[derive(Default)]
pub(crate) struct Forgotten {
    /// How many versions were known.
    pub(crate) versions: u32,
    /// Of which resources they were.
    pub(crate) resources: BTreeSet<(String, String)>,
    /// In which batches they lie.
    pub(crate) batches: BTreeSet<u64>,
}

/// Forgets versions: what their proofs need, their names, their places. Emergency summaries of their patients are stale.
pub(crate) fn forget(tx: &WriteTx, versions: &[VersionId]) -> Result<Forgotten, StoreError> {
    let mut forgotten = Forgotten::default();
    for version in versions {
        let row: Option<VersionRow> = tx.get(&VERSIONS, version.as_bytes())?;
        let Some(row) = row else { continue };
        tx.remove(&VERSIONS, version.as_bytes())?;
        tx.remove(&IN_BATCH, &key::in_batch(row.sequence, row.leaf))?;
        let name = key::texts(&[row.resource.kind.as_str(), row.resource.id.as_str()]);
        let full = [&name[..], &key::texts(&[row.resource.version.as_str()])].concat();
        if tx.get(&BY_RESOURCE, &full)?.as_ref() == Some(version) {
            tx.remove(&BY_RESOURCE, &full)?;
        }
        if tx.scan(&BY_RESOURCE, &name, None, 1)?.is_empty() {
            tx.remove(&NEWEST, &name)?;
        }
        let compartment = tx.get(&COMPARTMENTS, row.package.compartment.as_bytes())?;
        if let Some(patient) = compartment.and_then(|compartment| compartment.patient) {
            let now = super::build::count(tx, counter::OUTBOX)?;
            tx.put(&EMERGENCY_STALE, patient.as_str().as_bytes(), &now)?;
        }
        let ResourceName { kind, id, .. } = row.resource;
        forgotten.versions += 1;
        forgotten.batches.insert(row.sequence);
        forgotten.resources.insert((kind.as_str().to_owned(), id.as_str().to_owned()));
    }
    Ok(forgotten)
}

/// Whether packages of these batches may still lie here, on their way to a custodian.
pub(crate) fn are_on_their_way(tx: &impl Reads, batches: &[u64]) -> Result<bool, StoreError> {
    for sequence in batches {
        let at = sequence.to_be_bytes();
        if tx.get(&OPEN_BATCHES, &at)?.is_some() || tx.get(&MOVES, &at)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Source {
    /// The resources of a patient that were ever sealed, deleted ones too: type and id, and the category of the version
    /// that was met last. Looks at every version of this source once.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn resources_of(
        &self,
        patient: &str,
    ) -> Result<BTreeMap<(String, String), Category>, SourceError> {
        let (store, patient) = (self.ctx.store.clone(), patient.to_owned());
        Ok(blocking(move || {
            let tx = store.read()?;
            let mut categories = HashMap::new();
            for (at, _) in tx.scan(&OF_PATIENT, &key::texts(&[&patient]), None, usize::MAX)? {
                let id = CompartmentId(id_at_end(&at));
                let row = tx.get(&COMPARTMENTS, id.as_bytes())?.ok_or(StoreError::Damaged)?;
                categories.insert(id, row.category);
            }
            let (mut resources, mut after) = (BTreeMap::new(), None::<Vec<u8>>);
            loop {
                let page: Vec<(Vec<u8>, VersionRow)> =
                    tx.scan(&VERSIONS, &[], after.as_deref(), VERSIONS_PER_READ)?;
                let Some((last, _)) = page.last() else { return Ok::<_, StoreError>(resources) };
                after = Some(last.clone());
                for (_, row) in page {
                    if let Some(category) = categories.get(&row.package.compartment) {
                        let ResourceName { kind, id, .. } = row.resource;
                        resources.insert((kind.as_str().to_owned(), id.as_str().to_owned()), *category);
                    }
                }
            }
        })
        .await?)
    }

    /// The sealed versions of resources (type, id), in ascending order of their names.
    ///
    /// # Errors
    /// [`SourceError::Store`].
    pub async fn versions_of(&self, resources: Vec<(String, String)>) -> Result<Vec<VersionId>, SourceError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let tx = store.read()?;
            let mut versions = BTreeSet::new();
            for (kind, id) in &resources {
                let of = tx.scan(&BY_RESOURCE, &key::texts(&[kind, id]), None, usize::MAX)?;
                versions.extend(of.into_iter().map(|(_, version)| version));
            }
            Ok::<_, StoreError>(versions.into_iter().collect())
        })
        .await?)
    }
}

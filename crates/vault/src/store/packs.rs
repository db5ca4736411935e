//! Packs: files of sealed packages behind `object_store`, so that a bucket may take the folder's place.
//!
//! `LocalFileSystem` runs with `fsync` on: an object is written to a staging file, flushed, renamed, and its folder
//! flushed before `put` returns (object_store 0.14, `local.rs`, `finish_staged_rename`). Object stores in a cloud are
//! durable upon `put` by contract.

use super::StoreError;
use bytes::Bytes;
use futures::StreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use salus_types::OrganisationId;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Sealed packages, by name.
pub(crate) struct Packs(Arc<dyn ObjectStore>);

/// The name of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackName(ObjectPath);

impl PackName {
    /// A batch on its way out.
    pub(crate) fn outgoing(sequence: u64) -> Self {
        Self(ObjectPath::from(format!("outgoing/{sequence:016x}")))
    }

    /// A batch in custody.
    pub(crate) fn custody(source: &OrganisationId, sequence: u64) -> Self {
        Self(ObjectPath::from(format!("custody/{source}-{sequence:016x}")))
    }

    /// A batch that contradicts one in custody.
    pub(crate) fn evidence(source: &OrganisationId, sequence: u64) -> Self {
        Self(ObjectPath::from(format!("evidence/{source}-{sequence:016x}")))
    }
}

impl Packs {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        for kind in ["outgoing", "custody", "evidence"] {
            std::fs::create_dir_all(folder.join(kind))?;
        }
        for kind in ["", "outgoing", "custody", "evidence"] {
            std::fs::File::open(folder.join(kind))?.sync_all()?;
        }
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))))
    }

    /// Writes a pack; durable on return.
    pub(crate) async fn put(&self, name: &PackName, bytes: Bytes) -> Result<(), StoreError> {
        self.0.put(&name.0, bytes.into()).await?;
        Ok(())
    }

    /// A whole pack.
    pub(crate) async fn get(&self, name: &PackName) -> Result<Bytes, StoreError> {
        Ok(self.0.get(&name.0).await?.bytes().await?)
    }

    /// Parts of a pack.
    pub(crate) async fn ranges(
        &self,
        name: &PackName,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, StoreError> {
        Ok(self.0.get_ranges(&name.0, ranges).await?)
    }

    /// Sequences of the batches on their way out.
    pub(crate) async fn outgoing(&self) -> Result<Vec<u64>, StoreError> {
        let mut listed = self.0.list(Some(&ObjectPath::from("outgoing")));
        let mut sequences = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object?;
            let name = object.location.filename().and_then(|name| u64::from_str_radix(name, 16).ok());
            sequences.extend(name);
        }
        Ok(sequences)
    }

    /// Removes a pack; one that is not there is no error.
    pub(super) async fn delete(&self, name: &PackName) -> Result<(), StoreError> {
        match self.0.delete(&name.0).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

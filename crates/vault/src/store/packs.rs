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
pub(crate) struct Packs {
    objects: Arc<dyn ObjectStore>,
    /// The disk of a test.
    #[cfg(test)]
    disk: Option<Arc<crate::testing::disk::Disk>>,
}

/// The name of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackName(ObjectPath);

impl PackName {
    /// Where it lies below the folder of packs.
    pub(crate) fn path(&self) -> &str {
        self.0.as_ref()
    }

    /// A batch on its way out.
    pub(crate) fn outgoing(sequence: u64) -> Self {
        Self(ObjectPath::from(format!("outgoing/{sequence:016x}")))
    }

    /// A batch with new shares on its way out.
    pub(crate) fn moving(sequence: u64, generation: u32) -> Self {
        Self(ObjectPath::from(format!("moving/{sequence:016x}-{generation:08x}")))
    }

    /// A batch in custody.
    pub(crate) fn custody(source: &OrganisationId, sequence: u64, generation: u32) -> Self {
        Self(ObjectPath::from(format!("custody/{source}-{sequence:016x}-{generation:08x}")))
    }

    /// A batch that contradicts one in custody.
    pub(crate) fn evidence(source: &OrganisationId, sequence: u64, generation: u32) -> Self {
        Self(ObjectPath::from(format!("evidence/{source}-{sequence:016x}-{generation:08x}")))
    }
}

/// The folders.
pub(super) const KINDS: [&str; 4] = ["outgoing", "moving", "custody", "evidence"];

impl Packs {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        for kind in KINDS {
            std::fs::create_dir_all(folder.join(kind))?;
        }
        for kind in std::iter::once("").chain(KINDS) {
            std::fs::File::open(folder.join(kind))?.sync_all()?;
        }
        Ok(Self {
            objects: Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)),
            #[cfg(test)]
            disk: folder.parent().and_then(crate::testing::disk::find),
        })
    }

    /// Writes a pack; durable on return.
    pub(crate) async fn put(&self, name: &PackName, bytes: Bytes) -> Result<(), StoreError> {
        #[cfg(test)]
        self.disk.as_ref().map_or(Ok(()), |disk| disk.write())?;
        self.objects.put(&name.0, bytes.into()).await?;
        Ok(())
    }

    /// A whole pack.
    pub(crate) async fn get(&self, name: &PackName) -> Result<Bytes, StoreError> {
        Ok(self.objects.get(&name.0).await?.bytes().await?)
    }

    /// Parts of a pack.
    pub(crate) async fn ranges(
        &self,
        name: &PackName,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, StoreError> {
        Ok(self.objects.get_ranges(&name.0, ranges).await?)
    }

    /// Sequences of the batches on their way out.
    pub(crate) async fn outgoing(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.names("outgoing").await?;
        Ok(names.iter().filter_map(|name| u64::from_str_radix(name, 16).ok()).collect())
    }

    /// Sequences and generations of the batches with new shares on their way out.
    pub(crate) async fn moving(&self) -> Result<Vec<(u64, u32)>, StoreError> {
        let parse = |name: &String| {
            let (sequence, generation) = name.split_once('-')?;
            Some((u64::from_str_radix(sequence, 16).ok()?, u32::from_str_radix(generation, 16).ok()?))
        };
        Ok(self.names("moving").await?.iter().filter_map(parse).collect())
    }

    /// Sources, sequences and generations of the batches in custody.
    pub(crate) async fn custody(&self) -> Result<Vec<(OrganisationId, u64, u32)>, StoreError> {
        let parse = |name: &String| {
            let (rest, generation) = name.rsplit_once('-')?;
            let (source, sequence) = rest.rsplit_once('-')?;
            let (sequence, generation) =
                (u64::from_str_radix(sequence, 16), u32::from_str_radix(generation, 16));
            Some((source.parse().ok()?, sequence.ok()?, generation.ok()?))
        };
        Ok(self.names("custody").await?.iter().filter_map(parse).collect())
    }

    async fn names(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let mut listed = self.objects.list(Some(&ObjectPath::from(kind)));
        let mut names = Vec::new();
        while let Some(object) = listed.next().await {
            names.extend(object?.location.filename().map(str::to_owned));
        }
        Ok(names)
    }

    /// Removes a pack; one that is not there is no error.
    pub(super) async fn delete(&self, name: &PackName) -> Result<(), StoreError> {
        #[cfg(test)]
        self.disk.as_ref().map_or(Ok(()), |disk| disk.write())?;
        match self.objects.delete(&name.0).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

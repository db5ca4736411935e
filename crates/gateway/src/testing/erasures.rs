//! A vault that erases at once and remembers what it was told.

use crate::erasure::{DueErasure, ErasureVault, Named};
use crate::vault::VaultError;
use async_trait::async_trait;
use salus_crypto::hash::{Digest, sha256};
use salus_types::category::Category;
use salus_types::vault::ErasureNotice;
use salus_types::{ErasureId, OrganisationId, VersionId};
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct FakeErasures {
    /// What was sealed, by patient.
    pub(crate) sealed: Mutex<Vec<(String, Named, Category)>>,
    pub(crate) carried: Mutex<Vec<ErasureNotice>>,
    /// Orders of others, or own ones, that are due.
    pub(crate) due: Mutex<Vec<(ErasureNotice, Vec<Named>)>>,
    pub(crate) finished: Mutex<Vec<(ErasureId, u32)>>,
}

impl FakeErasures {
    pub(crate) fn seal(&self, patient: &str, kind: &str, id: &str, category: Category) {
        let named = Named { kind: kind.into(), id: id.into() };
        self.sealed.lock().expect("lock").push((patient.into(), named, category));
    }
}

/// The versions of a resource: two of each.
fn versions(named: &Named) -> [VersionId; 2] {
    [1, 2].map(|version| VersionId(sha256(format!("{}/{}/{version}", named.kind, named.id))))
}

#[async_trait]
impl ErasureVault for FakeErasures {
    async fn changed(&self) {
        std::future::pending().await
    }

    async fn resources_of(&self, patient: &str) -> Result<Vec<(Named, Category)>, VaultError> {
        let sealed = self.sealed.lock().expect("lock");
        let own = sealed.iter().filter(|(whose, ..)| whose == patient);
        Ok(own.map(|(_, named, category)| (named.clone(), *category)).collect())
    }

    async fn versions_of(&self, resources: &[Named]) -> Result<Vec<VersionId>, VaultError> {
        let mut versions: Vec<_> = resources.iter().flat_map(versions).collect();
        versions.sort();
        Ok(versions)
    }

    async fn carry_out(&self, notice: ErasureNotice) -> Result<bool, VaultError> {
        self.carried.lock().expect("lock").push(notice);
        Ok(true)
    }

    async fn due(&self) -> Result<Vec<DueErasure>, VaultError> {
        let due = self.due.lock().expect("lock").clone();
        Ok(due.into_iter().map(|(notice, resources)| DueErasure { notice, resources }).collect())
    }

    async fn any_erased(
        &self,
        source: &OrganisationId,
        versions: Vec<VersionId>,
    ) -> Result<bool, VaultError> {
        let carried = self.carried.lock().expect("lock");
        let of = carried.iter().filter(|notice| notice.source == *source);
        Ok(of.flat_map(|notice| notice.versions.iter()).any(|version| versions.contains(version)))
    }

    async fn finish(&self, erasure: ErasureId, copies: u32) -> Result<bool, VaultError> {
        self.due.lock().expect("lock").retain(|(notice, _)| notice.erasure != erasure);
        self.finished.lock().expect("lock").push((erasure, copies));
        Ok(true)
    }
}

/// A notice of a source over some versions.
pub(crate) fn notice(source: &str, versions: Vec<VersionId>) -> ErasureNotice {
    ErasureNotice {
        network: salus_types::NetworkId(Digest([7; 32])),
        source: source.parse().expect("a name"),
        erasure: ErasureId(sha256(source)),
        salt: [1; 32],
        versions: versions.try_into().expect("few"),
    }
}

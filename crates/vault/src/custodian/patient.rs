//! Requests of patients: the owner of a compartment needs no access event.

use super::decide::{self, REQUEST_CLOCK_MS_MAX, Refusal};
use super::{Custodian, ReleaseError};
use crate::node::blocking;
use crate::store::tables::{LINKS, MARK, NONCES, OF_OWNER, RECORDS, id_at_end, key};
use crate::store::{Reads, StoreError, WriteTx};
use salus_types::vault::{CompartmentRecord, Directory, PatientRequest, Release, VersionList};
use salus_types::{Address, Bounded, CompartmentId, OrganisationId};

/// Old nonces removed with each request.
const NONCES_PRUNED: usize = 64;

/// Remembers a request's nonce, and forgets old ones.
pub(super) fn answer_once(tx: &WriteTx, now_ms: u64, at: &[u8]) -> Result<(), ReleaseError> {
    if tx.get(&NONCES, at)?.is_some() {
        return Err(Refusal::Replayed.into());
    }
    let oldest = now_ms.saturating_sub(2 * REQUEST_CLOCK_MS_MAX);
    for (at, _) in tx.scan(&NONCES, &[], None, NONCES_PRUNED)? {
        if at.first_chunk().is_none_or(|time| u64::from_be_bytes(*time) >= oldest) {
            break;
        }
        tx.remove(&NONCES, &at)?;
    }
    Ok(tx.put(&NONCES, at, &MARK)?)
}

impl Custodian {
    /// Checks a patient's request and remembers it, so that it is answered once. Who asks.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn check_patient_request(&self, request: &PatientRequest) -> Result<Address, ReleaseError> {
        let ctx = self.ctx.clone();
        let request = request.clone();
        blocking(move || {
            let now = (ctx.clock)();
            let owner = decide::patient(&ctx.node.network, &ctx.node.organisation, now, &request)?;
            let tx = ctx.store.write()?;
            answer_once(&tx, now, &key::nonce(request.body.time_ms, &request.body.nonce, owner.as_bytes()))?;
            tx.commit()?;
            Ok::<_, ReleaseError>(owner)
        })
        .await
    }

    /// Links and compartments of an owner, as far as they are kept here.
    ///
    /// # Errors
    /// [`ReleaseError::Store`].
    pub async fn directory_for_patient(&self, owner: Address) -> Result<Directory, ReleaseError> {
        let store = self.ctx.store.clone();
        Ok(blocking(move || {
            let tx = store.read()?;
            let links = tx.scan(&LINKS, owner.as_bytes(), None, 256)?;
            let mut records = Vec::new();
            for (at, _) in tx.scan(&OF_OWNER, owner.as_bytes(), None, 4_096)? {
                records.extend(tx.get(&RECORDS, id_at_end(&at).as_ref())?);
            }
            Ok::<_, StoreError>(Directory {
                links: Bounded::new(links.into_iter().map(|(_, link)| link).collect())
                    .map_err(|_| StoreError::Damaged)?,
                compartments: Bounded::new(records).map_err(|_| StoreError::Damaged)?,
            })
        })
        .await?)
    }

    /// Anchored versions in the compartments of an owner, in the order of sealing.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn versions_for_patient(&self, owner: Address) -> Result<VersionList, ReleaseError> {
        let directory = self.directory_for_patient(owner).await?;
        let named = |record: &CompartmentRecord| -> (CompartmentId, OrganisationId) {
            (record.statement.compartment, record.statement.source.clone())
        };
        self.list(directory.compartments.iter().map(named).collect()).await
    }

    /// Shares, and packages unless shares alone are asked for, to the owner whose request was checked.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub async fn release_for_patient(
        &self,
        owner: Address,
        request: &PatientRequest,
        packages: bool,
    ) -> Result<Release, ReleaseError> {
        let held = self.held(&request.body.versions).await?;
        let allowed = decide::release_to_owner(&owner, &request.body.versions, &held, packages)?;
        self.release(allowed, &request.body.kem_key).await
    }
}

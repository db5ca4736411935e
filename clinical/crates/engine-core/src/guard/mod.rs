//! The guard: the only storage the FHIR handlers can see.
//!
//! It delegates every storage trait to the SQLite backend and makes the principal's decision true on the
//! way: searches are *narrowed* before they run (so that totals, pages, chains, `_has`, includes and
//! `$everything` come out right), and everything that is returned is *filtered* once more.
//!
//! * `narrow`  what is added to a search
//! * `write`   what may be written, and the tag of a feed's invalid resource
//! * the other files delegate one trait family each

mod bundle;
mod conditional;
mod export;
mod history;
mod narrow;
mod search;
mod storage;
mod write;

use std::sync::Arc;

use helios_persistence::{StorageResult, StoredResource, backends::sqlite::SqliteBackend};
use serde_json::Value;

use crate::{
    compartment,
    feed::FeedValidator,
    principal::{self, Principal, Scope},
    shares::{self, Shares},
    store::Store,
};

/// The guarded store.
pub(crate) struct Guarded {
    store: Arc<Store>,
    shares: Arc<Shares>,
    /// Validates what feeds write, when they are not refused for it.
    validation: FeedValidator,
}

impl Guarded {
    pub(crate) fn new(store: Arc<Store>, shares: Arc<Shares>, validation: FeedValidator) -> Self {
        Self { store, shares, validation }
    }

    fn inner(&self) -> &SqliteBackend {
        &self.store.backend
    }

    /// Whether `principal` may see this version of this resource.
    fn sees(&self, principal: &Principal, resource_type: &str, id: &str, content: &Value) -> bool {
        if shares::is_copy(id) {
            return self.shares.shows(principal, content);
        }
        match &principal.read {
            Scope::None => false,
            Scope::All if principal.hidden.is_empty() => true,
            Scope::All => compartment::patient_of(resource_type, id, content)
                .is_none_or(|patient| !principal.hidden.contains(patient)),
            Scope::Patient(patient) => {
                compartment::is_open(resource_type)
                    || compartment::patient_of(resource_type, id, content) == Some(patient)
            }
        }
    }

    fn sees_stored(&self, principal: &Principal, stored: &StoredResource) -> bool {
        self.sees(principal, stored.resource_type(), stored.id(), stored.content())
    }

    /// `stored`, if the current principal may see it.
    fn shown(&self, stored: Option<StoredResource>) -> StorageResult<Option<StoredResource>> {
        let principal = principal::current()?;
        Ok(stored.filter(|stored| self.sees_stored(&principal, stored)))
    }

    fn retain_shown(&self, stored: &mut Vec<StoredResource>) -> StorageResult<()> {
        let principal = principal::current()?;
        stored.retain(|stored| {
            helios_persistence::core::is_include_truncation_marker(stored)
                || self.sees_stored(&principal, stored)
        });
        Ok(())
    }
}

//! Upon an order to erase: every set that holds one of the versions goes as a whole, because the engine drops sets and not
//! single copies. What the grant still reaches is fetched anew when somebody asks for it.

use super::Shares;
use super::table::{SetRow, Stage};
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::state::Gateway;
use salus_types::vault::ErasureNotice;
use salus_types::{GrantId, VersionId};
use std::collections::HashSet;

impl Shares {
    /// Deletes the copies of what is erased; how many there were.
    ///
    /// # Errors
    /// The engine, the store or the log fails: to be called again.
    pub(crate) async fn erase(&self, gateway: &Gateway, notice: &ErasureNotice) -> Result<u64, Error> {
        let erased: HashSet<VersionId> = notice.versions.iter().copied().collect();
        let mut copies = 0;
        for (grant, set) in self.table.sets()? {
            if set.source != notice.source || set.stage != Stage::Held {
                continue;
            }
            // An import that is under way ends first.
            let lock = self.lock_of(grant);
            let _one_at_a_time = lock.lock().await;
            let versions = self.table.versions(grant)?;
            let of = versions.iter().filter(|(version, _)| erased.contains(version)).count() as u64;
            if of > 0 {
                self.drop_set(gateway, grant, set).await?;
                copies += of;
            }
        }
        Ok(copies)
    }

    /// Deletes a set whose grant stands.
    pub(super) async fn drop_set(&self, gateway: &Gateway, grant: GrantId, set: SetRow) -> Result<(), Error> {
        gateway.engine.delete_share(&grant.to_string()).await?;
        self.table.forget(grant).await?;
        let set = SetRow { versions: 0, checked_ms: 0, ..set };
        self.table.checked(grant, set.clone()).await?;
        let reason = "erased by its source".to_owned();
        let mut access = Access::about(Who::Node, Kind::ShareDropped, &set.patient, None, reason);
        access.grants = vec![grant];
        gateway.log.append(access)?.durable().await
    }
}

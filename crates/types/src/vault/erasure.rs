//! What a source tells those who may hold what it has ordered to be erased.

use crate::codec::{Bounded, codec_struct};
use crate::erasure::{ERASED_VERSIONS_MAX, erased_root};
use crate::ids::{ErasureId, NetworkId, OrganisationId, VersionId};
use crate::state::ErasureEntry;

codec_struct! {
    /// Opens an order that is on the ledger to those who are to carry it out.
    pub struct ErasureNotice {
        /// The network.
        pub network: NetworkId,
        /// Who ordered: the source of the versions.
        pub source: OrganisationId,
        /// The order.
        pub erasure: ErasureId,
        /// Of [`erased_root`].
        pub salt: [u8; 32],
        /// What is erased, in ascending order.
        pub versions: Bounded<VersionId, ERASED_VERSIONS_MAX>,
    }
}

impl ErasureNotice {
    /// Whether the order on the ledger is of this source and commits to exactly these versions.
    pub fn opens(&self, order: &ErasureEntry) -> bool {
        self.source == order.organisation
            && self.versions.len() == order.count as usize
            && self.versions.windows(2).all(|pair| pair[0] < pair[1])
            && erased_root(&self.salt, &self.versions) == order.versions_root
    }
}

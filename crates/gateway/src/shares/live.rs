//! Whether a grant is live, as this node's ledger knows it now. Never waits for consensus.

use crate::chain::{Chain, ChainError};
use crate::clock;
use salus_types::state::{GrantEntry, key};
use salus_types::{Digest, GrantId, decode_canonical};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What the ledger says about a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantState {
    /// It is not on the ledger.
    Unknown,
    /// It holds.
    Live,
    /// The patient has ended it.
    Revoked,
    /// Its time is over.
    Expired,
}

/// Entries as of one block; a new block empties it.
#[derive(Default)]
pub(crate) struct LiveGrants(Mutex<Known>);

#[derive(Default)]
struct Known {
    head: Digest,
    entries: HashMap<GrantId, Option<GrantEntry>>,
}

impl LiveGrants {
    /// The state of a grant at the newest block. Time is the later of this machine's clock and the block's:
    /// a ledger that stands still does not keep a grant alive.
    pub(crate) async fn state(&self, chain: &dyn Chain, grant: GrantId) -> Result<GrantState, ChainError> {
        let head = chain.head();
        let entry = match self.known(&head.digest, &grant) {
            Some(entry) => entry,
            None => self.look_up(chain, head.digest, grant).await?,
        };
        let now = clock::now_ms().max(head.time_ms);
        Ok(match entry {
            None => GrantState::Unknown,
            Some(entry) if entry.revoked.is_some() => GrantState::Revoked,
            Some(entry) if entry.is_live(now) => GrantState::Live,
            Some(_) => GrantState::Expired,
        })
    }

    async fn look_up(
        &self,
        chain: &dyn Chain,
        head: Digest,
        grant: GrantId,
    ) -> Result<Option<GrantEntry>, ChainError> {
        let bytes = chain.state(key::grant(&grant)).await?;
        // An entry that does not decode is none: it gives nobody anything.
        let entry = bytes.and_then(|bytes| decode_canonical::<GrantEntry>(&bytes).ok());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.head != head {
            *known = Known { head, entries: HashMap::new() };
        }
        known.entries.insert(grant, entry.clone());
        Ok(entry)
    }

    fn known(&self, head: &Digest, grant: &GrantId) -> Option<Option<GrantEntry>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (known.head == *head).then(|| known.entries.get(grant).cloned())?
    }
}

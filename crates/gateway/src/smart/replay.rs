//! Every assertion's `jti` is used once, across restarts.

use crate::clock;
use crate::store::{Rows, Store, StoreError};
use salus_crypto::hash::hash;
use serde::{Deserialize, Serialize};

const USED: Rows<Used> = Rows::new("smart-used-assertions");

#[derive(Serialize, Deserialize)]
struct Used {
    /// Seconds since 1970-01-01 UTC from which the assertion is dead anyway.
    until_s: u64,
}

/// Used assertions.
pub(crate) struct Assertions(Store);

impl Assertions {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Uses a client's `jti`; `false` if it was used before. Of many at once exactly one wins.
    pub(crate) async fn redeem(&self, client: &str, jti: &str, until_s: u64) -> Result<bool, StoreError> {
        let key = hash("salus/smart-jti/v1", &[client.as_bytes(), jti.as_bytes()]).to_string();
        self.0.write(move |tx| USED.put_new(tx, &key, &Used { until_s })).await
    }

    /// Forgets what could not be used again anyway.
    pub(crate) async fn forget(&self) -> Result<(), StoreError> {
        let now = clock::now_s();
        self.0.write(move |tx| USED.prune(tx, |used| used.until_s >= now)).await.map(|_| ())
    }
}

//! What was erased, remembered so that no feed and no file brings it back unnoticed.
//!
//! A mark is a keyed digest of a record's type and id, and nothing of what it said: who has the table, and not the node's
//! keys, cannot try names. Marks are put before anything is removed, while nobody writes; whoever writes for a feed or an
//! import looks and writes under [`Erasures::write_under`]. So either the record is there when it is removed, or its mark
//! is seen.
//!
//! Architecture invariant: a mark goes by a steward's word alone ([`unmark`]).

use super::{Erasures, Named, WORKS, rows::Step};
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use crate::store::{Rows, StoreError};
use salus_crypto::kdf::{self, Label};
use salus_types::label;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::RwLockReadGuard;

const MARK: Label = Label::new(label::ERASED_MARK);
/// Marks by their digest, in hexadecimal digits.
const MARKS: Rows<Mark> = Rows::new("erasures-marks");

/// That a record was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    /// When, in milliseconds since 1970-01-01 UTC.
    erased_ms: u64,
}

impl Erasures {
    /// While this is held, nothing begins to be erased.
    pub(crate) async fn write_under(&self) -> RwLockReadGuard<'_, ()> {
        self.marking.read().await
    }
}

fn key(gateway: &Gateway, kind: &str, id: &str) -> String {
    let digest = kdf::derive(MARK, gateway.ports.storage.expose(), &[], &[kind.as_bytes(), id.as_bytes()]);
    hex::encode(digest.expose())
}

/// Marks records, durably. What was being written meanwhile is written when this returns.
pub(super) async fn mark(gateway: &Gateway, resources: &[Named]) -> Result<()> {
    let _alone = gateway.erasures.marking.write().await;
    let keys: Vec<_> = resources.iter().map(|named| key(gateway, &named.kind, &named.id)).collect();
    let mark = Mark { erased_ms: clock::now_ms() };
    gateway
        .store
        .write(move |tx| keys.iter().try_for_each(|key| MARKS.put(tx, key, &mark)))
        .await
        .map_err(|error: StoreError| error.into())
}

/// Which of these records, by type and id, were erased here, and when (Unix milliseconds).
pub(crate) fn marked<'a>(
    gateway: &Gateway,
    names: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<(&'a str, &'a str), u64>> {
    let found = gateway.store.read(|tx| {
        // Most nodes have erased nothing, and their messages need no digests.
        if MARKS.scan(tx, "", 1)?.is_empty() {
            return Ok::<_, StoreError>(BTreeMap::new());
        }
        let mut found = BTreeMap::new();
        for (kind, id) in names {
            if let Some(mark) = MARKS.get(tx, &key(gateway, kind, id))? {
                found.insert((kind, id), mark.erased_ms);
            }
        }
        Ok(found)
    });
    found.map_err(Error::from)
}

/// Lets records come again.
pub(crate) async fn unmark(gateway: &Gateway, names: &[(String, String)]) -> Result<()> {
    let keys: Vec<_> = names.iter().map(|(kind, id)| key(gateway, kind, id)).collect();
    gateway
        .store
        .write(move |tx| keys.iter().try_for_each(|key| MARKS.take(tx, key).map(drop)))
        .await
        .map_err(|error: StoreError| error.into())
}

/// Refuses while an erasure is under way: what comes back then would be erased with the rest.
///
/// # Errors
/// [`Code::Conflict`].
pub(crate) async fn none_under_way(gateway: &Gateway) -> Result<()> {
    let works = gateway.store.read(|tx| WORKS.scan(tx, "", usize::MAX))?;
    let due = gateway.ports.erasures.due().await.map_err(Error::internal)?;
    let under_way = works.iter().any(|(_, work)| work.step != Step::Ordered)
        || due.iter().any(|due| !due.resources.is_empty());
    match under_way {
        true => Err(Error::new(Code::Conflict, "an erasure is being carried out; try again when it is done")),
        false => Ok(()),
    }
}

//! State as contracts see it: entries by key, with the block's own writes on top.

use crate::Rejection;
use commonware_codec::{Encode, Read};
use salus_types::state::{StateKey, StateValue};
use std::collections::BTreeMap;

/// The state before a block.
pub trait StateView {
    /// The entry's encoding. Asked only for keys that [`crate::read_set`] names.
    fn get(&self, key: &StateKey) -> Option<&[u8]>;
}

impl StateView for BTreeMap<StateKey, StateValue> {
    fn get(&self, key: &StateKey) -> Option<&[u8]> {
        BTreeMap::get(self, key).map(|value| &**value)
    }
}

/// The state inside a block: the view before it, and what was written since.
pub(crate) struct Overlay<'a> {
    base: &'a dyn StateView,
    writes: BTreeMap<StateKey, Option<StateValue>>,
}

impl StateView for Overlay<'_> {
    fn get(&self, key: &StateKey) -> Option<&[u8]> {
        match self.writes.get(key) {
            Some(written) => written.as_deref(),
            None => self.base.get(key),
        }
    }
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: &'a dyn StateView) -> Self {
        Self { base, writes: BTreeMap::new() }
    }

    /// Reads an entry. The ledger wrote every entry itself, so one that does not decode is damage that
    /// no transaction can cause; it reads as absent, and whatever needs it is refused.
    pub(crate) fn read<T: Read<Cfg = ()> + Encode>(&self, key: &StateKey) -> Option<T> {
        salus_types::decode_canonical(self.get(key)?).ok()
    }

    pub(crate) fn contains(&self, key: &StateKey) -> bool {
        self.get(key).is_some()
    }

    /// Writes an entry that must not exist yet.
    pub(crate) fn create<T: Encode>(
        &mut self,
        key: StateKey,
        entry: &T,
        what: &'static str,
    ) -> Result<(), Rejection> {
        if self.contains(&key) {
            return Err(Rejection::Exists(what));
        }
        self.put(key, entry)
    }

    /// Writes an entry.
    pub(crate) fn put<T: Encode>(&mut self, key: StateKey, entry: &T) -> Result<(), Rejection> {
        let value =
            StateValue::new(entry.encode().to_vec()).map_err(|_| Rejection::Malformed("entry too large"))?;
        self.writes.insert(key, Some(value));
        Ok(())
    }

    /// Deletes an entry.
    pub(crate) fn delete(&mut self, key: StateKey) {
        self.writes.insert(key, None);
    }

    /// A copy to try something on.
    pub(crate) fn copy(&self) -> Self {
        Self { base: self.base, writes: self.writes.clone() }
    }

    pub(crate) fn into_writes(self) -> Vec<(StateKey, Option<StateValue>)> {
        self.writes.into_iter().collect()
    }
}

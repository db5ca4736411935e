//! The outbox of the engine has two readers: the vault, which seals, and the subscriptions, which tell. A row may go
//! when both have what they need of it on disk.

use std::sync::{Arc, Mutex, PoisonError};

/// How far both have come; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct OutboxReaders(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    sealed: Option<u64>,
    told: Option<u64>,
}

impl OutboxReaders {
    /// The vault needs no row up to this number any more. Up to where none of both does, if that is known yet.
    pub fn sealed(&self, up_to: u64) -> Option<u64> {
        self.note(|marks| marks.sealed = Some(up_to))
    }

    /// The subscriptions need no row up to this number any more. Up to where none of both does, if that is known yet.
    pub fn told(&self, up_to: u64) -> Option<u64> {
        self.note(|marks| marks.told = Some(up_to))
    }

    fn note(&self, note: impl FnOnce(&mut Marks)) -> Option<u64> {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note(&mut marks);
        Some(marks.sealed?.min(marks.told?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_when_both_readers_have_it_and_not_before() {
        let readers = OutboxReaders::default();
        assert_eq!(readers.sealed(9), None, "nobody knows yet how far the other is");
        assert_eq!(readers.told(4), Some(4));
        assert_eq!(readers.sealed(12), Some(4));
        assert_eq!(readers.told(20), Some(12));
    }
}

//! Places that callers take and give back: so many in all, and so many for one caller, that none can keep the others out.

use crate::rate::Caller;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All are taken.
    All,
    /// This caller has as many as one may have.
    Caller,
}

/// The places.
pub(crate) struct Places {
    most: usize,
    most_per_caller: usize,
    taken: Mutex<Taken>,
}

/// Bounded by the places: a caller who has none is forgotten.
#[derive(Default)]
struct Taken {
    all: usize,
    by_caller: HashMap<Caller, usize>,
}

impl Places {
    /// So many in all, so many for one caller.
    pub(crate) fn new(most: usize, most_per_caller: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_caller, taken: Mutex::default() })
    }

    /// Takes a place, until what is returned is dropped. Who is not known is counted among all only.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn take(self: &Arc<Self>, caller: Option<Caller>) -> Result<Place, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Full::All);
        }
        if let Some(caller) = caller {
            let own = taken.by_caller.get(&caller).copied().unwrap_or_default();
            if own >= self.most_per_caller {
                return Err(Full::Caller);
            }
            taken.by_caller.insert(caller, own + 1);
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(self), caller })
    }

    fn give_back(&self, caller: Option<Caller>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(caller) = caller else { return };
        match taken.by_caller.get_mut(&caller) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.by_caller.remove(&caller)),
        }
    }
}

/// A place that is taken.
pub(crate) struct Place {
    places: Arc<Places>,
    caller: Option<Caller>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.give_back(self.caller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(text: &str) -> Option<Caller> {
        Some(Caller::of(text.parse().expect("an address")))
    }

    #[test]
    fn one_caller_takes_its_own_places_and_no_more_and_gives_them_back() {
        let (places, a, b) = (Places::new(3, 2), caller("10.0.0.1"), caller("10.0.0.2"));
        let first = places.take(a);
        let second = places.take(a);
        assert_eq!(places.take(a).err(), Some(Full::Caller));
        let third = places.take(b);
        assert_eq!(places.take(b).err(), Some(Full::All));
        drop((first, third));
        let fourth = places.take(a);
        assert_eq!(places.take(a).err(), Some(Full::Caller));
        drop((second, fourth));
        let taken = places.taken.lock().expect("lock");
        assert_eq!((taken.all, taken.by_caller.len()), (0, 0), "nobody is remembered");
    }
}

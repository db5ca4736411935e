//! The end of the chain, and what may come next.

use salus_types::Digest;
use salus_types::access_log::{Access, Entry, line_hash, patient_key};
use std::collections::HashMap;

/// Why an entry is not the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// The line is none.
    #[error("what should be entry {0} is none")]
    Malformed(u64),
    /// Another number.
    #[error("entry {0} is missing: entry {1} stands in its place")]
    Number(u64, u64),
    /// Not the hash of the entry before.
    #[error("entry {0} does not follow the one before it: one of the two was changed")]
    Previous(u64),
    /// Older than the entry before.
    #[error("entry {0} is older than the one before it")]
    Time(u64),
    /// A number is missing in the log of who did it.
    #[error("entry {0} is number {2} of the same person or system, where number {1} must come")]
    Own(u64, u64, u64),
    /// A number is missing in the patient's log.
    #[error("entry {0} is not the next one of its patient")]
    Patient(u64),
}

/// The end of a chain of entries, with the newest number of everybody who has some.
#[derive(Clone, Debug, Default)]
pub struct Position {
    number: u64,
    time_ms: u64,
    head: Digest,
    counters: HashMap<String, u64>,
}

impl Position {
    /// The end of a chain that is already there: its newest entry with its hash, and all counters.
    pub fn resume(last: Option<(&Entry, Digest)>, counters: HashMap<String, u64>) -> Self {
        last.map_or_else(Self::default, |(entry, head)| Self {
            number: entry.number,
            time_ms: entry.time_ms,
            head,
            counters,
        })
    }

    /// Number of the newest entry; 0 if there is none.
    pub fn number(&self) -> u64 {
        self.number
    }

    fn next(&self, key: &str) -> u64 {
        self.counters.get(key).copied().unwrap_or(0) + 1
    }

    fn next_of_patient(&self, access: &Access) -> Option<u64> {
        access.patient.as_deref().map(|patient| self.next(&patient_key(patient)))
    }

    /// The entry that would come next, its line and its hash.
    pub fn follow(&self, access: Access, now_ms: u64, blind: Digest) -> (Entry, Vec<u8>, Digest) {
        let entry = Entry {
            number: self.number + 1,
            own_number: self.next(&access.who.key()),
            patient_number: self.next_of_patient(&access),
            time_ms: now_ms.max(self.time_ms),
            previous: self.head,
            blind,
            access,
        };
        // These types always serialise; the text has no line break outside strings, where JSON escapes it.
        let line = serde_json::to_vec(&entry).unwrap_or_default();
        let hash = line_hash(&line);
        (entry, line, hash)
    }

    /// Whether an entry is the next one.
    ///
    /// # Errors
    /// [`LogFault`], naming the first rule that it breaks.
    pub fn check(&self, entry: &Entry) -> Result<(), LogFault> {
        let number = self.number + 1;
        if entry.number != number {
            return Err(LogFault::Number(number, entry.number));
        }
        if entry.previous != self.head {
            return Err(LogFault::Previous(number));
        }
        if entry.time_ms < self.time_ms {
            return Err(LogFault::Time(number));
        }
        let own = self.next(&entry.access.who.key());
        if entry.own_number != own {
            return Err(LogFault::Own(number, own, entry.own_number));
        }
        if entry.patient_number != self.next_of_patient(&entry.access) {
            return Err(LogFault::Patient(number));
        }
        Ok(())
    }

    /// Moves behind an entry.
    pub fn advance(&mut self, entry: &Entry, hash: Digest) {
        self.number = entry.number;
        self.time_ms = entry.time_ms;
        self.head = hash;
        self.counters.insert(entry.access.who.key(), entry.own_number);
        if let (Some(patient), Some(number)) = (&entry.access.patient, entry.patient_number) {
            self.counters.insert(patient_key(patient), number);
        }
    }
}

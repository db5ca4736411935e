//! Chance from a seed: one stream for each (seed, patient, purpose), so that no draw shifts another stream.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream of chance is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Which story the patients of one round get.
    Stories = 1,
    /// Names, birth date, address.
    Person = 2,
    /// Everything at Hospital A.
    HospitalA = 3,
    /// Everything at Hospital B.
    HospitalB = 4,
    /// The clinicians of a hospital.
    Clinicians = 5,
    /// Where the record numbers of a hospital begin.
    Numbers = 6,
    /// The patient's body, the same at both hospitals.
    Body = 7,
}

/// A stream of chance.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of a seed for one thing (a patient's index, a site's number) and one purpose.
    pub(crate) fn new(seed: u64, index: u32, purpose: Purpose) -> Self {
        let mut bytes = [0_u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&index.to_le_bytes());
        bytes[12] = purpose as u8;
        Self(ChaCha8Rng::from_seed(bytes))
    }

    /// A whole number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0.random_range(0..bound.max(1))
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, (low, high): (u32, u32)) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number from `low` up to `high`.
    pub(crate) fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + self.0.random::<f64>() * (high - low)
    }

    /// Roughly normal, mean 0 and standard deviation 1, never beyond 4.3; no logarithm or sine, so that
    /// every machine agrees.
    pub(crate) fn wobble(&mut self) -> f64 {
        let sum: f64 = (0..6).map(|_| self.0.random::<f64>()).sum();
        (sum - 3.0) * std::f64::consts::SQRT_2
    }

    /// True in `share` of cases.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        self.0.random::<f64>() < share
    }

    /// One of the items; `None` only for an empty slice.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u32) as usize)
    }

    /// One of the words, or an empty one.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.pick(words).copied().unwrap_or_default()
    }

    /// The items in chance order.
    pub(crate) fn shuffled(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last as usize, self.below(last + 1) as usize);
        }
        order
    }

    /// A version 4 UUID as a `urn:uuid:` address.
    pub(crate) fn urn(&mut self) -> String {
        let mut bytes: [u8; 16] = self.0.random();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

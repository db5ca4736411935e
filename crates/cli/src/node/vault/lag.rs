//! How long the oldest record version that is not anchored has waited.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Moments that are remembered; beyond it a wait counts from the next one.
const MOMENTS_MAX: usize = 4_096;

/// Remembers when how many versions had come in. After a start, waiting counts from that start.
#[derive(Default)]
pub(super) struct Lag(Mutex<VecDeque<(Instant, u64)>>);

impl Lag {
    /// Notes that `total` versions have come in and `anchored` of them are anchored; gives the oldest one's age.
    pub(super) fn note(&self, now: Instant, total: u64, anchored: u64) -> Duration {
        let mut moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while moments.front().is_some_and(|(_, came)| *came <= anchored) {
            moments.pop_front();
        }
        let newest = moments.back().map_or(anchored, |(_, came)| *came);
        if total > newest && moments.len() < MOMENTS_MAX {
            moments.push_back((now, total));
        }
        moments.front().map_or(Duration::ZERO, |(since, _)| now.duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::Lag;
    use std::time::{Duration, Instant};

    #[test]
    fn the_oldest_version_that_waits_counts() {
        let (lag, start) = (Lag::default(), Instant::now());
        let check = |second: u64, total: u64, anchored: u64, expected: u64| {
            let age = lag.note(start + Duration::from_secs(second), total, anchored);
            assert_eq!(age, Duration::from_secs(expected), "second {second}");
        };
        check(0, 0, 0, 0);
        check(1, 10, 0, 0);
        check(3, 15, 0, 2);
        check(4, 15, 10, 1);
        check(5, 15, 12, 2);
        check(6, 15, 15, 0);
        check(7, 16, 15, 0);
    }
}

//! Whether an organisation's list of who looked has every number.

use std::collections::BTreeSet;

/// Most entries that an organisation gives at once; what is older is in its signed lists.
const ENTRIES_MAX: usize = 1_000;

/// What the numbers of a list say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The highest number ever seen there.
    pub(super) highest: u64,
    /// How many are missing up to that one.
    pub(super) missing: u64,
    /// Entries without a number, or with one that is there twice.
    pub(super) doubtful: u64,
}

/// Looks at the numbers of a list, of which `seen` was the highest before: numbers begin with 1 and leave none out.
pub(super) fn numbers(listed: &[Option<u64>], seen: u64) -> Numbers {
    let known: BTreeSet<u64> = listed.iter().flatten().copied().filter(|number| *number > 0).collect();
    let highest = known.last().copied().unwrap_or(0).max(seen);
    let first = if listed.len() < ENTRIES_MAX { 1 } else { known.first().copied().unwrap_or(1) };
    let expected = highest.saturating_sub(first - 1);
    let there = known.range(first..).count() as u64;
    Numbers {
        highest,
        missing: expected.saturating_sub(there),
        doubtful: (listed.len() - known.len()) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is listed, what was seen before, and: the highest number, how many are missing, how many doubtful.
    type Case<'a> = (&'a str, &'a [Option<u64>], u64, (u64, u64, u64));

    #[test]
    fn numbers_that_are_missing_show_in_the_middle_at_the_end_and_against_what_was_seen_before() {
        let full: Vec<Option<u64>> = (501..=1_500).rev().map(Some).collect();
        let cases: [Case<'_>; 11] = [
            ("nothing yet", &[], 0, (0, 0, 0)),
            ("all are there", &[Some(3), Some(2), Some(1)], 0, (3, 0, 0)),
            ("the first is missing", &[Some(3), Some(2)], 0, (3, 1, 0)),
            ("two in the middle are missing", &[Some(5), Some(2), Some(1)], 2, (5, 2, 0)),
            ("the end was cut off", &[Some(2), Some(1)], 5, (5, 3, 0)),
            ("everything is gone", &[], 4, (4, 4, 0)),
            ("one is there twice", &[Some(2), Some(2), Some(1)], 2, (2, 0, 1)),
            ("one has no number", &[Some(1), None], 0, (1, 0, 1)),
            ("no number is 0", &[Some(1), Some(0)], 0, (1, 0, 1)),
            ("a number beyond all reason", &[Some(u64::MAX), Some(1)], 0, (u64::MAX, u64::MAX - 2, 0)),
            ("the oldest are on no page", &full, 1_400, (1_500, 0, 0)),
        ];
        for (case, listed, seen, (highest, missing, doubtful)) in cases {
            assert_eq!(numbers(listed, seen), Numbers { highest, missing, doubtful }, "{case}");
        }
    }
}

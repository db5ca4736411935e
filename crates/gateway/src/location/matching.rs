//! Whether tokens mean one person. What is not certain is nobody: a false yes would tell of somebody else.

use salus_types::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// A patient of the index who has a token of the question: FHIR Patient id here, and the token's group.
pub(super) type Hit = (String, Digest);

/// The one patient whom the tokens mean. `asked`: the groups of the question; `identified`: the groups of the identifiers
/// that somebody of the index has.
///
/// Nobody, if several have one of the tokens, or if both sides have an identifier of one system and none agrees: those
/// are two people, whatever else does.
pub(super) fn one(
    asked: &BTreeSet<Digest>,
    hits: &[Hit],
    identified: impl Fn(&str) -> BTreeSet<Digest>,
) -> Option<String> {
    let mut found: BTreeMap<&str, BTreeSet<Digest>> = BTreeMap::new();
    for (patient, group) in hits {
        found.entry(patient).or_default().insert(*group);
    }
    let mut found = found.into_iter();
    let (Some((patient, agreed)), None) = (found.next(), found.next()) else { return None };
    let contradicted =
        identified(patient).iter().any(|group| asked.contains(group) && !agreed.contains(group));
    (!contradicted).then(|| patient.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(n: u8) -> Digest {
        Digest([n; 32])
    }

    #[test]
    fn one_person_is_meant_or_nobody() {
        // Groups 1 and 2 are identifiers of two systems, 3 and 4 name and place.
        for (what, asked, hits, identified, expected) in [
            ("nothing agrees", vec![1, 3], vec![], vec![1], None),
            ("an identifier", vec![1, 3], vec![("a", 1)], vec![1], Some("a")),
            ("name and place", vec![3], vec![("a", 3)], vec![], Some("a")),
            ("name and place, and one side has no identifier", vec![3], vec![("a", 3)], vec![1], Some("a")),
            ("identifiers of different systems", vec![1, 3], vec![("a", 3)], vec![2], Some("a")),
            ("identifiers that differ", vec![1, 3], vec![("a", 3)], vec![1], None),
            ("one identifier agrees, another does not", vec![1, 2], vec![("a", 1)], vec![1, 2], None),
            ("two people", vec![3, 4], vec![("a", 3), ("b", 4)], vec![], None),
            ("two people with one token", vec![3], vec![("a", 3), ("b", 3)], vec![], None),
            ("one person by two tokens", vec![3, 4], vec![("a", 3), ("a", 4)], vec![], Some("a")),
        ] {
            let asked: BTreeSet<_> = asked.into_iter().map(group).collect();
            let hits: Vec<_> = hits.into_iter().map(|(patient, n)| (patient.to_owned(), group(n))).collect();
            let identified = |_: &str| identified.iter().copied().map(group).collect();
            assert_eq!(one(&asked, &hits, identified).as_deref(), expected, "{what}");
        }
    }
}

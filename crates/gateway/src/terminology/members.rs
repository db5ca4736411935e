//! Which codes are in a value set, as far as what is here tells.

use super::tables::{Compose, Filter, Part, System, Tables};
use std::collections::HashSet;

/// Value sets within value sets.
const DEPTH_MAX: usize = 8;

/// A code with its system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) system: String,
    pub(crate) code: String,
    pub(crate) display: Option<String>,
    pub(crate) heading: bool,
}

/// The codes of a value set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) codes: Vec<Member>,
    /// Whether there are more, which are not known here.
    pub(crate) more: bool,
}

impl Tables {
    /// The codes of a value set, `None` for one that is not known. A version after `|` must be the one that is here.
    pub(crate) fn members(&self, url: &str) -> Option<Members> {
        self.members_of(url, DEPTH_MAX)
    }

    fn members_of(&self, url: &str, depth: usize) -> Option<Members> {
        let (url, version) = url.split_once('|').map_or((url, None), |(url, version)| (url, Some(version)));
        let set = self.sets.get(url)?;
        if version.is_some() && set.version.as_deref() != version {
            return None;
        }
        Some(self.composed(&set.compose, depth))
    }

    /// Whether a value set takes every code of a code system.
    pub(crate) fn takes_all_of(&self, url: &str, system: &str) -> bool {
        self.sets.get(url).is_some_and(|set| {
            let whole = |part: &Part| {
                part.system.as_deref() == Some(system)
                    && part.concept.is_empty()
                    && part.filter.is_empty()
                    && part.value_set.is_empty()
            };
            set.compose.exclude.is_empty() && set.compose.include.iter().any(whole)
        })
    }

    /// The codes of a composition.
    pub(crate) fn compose(&self, compose: &Compose) -> Members {
        self.composed(compose, DEPTH_MAX)
    }

    fn composed(&self, compose: &Compose, depth: usize) -> Members {
        let mut all = Members::default();
        let mut seen = HashSet::new();
        for part in &compose.include {
            let found = self.part(part, depth);
            all.more |= found.more;
            all.codes.extend(
                found.codes.into_iter().filter(|one| seen.insert((one.system.clone(), one.code.clone()))),
            );
        }
        for part in &compose.exclude {
            let out = self.part(part, depth);
            // What shall go and is not known could be any of them.
            all.more |= out.more;
            if out.more {
                all.codes.clear();
            }
            all.codes
                .retain(|one| !out.codes.iter().any(|out| out.system == one.system && out.code == one.code));
        }
        all
    }

    fn part(&self, part: &Part, depth: usize) -> Members {
        let unknown = || Members { codes: Vec::new(), more: true };
        if depth == 0 {
            return unknown();
        }
        let mut found = match &part.system {
            Some(system) => self.of_system(system, part),
            None if part.value_set.is_empty() => return unknown(),
            None => None,
        };
        for url in &part.value_set {
            let other = self.members_of(url, depth - 1).unwrap_or_else(unknown);
            found = Some(match found {
                None => other,
                // What is named together is what is in all of them.
                Some(mut one) => {
                    one.codes
                        .retain(|a| other.codes.iter().any(|b| a.system == b.system && a.code == b.code));
                    one.more |= other.more;
                    one
                }
            });
        }
        found.unwrap_or_else(unknown)
    }

    fn of_system(&self, url: &str, part: &Part) -> Option<Members> {
        let system = self.systems.get(url);
        let member = |code: &str, display: Option<String>, heading| Member {
            system: url.to_owned(),
            code: code.to_owned(),
            display,
            heading,
        };
        if !part.concept.is_empty() {
            let named = part.concept.iter().map(|named| {
                let known = system.and_then(|system| system.find(&named.code));
                let display = named.display.clone().or_else(|| known.and_then(|known| known.display.clone()));
                member(&named.code, display, known.is_some_and(|known| known.heading))
            });
            return Some(Members { codes: named.collect(), more: false });
        }
        let Some(system) = system.filter(|_| part.filter.iter().all(is_understood)) else {
            return Some(Members { codes: Vec::new(), more: true });
        };
        let fits = system
            .concepts()
            .filter(|concept| part.filter.iter().all(|filter| passes(system, filter, &concept.code)));
        let codes = fits.map(|one| member(&one.code, one.display.clone(), one.heading)).collect();
        Some(Members { codes, more: !system.whole })
    }
}

fn is_understood(filter: &Filter) -> bool {
    filter.property == "concept" && matches!(filter.op.as_str(), "is-a" | "descendent-of" | "is-not-a" | "in")
}

fn passes(system: &System, filter: &Filter, code: &str) -> bool {
    let Some(concept) = system.find(code) else { return false };
    match filter.op.as_str() {
        "is-a" => system.is_a(concept, &filter.value),
        "descendent-of" => code != filter.value && system.is_a(concept, &filter.value),
        "is-not-a" => !system.is_a(concept, &filter.value),
        "in" => filter.value.split(',').any(|one| one.trim() == code),
        _ => false,
    }
}

//! SMART scopes, version 2 (<https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>):
//! `system/Observation.rs`, `user/*.cruds`, and, for reading as a person, `patient/Observation.rs?category=SYSTEM|CODE`.

use std::fmt;
use std::str::FromStr;

/// Most scopes in one request.
pub(crate) const SCOPES_MAX: usize = 64;
/// Longest value of a search parameter in a scope, in bytes.
const CATEGORY_BYTES_MAX: usize = 200;

/// What a scope's letters stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    /// `c`
    Create = 1,
    /// `r`: read, vread, history of an instance.
    Read = 2,
    /// `u`: update, patch.
    Update = 4,
    /// `d`
    Delete = 8,
    /// `s`: search, history of a type.
    Search = 16,
}

const LETTERS: [(char, Interaction); 5] = [
    ('c', Interaction::Create),
    ('r', Interaction::Read),
    ('u', Interaction::Update),
    ('d', Interaction::Delete),
    ('s', Interaction::Search),
];

/// For whom a scope speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeContext {
    /// One patient's record.
    Patient,
    /// What the person at the client may see.
    User,
    /// The client itself.
    System,
}

impl ScopeContext {
    fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    context: ScopeContext,
    /// `None`: `*`.
    kind: Option<String>,
    letters: u8,
    /// `SYSTEM|CODE` or `CODE`: only resources with this `category`.
    category: Option<String>,
}

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// A text that is no list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the scope is not understood; this server offers SMART version 2 scopes, with no search parameter but `category`"
)]
pub struct BadScope;

impl Scopes {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an interaction with a type is within reach, in any context of the set.
    pub fn allow(&self, kind: &str, interaction: Interaction) -> bool {
        self.0.iter().any(|scope| {
            scope.letters & interaction as u8 != 0 && scope.kind.as_deref().is_none_or(|own| own == kind)
        })
    }

    /// Whether all of some interactions are within reach with one type at least.
    pub(crate) fn allow_some(&self, interactions: &[Interaction]) -> bool {
        self.0.iter().any(|scope| {
            let kind = scope.kind.as_deref().unwrap_or_default();
            let every = |interaction: &Interaction| match kind {
                "" => self.allow_all(*interaction),
                kind => self.allow(kind, *interaction),
            };
            interactions.iter().all(every)
        })
    }

    /// Whether an interaction with every type is within reach.
    pub fn allow_all(&self, interaction: Interaction) -> bool {
        self.0.iter().any(|scope| scope.letters & interaction as u8 != 0 && scope.kind.is_none())
    }

    /// Whether every scope is of one of these contexts.
    pub fn only(&self, contexts: &[ScopeContext]) -> bool {
        self.0.iter().all(|scope| contexts.contains(&scope.context))
    }

    /// Whether a scope shows some resources of a type only.
    pub(crate) fn granular(&self) -> bool {
        self.0.iter().any(|scope| scope.category.is_some())
    }

    /// Whether one resource is within reach for reading; `is_of` says whether it has a category.
    pub(crate) fn show(&self, kind: &str, is_of: impl Fn(&str) -> bool) -> bool {
        let reads = Interaction::Read as u8 | Interaction::Search as u8;
        self.0.iter().any(|scope| {
            scope.letters & reads != 0
                && scope.kind.as_deref().is_none_or(|own| own == kind)
                && scope.category.as_deref().is_none_or(&is_of)
        })
    }

    /// What reads, as one person.
    pub(crate) fn reading(&self, context: ScopeContext) -> Self {
        let reads = Interaction::Read as u8 | Interaction::Search as u8;
        let scopes = self.0.iter().filter(|scope| scope.context == context && scope.letters & reads != 0);
        Self(scopes.map(|scope| Scope { letters: scope.letters & reads, ..scope.clone() }).collect())
    }

    /// The types that a person is asked about; `None`: all.
    pub(crate) fn kinds(&self) -> Option<Vec<&str>> {
        self.0.iter().map(|scope| scope.kind.as_deref()).collect()
    }

    /// Whether nothing of another set is out of this set's reach.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        let covers = |own: &Scope, scope: &Scope| {
            own.context == scope.context
                && (own.kind.is_none() || own.kind == scope.kind)
                && (own.category.is_none() || own.category == scope.category)
        };
        other.0.iter().all(|scope| {
            let letters =
                self.0.iter().filter(|own| covers(own, scope)).fold(0, |all, own| all | own.letters);
            scope.letters & !letters == 0
        })
    }

    /// What is in both: what is granted of what was asked for.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both: Vec<Scope> = Vec::new();
        for (a, b) in self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b))) {
            let Some(scope) = a.meet(b) else { continue };
            let place = |of: &Scope| (of.context, of.kind.clone(), of.category.clone());
            match both.iter_mut().find(|known| place(known) == place(&scope)) {
                Some(known) => known.letters |= scope.letters,
                None => both.push(scope),
            }
        }
        both.sort();
        Self(both)
    }
}

impl Scope {
    fn meet(&self, other: &Self) -> Option<Self> {
        let letters = self.letters & other.letters;
        let kind = match (&self.kind, &other.kind) {
            (None, kind) | (kind, None) => kind.clone(),
            (Some(a), Some(b)) if a == b => Some(a.clone()),
            _ => return None,
        };
        let category = match (&self.category, &other.category) {
            (None, category) | (category, None) => category.clone(),
            (Some(a), Some(b)) if a == b => Some(a.clone()),
            _ => return None,
        };
        (self.context == other.context && letters != 0).then_some(Self {
            context: self.context,
            kind,
            letters,
            category,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (context, rest) = text.split_once('/')?;
        let context = match context {
            "patient" => ScopeContext::Patient,
            "user" => ScopeContext::User,
            "system" => ScopeContext::System,
            _ => return None,
        };
        let (kind, letters) = rest.split_once('.')?;
        let kind = match kind {
            "*" => None,
            kind if is_type(kind) => Some(kind.to_owned()),
            _ => return None,
        };
        let (letters, category) = letters.split_once('?').map_or((letters, None), |(l, c)| (l, Some(c)));
        let scope = Self { context, kind, letters: parse_letters(letters)?, category: None };
        match category {
            None => Some(scope),
            Some(query) => scope.with(query),
        }
    }

    /// The scope narrowed to one category: of one type, for reading, as a person.
    fn with(self, query: &str) -> Option<Self> {
        let value = query.strip_prefix("category=")?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\&?=,$".contains(&byte);
        let named = (1..=CATEGORY_BYTES_MAX).contains(&value.len()) && value.bytes().all(plain);
        let reads = Interaction::Read as u8 | Interaction::Search as u8;
        let narrow =
            self.kind.is_some() && self.context != ScopeContext::System && self.letters & !reads == 0;
        (named && narrow).then(|| Self { category: Some(value.to_owned()), ..self })
    }
}

/// Letters in the order of `cruds`, at least one.
fn parse_letters(text: &str) -> Option<u8> {
    let mut letters = 0;
    let mut known = LETTERS.iter();
    for letter in text.chars() {
        letters |= known.find(|(name, _)| *name == letter)?.1 as u8;
    }
    (letters != 0).then_some(letters)
}

/// Whether a text has the form of a FHIR type.
pub(crate) fn is_type(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

impl FromStr for Scopes {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        let scopes: Vec<Scope> = text
            .split_ascii_whitespace()
            .map(|scope| Scope::parse(scope).ok_or(BadScope))
            .collect::<Result<_, _>>()?;
        if scopes.len() > SCOPES_MAX {
            return Err(BadScope);
        }
        Ok(Self(scopes))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { " " };
            let kind = scope.kind.as_deref().unwrap_or("*");
            write!(f, "{separator}{}/{kind}.", scope.context.as_str())?;
            for (letter, interaction) in LETTERS {
                if scope.letters & interaction as u8 != 0 {
                    write!(f, "{letter}")?;
                }
            }
            if let Some(category) = &scope.category {
                write!(f, "?category={category}")?;
            }
        }
        Ok(())
    }
}

impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_2_scopes_are_understood() {
        for good in [
            "system/*.rs",
            "user/Observation.cruds",
            "patient/*.r system/Patient.d",
            "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "user/Observation.s?category=vital-signs",
            "",
        ] {
            assert_eq!(good.parse::<Scopes>().expect(good).to_string(), good);
        }
        for bad in [
            "system/*",
            "system/*.",
            "system/*.sr",
            "system/*.read",
            "system/*.*",
            "openid",
            "system/observation.r",
            "admin/*.r",
            "system/Observation.rs?category=x",
            "patient/Observation.cruds?category=x",
            "patient/*.rs?category=x",
            "patient/Observation.rs?category=",
            "patient/Observation.rs?category=x&code=y",
            "patient/Observation.rs?code=x",
            "patient/Observation.rs?category=x?category=y",
            "system/Observation/1.r",
            "system/*.rr",
            "system/.r",
        ] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_granted_is_what_is_both_asked_for_and_registered() {
        for (asked, registered, granted) in [
            ("system/*.cruds", "system/*.rs", "system/*.rs"),
            ("system/*.rs", "system/Observation.cruds", "system/Observation.rs"),
            ("system/Observation.rs", "system/*.r", "system/Observation.r"),
            ("user/*.rs", "system/*.rs", ""),
            ("system/Patient.rs", "system/Observation.rs", ""),
            ("system/*.rs system/Patient.c", "system/*.cruds", "system/*.rs system/Patient.c"),
            ("patient/Observation.rs?category=a", "patient/*.cruds", "patient/Observation.rs?category=a"),
            ("patient/*.rs", "patient/Observation.r?category=a", "patient/Observation.r?category=a"),
            ("patient/Observation.rs?category=a", "patient/Observation.rs?category=b", ""),
        ] {
            let (asked, registered): (Scopes, Scopes) =
                (asked.parse().expect(asked), registered.parse().expect(registered));
            assert_eq!(asked.intersection(&registered).to_string(), granted);
        }
    }

    #[test]
    fn a_scope_reaches_its_letters_and_its_type() {
        let scopes: Scopes = "system/Observation.rs".parse().expect("scopes");
        assert!(scopes.allow("Observation", Interaction::Read));
        assert!(!scopes.allow("Observation", Interaction::Create));
        assert!(!scopes.allow("Patient", Interaction::Read));
        assert!(!scopes.allow_all(Interaction::Read));
        assert!(!Scopes::default().allow("Observation", Interaction::Read));
    }
}

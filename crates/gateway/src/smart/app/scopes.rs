//! The scopes of apps: what of the record, and the words beside it (`launch/patient`, `openid`, ...).

use crate::error::{Code, Error};
use crate::smart::scope::{SCOPES_MAX, ScopeContext, Scopes};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Words that are granted; every other word is not.
pub(crate) const WORDS: [&str; 6] =
    ["fhirUser", "launch", "launch/patient", "offline_access", "online_access", "openid"];
/// Longest list of scopes in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// What an app asks for or was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppScopes {
    words: BTreeSet<String>,
    /// Of the record.
    pub(crate) data: Scopes,
}

impl AppScopes {
    /// Reads a list; what is not understood is not granted (RFC 6749, 3.3), and left out.
    ///
    /// # Errors
    /// [`Code::OAuthScope`] if it is too long.
    pub(crate) fn of(text: &str) -> Result<Self, Error> {
        let pieces: Vec<&str> = text.split_ascii_whitespace().collect();
        if text.len() > TEXT_BYTES_MAX || pieces.len() > SCOPES_MAX {
            return Err(Error::new(Code::OAuthScope, "too many scopes at once"));
        }
        let (words, others): (Vec<&str>, Vec<&str>) =
            pieces.into_iter().partition(|piece| WORDS.contains(piece));
        let known: Vec<&str> = others
            .into_iter()
            .filter(|piece| piece.parse::<Scopes>().is_ok_and(|one| !one.is_empty()))
            .collect();
        let data =
            known.join(" ").parse().map_err(|_| Error::new(Code::OAuthScope, "too many scopes at once"))?;
        Ok(Self { words: words.into_iter().map(str::to_owned).collect(), data })
    }

    /// Whether a word is among them.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// Without some words.
    pub(crate) fn without(mut self, words: &[&str]) -> Self {
        self.words.retain(|word| !words.contains(&word.as_str()));
        self
    }

    /// With other scopes of the record.
    pub(crate) fn with_data(&self, data: Scopes) -> Self {
        Self { words: self.words.clone(), data }
    }

    /// What is in both.
    pub(crate) fn both(&self, other: &Self) -> Self {
        Self {
            words: self.words.intersection(&other.words).cloned().collect(),
            data: self.data.intersection(&other.data),
        }
    }

    /// What a patient may give: reading their own record.
    pub(crate) fn of_a_patient(&self) -> Self {
        self.with_data(self.data.reading(ScopeContext::Patient)).without(&["launch"])
    }

    /// Whether nothing is in `other` that is not in this.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other.words.is_subset(&self.words) && self.data.cover(&other.data)
    }
}

impl fmt::Display for AppScopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<String> = self.words.iter().cloned().collect();
        if !self.data.is_empty() {
            all.push(self.data.to_string());
        }
        f.write_str(&all.join(" "))
    }
}

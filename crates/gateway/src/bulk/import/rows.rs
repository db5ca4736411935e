//! An import as it is kept.

use super::line::Fault;
use crate::smart::Scopes;
use crate::store::Rows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Imports by id.
pub(crate) const IMPORTS: Rows<Job> = Rows::new("bulk-imports");

/// An import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Random, in hex.
    pub(crate) id: String,
    pub(crate) by: By,
    pub(crate) sources: Vec<Source>,
    /// Why a steward lets records that were erased come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) restoring: Option<String>,
    pub(crate) begun_ms: u64,
    /// How often the work was begun: after the first time, the newest lines may be written already.
    pub(crate) attempts: u32,
    pub(crate) state: State,
    pub(crate) done: Done,
    /// Files with an OperationOutcome for each line that was not taken.
    pub(crate) letters: Vec<Letters>,
    /// How many lines were not taken, by fault.
    pub(crate) faults: BTreeMap<Fault, u64>,
    /// The first of them: source, line, fault.
    pub(crate) first_faults: Vec<(usize, u64, Fault)>,
}

/// Who began it, and with whose right of this moment each line is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// A backend client.
    Client { id: String, scopes: Scopes },
    /// A steward.
    Steward { id: String },
}

/// Where lines come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) from: From,
    /// Length and time of change when it was first opened: a file that changes is another file.
    pub(crate) seen: Option<(u64, u64)>,
    /// Salt of the sealed copy of what a URL gave.
    pub(crate) fetched: Option<[u8; 32]>,
}

/// A place of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum From {
    /// A file in the operator's folder, by name.
    File(String),
    /// A URL below one of the operator's.
    Url(String),
}

impl From {
    /// As people know it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::File(name) => name,
            Self::Url(url) => url,
        }
    }
}

/// Up to where lines are written for certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Sources that are through.
    pub(crate) sources: usize,
    /// Lines of the next one.
    pub(crate) lines: u64,
    /// Records written.
    pub(crate) written: u64,
    /// Records that were there already, word for word, when the work went on after a stop of the node.
    pub(crate) same: u64,
    /// Lines not taken.
    pub(crate) refused: u64,
}

/// A file of dead letters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Letters {
    pub(crate) name: String,
    pub(crate) count: u64,
    /// Salt of its key.
    pub(crate) salt: [u8; 32],
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It waits, or is worked on.
    Waiting,
    /// All lines were looked at.
    Complete { ended_ms: u64 },
    /// Somebody stopped it; what was written stays.
    Stopped { ended_ms: u64 },
    /// It cannot go on, for this reason; what was written stays.
    Failed { ended_ms: u64, why: String },
}

impl Job {
    /// When it ended.
    pub(crate) fn ended_ms(&self) -> Option<u64> {
        match &self.state {
            State::Waiting => None,
            State::Complete { ended_ms } | State::Stopped { ended_ms } | State::Failed { ended_ms, .. } => {
                Some(*ended_ms)
            }
        }
    }
}

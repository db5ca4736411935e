//! An export as it is kept.

use super::ask::Order;
use crate::smart::Scopes;
use crate::store::Rows;
use serde::{Deserialize, Serialize};

/// Exports by id.
pub(crate) const EXPORTS: Rows<Job> = Rows::new("bulk-exports");

/// An export.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Random, in hex.
    pub(crate) id: String,
    /// The client that began it, and alone gets it.
    pub(crate) client: String,
    /// What its token reached then.
    pub(crate) scopes: Scopes,
    /// The whole URL by which it was begun.
    pub(crate) request: String,
    pub(crate) order: Order,
    /// Up to when records are in it for certain.
    pub(crate) transaction_ms: u64,
    /// How often the work was begun: a node that stops, or a record that was withdrawn meanwhile, begins it anew.
    pub(crate) attempts: u32,
    /// Patients whose use was restricted when the work was begun: nothing of theirs is in it.
    pub(crate) hidden: Vec<String>,
    pub(crate) state: State,
}

/// How far an export is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It waits, or is worked on.
    Waiting,
    /// Its files can be fetched.
    Complete { ended_ms: u64, files: Vec<Part> },
    /// It ended without files, for this reason.
    Failed { ended_ms: u64, why: String },
    /// What is in the files may be used no longer.
    Withdrawn { ended_ms: u64 },
}

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its name in the job's folder and in its URL.
    pub(crate) name: String,
    /// FHIR type of the records that it has, or says are deleted.
    pub(crate) kind: String,
    /// Lines.
    pub(crate) count: u64,
    /// Whether it says what was deleted: a line is a Bundle then.
    pub(crate) deleted: bool,
    /// Salt of its key.
    pub(crate) salt: [u8; 32],
}

impl Job {
    /// When it ended.
    pub(crate) fn ended_ms(&self) -> Option<u64> {
        match &self.state {
            State::Waiting => None,
            State::Complete { ended_ms, .. }
            | State::Failed { ended_ms, .. }
            | State::Withdrawn { ended_ms } => Some(*ended_ms),
        }
    }

    /// Its files.
    pub(crate) fn files(&self) -> &[Part] {
        match &self.state {
            State::Complete { files, .. } => files,
            _ => &[],
        }
    }
}

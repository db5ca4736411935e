//! A whole log against the heads that stand on the ledger: `docs/protocol/accounting.md`.

use super::position::{LogFault, Position};
use crate::entry::Subject;
use crate::file::EntryFile;
use crate::shown::{ShownError, shown};
use crate::validators::Validators;
use salus_crypto::merkle::Frontier;
use salus_types::OrganisationId;
use salus_types::access_log::{Entry, leaf, line_hash};
use salus_types::state::{LogEntry, key};
use serde::{Deserialize, Serialize};

/// The first line of an exported log; every line after it is an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LogHead {
    version: u8,
    kind: String,
    /// Whose log.
    pub organisation: OrganisationId,
    /// Every anchor, in order.
    pub anchors: Vec<AnchorFile>,
    /// How many there are on the ledger.
    pub count: EntryFile,
}

/// An anchor of a log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AnchorFile {
    /// Its number.
    pub sequence: u64,
    /// What stands under its key.
    pub entry: EntryFile,
}

/// The `kind` of an exported log.
const KIND: &str = "access-log";

impl LogHead {
    /// The first line of the log of an organisation.
    pub fn new(organisation: OrganisationId, anchors: Vec<AnchorFile>, count: EntryFile) -> Self {
        Self { version: 1, kind: KIND.to_owned(), organisation, anchors, count }
    }
}

/// Why a log does not hold.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Of another kind or version.
    #[error("this is no access log of a version known here")]
    Kind,
    /// What is said of the ledger does not hold.
    #[error("an anchor does not hold: {0}")]
    Shown(#[from] ShownError),
    /// An anchor that is none, or out of order.
    #[error("anchor {0} is not on the ledger, or not after the one before it")]
    Anchor(u64),
    /// Anchors are left out.
    #[error("the ledger counts {on_ledger} anchors of this log, and the file names {named}")]
    Anchors {
        /// How many there are.
        on_ledger: u64,
        /// How many the file names.
        named: u64,
    },
    /// The chain is broken.
    #[error(transparent)]
    Fault(#[from] LogFault),
    /// The log was written anew after it was anchored.
    #[error("the first {entries} entries are not those whose head is on the ledger (anchor {sequence})")]
    Fork {
        /// The first anchor that does not fit.
        sequence: u64,
        /// How many entries it covers.
        entries: u64,
    },
    /// The end is missing.
    #[error("the ledger has the head of {anchored} entries, and only {found} are there")]
    Tail {
        /// Entries that the newest anchor covers.
        anchored: u64,
        /// Entries that are there.
        found: u64,
    },
}

/// What a log that holds shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VerifiedLog {
    /// Number of entries.
    pub entries: u64,
    /// How many of them the ledger vouches for; those after them rest on the organisation's word.
    pub anchored: u64,
    /// Number of anchors.
    pub anchors: u64,
    /// Height of the newest block that vouches for the anchors.
    pub height: u64,
}

/// Takes a log line by line.
#[derive(Debug)]
pub struct LogAudit {
    position: Position,
    frontier: Frontier,
    /// Every anchor, in order, with its number.
    anchors: Vec<(u64, LogEntry)>,
    /// How many of them were reached.
    reached: usize,
    height: u64,
}

impl LogAudit {
    /// Checks the anchors, and learns of the changes of validators that they show.
    ///
    /// # Errors
    /// [`LogError`], naming the first check that fails.
    pub fn begin(validators: &mut Validators, head: &LogHead) -> Result<Self, LogError> {
        if head.version != 1 || head.kind != KIND {
            return Err(LogError::Kind);
        }
        // First, because its handovers lead to the blocks of all others.
        let count = shown(validators, &head.count, &Subject::Entry(key::log_anchors(&head.organisation)))?;
        let (mut anchors, mut height) = (Vec::<(u64, LogEntry)>::new(), count.height);
        for AnchorFile { sequence, entry } in &head.anchors {
            let subject = Subject::Entry(key::log(&head.organisation, *sequence));
            let verified = shown(validators, entry, &subject)?;
            let anchor: LogEntry = verified.entry()?.ok_or(LogError::Anchor(*sequence))?;
            let later = |before: &(u64, LogEntry)| *sequence > before.0 && anchor.entries > before.1.entries;
            if !anchors.last().is_none_or(later) {
                return Err(LogError::Anchor(*sequence));
            }
            height = height.max(verified.height);
            anchors.push((*sequence, anchor));
        }
        let (on_ledger, named) = (count.entry::<u64>()?.unwrap_or_default(), anchors.len() as u64);
        if on_ledger != named {
            return Err(LogError::Anchors { on_ledger, named });
        }
        let (position, frontier) = (Position::default(), Frontier::default());
        Ok(Self { position, frontier, anchors, reached: 0, height })
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// [`LogError::Fault`], [`LogError::Fork`].
    pub fn line(&mut self, line: &[u8]) -> Result<(), LogError> {
        let number = self.position.number() + 1;
        let entry: Entry = serde_json::from_slice(line).map_err(|_| LogFault::Malformed(number))?;
        self.position.check(&entry)?;
        let hash = line_hash(line);
        self.position.advance(&entry, hash);
        self.frontier.push(leaf(&hash));
        let Some((sequence, anchor)) = self.anchors.get(self.reached) else { return Ok(()) };
        if anchor.entries == number {
            if anchor.head != self.frontier.root() {
                return Err(LogError::Fork { sequence: *sequence, entries: number });
            }
            self.reached += 1;
        }
        Ok(())
    }

    /// The log is at its end.
    ///
    /// # Errors
    /// [`LogError::Tail`].
    pub fn finish(self) -> Result<VerifiedLog, LogError> {
        let (found, anchored) =
            (self.position.number(), self.anchors.last().map_or(0, |(_, anchor)| anchor.entries));
        if found < anchored {
            return Err(LogError::Tail { anchored, found });
        }
        Ok(VerifiedLog { entries: found, anchored, anchors: self.anchors.len() as u64, height: self.height })
    }
}

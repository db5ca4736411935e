//! Entries, and the chain they make.

use super::commit::Committed;
use salus_crypto::hash::hash;
use salus_types::category::Purpose;
use salus_types::{AppointmentId, Digest, EmergencyId, GrantId, OrganisationId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One of this organisation's own resources, or its history, was read.
    Read,
    /// A copy of another organisation's resource, held here since an earlier access event, was read.
    ReRead,
    /// A search.
    Search,
    /// Something was written.
    Write,
    /// A record proof was made.
    Proof,
    /// A chart was opened.
    ChartOpened,
    /// Records of another organisation were fetched after an access event.
    ShareImport,
    /// Copies were deleted after the end of a grant.
    ShareDropped,
    /// What the patient asked for by their rights was received, answered or ended.
    Case,
    /// A share of the patient's root was kept, or somebody recovers with it.
    Recovery,
    /// Somebody who acts for the patient got the keys of what the mandate reaches.
    ProxyRead,
    /// Somebody was appointed to act for the patient by this organisation, or that was ended.
    Appointment,
    /// Another organisation asked, in an emergency, whether the person is a patient here.
    EmergencyFound,
    /// Another organisation opened the emergency summary of this one.
    EmergencyOpened,
    /// Another organisation's emergency summary was read here.
    EmergencyRead,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Somebody who works here.
    Practitioner {
        /// FHIR Practitioner id.
        id: String,
        /// Name shown to the patient.
        name: String,
        /// Role.
        role: String,
        /// Commitment on the ledger.
        commitment: Digest,
    },
    /// A registered system.
    System {
        /// Client id.
        id: String,
    },
    /// Somebody at another organisation, in an emergency.
    Elsewhere {
        /// The organisation.
        organisation: OrganisationId,
        /// Name shown to the patient; empty until that organisation has said who it was.
        name: String,
        /// Role.
        role: String,
        /// The event on the ledger, once there is one.
        event: Option<EmergencyId>,
    },
    /// Somebody who acts for the patient, and whom the patient alone knows by name.
    Proxy {
        /// The appointment on the ledger.
        appointment: AppointmentId,
    },
    /// This node, by itself.
    Node,
}

impl Who {
    /// A practitioner at work.
    pub(crate) fn of(who: &crate::fhir::principal::Practitioner) -> Self {
        Self::Practitioner {
            id: who.id.clone(),
            name: who.name.clone(),
            role: who.role.as_str().to_owned(),
            commitment: who.commitment,
        }
    }

    /// The key of the gap-free counter.
    pub fn key(&self) -> String {
        match self {
            Self::Practitioner { id, .. } => format!("practitioner/{id}"),
            Self::System { id } => format!("system/{id}"),
            Self::Elsewhere { organisation, .. } => format!("elsewhere/{organisation}"),
            Self::Proxy { appointment } => format!("proxy/{appointment}"),
            Self::Node => "node".into(),
        }
    }
}

/// What a caller has to say about an access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Who.
    pub who: Who,
    /// What.
    pub kind: Kind,
    /// Whose record: FHIR Patient id here. `None` where the request does not tell.
    pub patient: Option<String>,
    /// Purpose of use.
    pub purpose: Option<Purpose>,
    /// Reason in words.
    pub reason: String,
    /// FHIR types or categories.
    pub types: Vec<String>,
    /// How many resources, where it is known before the answer.
    pub count: Option<u32>,
    /// The grants whose copies were within reach.
    pub grants: Vec<GrantId>,
}

impl Access {
    /// One that is about a patient and names no resources and no grants.
    pub(crate) fn about(
        who: Who,
        kind: Kind,
        patient: &str,
        purpose: Option<Purpose>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            who,
            kind,
            patient: Some(patient.to_owned()),
            purpose,
            reason: reason.into(),
            types: Vec::new(),
            count: None,
            grants: Vec::new(),
        }
    }
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number in this node's log, from 1, without gaps.
    pub number: u64,
    /// Number in the log of [`Access::who`], from 1, without gaps.
    pub own_number: u64,
    /// Milliseconds since 1970-01-01 UTC; never less than the entry before.
    pub time_ms: u64,
    /// Hash of the entry before; zero for the first.
    pub previous: Digest,
    /// The access.
    pub access: Access,
}

/// The hash of an entry's exact JSON line.
pub(crate) fn line_hash(line: &[u8]) -> Digest {
    hash("salus/access-log/v1", &[line])
}

/// The end of the chain.
#[derive(Debug, Default)]
pub(crate) struct Position {
    number: u64,
    time_ms: u64,
    head: Digest,
    counters: HashMap<String, u64>,
}

impl Position {
    /// The end of a chain that is already there.
    pub(crate) fn new(last: Option<(&Entry, Digest)>, counters: HashMap<String, u64>) -> Self {
        last.map_or_else(Self::default, |(entry, head)| Self {
            number: entry.number,
            time_ms: entry.time_ms,
            head,
            counters,
        })
    }

    /// Number of the newest entry.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The chain up to here.
    pub(crate) fn committed(&self) -> Committed {
        Committed { entries: self.number, head: self.head }
    }

    /// The entry that would come next, its line and its hash.
    pub(crate) fn follow(&self, access: Access, now_ms: u64) -> (Entry, Vec<u8>, Digest) {
        let own_number = self.counters.get(&access.who.key()).copied().unwrap_or(0) + 1;
        let entry = Entry {
            number: self.number + 1,
            own_number,
            time_ms: now_ms.max(self.time_ms),
            previous: self.head,
            access,
        };
        // The types above always serialise; the text has no line break outside strings, where JSON escapes it.
        let line = serde_json::to_vec(&entry).unwrap_or_default();
        let hash = line_hash(&line);
        (entry, line, hash)
    }

    /// Whether an entry is the next one.
    pub(crate) fn fits(&self, entry: &Entry) -> bool {
        entry.number == self.number + 1
            && entry.previous == self.head
            && entry.time_ms >= self.time_ms
            && entry.own_number == self.counters.get(&entry.access.who.key()).copied().unwrap_or(0) + 1
    }

    /// Moves behind an entry.
    pub(crate) fn advance(&mut self, entry: &Entry, hash: Digest) {
        self.number = entry.number;
        self.time_ms = entry.time_ms;
        self.head = hash;
        self.counters.insert(entry.access.who.key(), entry.own_number);
    }
}

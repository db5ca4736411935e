//! The entries of an organisation's access log: `docs/protocol/accounting.md`.
//!
//! An entry is one line of JSON. What counts is the line, byte for byte: the entry after it carries its hash, and the
//! head that stands on the ledger is the root of a tree over the hashes of all lines.

use crate::category::Purpose;
use crate::ids::{AccessId, AppointmentId, EmergencyId, GrantId, OrganisationId};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::merkle;
use serde::{Deserialize, Serialize};

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
    /// Many records were written into files for a registered system, or such a file was fetched.
    Export,
    /// A chart was opened.
    ChartOpened,
    /// Records of another organisation were fetched after an access event.
    ShareImport,
    /// Copies were deleted after the end of a grant.
    ShareDropped,
    /// What the patient asked for by their rights was received, answered or ended.
    Case,
    /// A signed list of who looked was made, for the patient.
    Accounting,
    /// A share of the patient's root was kept, or somebody recovers with it.
    Recovery,
    /// The patient let an app read, or that ended.
    App,
    /// Somebody who acts for the patient got the keys of what the mandate reaches.
    ProxyRead,
    /// Somebody was appointed to act for the patient by this organisation, or that was ended.
    Appointment,
    /// The patient made a link, somebody opened it, or it ended.
    Link,
    /// Health cards were made for the patient.
    HealthCard,
    /// Another organisation asked, in an emergency, whether the person is a patient here.
    EmergencyFound,
    /// Another organisation opened the emergency summary of this one.
    EmergencyOpened,
    /// Another organisation's emergency summary was read here.
    EmergencyRead,
    /// Another organisation asked whether records of the person are kept here.
    Located,
    /// Two registrations of the patient became one, or two again.
    Registration,
    /// Other organisations were asked whether they keep records of the person.
    LocatedElsewhere,
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
    /// An app that the patient lets read.
    App {
        /// Client id.
        id: String,
        /// Name shown to the patient.
        name: String,
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
    /// The key of the gap-free counter.
    pub fn key(&self) -> String {
        match self {
            Self::Practitioner { id, .. } => format!("practitioner/{id}"),
            Self::System { id } => format!("system/{id}"),
            Self::App { id, .. } => format!("app/{id}"),
            Self::Elsewhere { organisation, .. } => format!("elsewhere/{organisation}"),
            Self::Proxy { appointment } => format!("proxy/{appointment}"),
            Self::Node => "node".into(),
        }
    }
}

/// What was done to whose record, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// The access events that this was made for, where records of another organisation were fetched.
    pub events: Vec<AccessId>,
}

impl Access {
    /// One that is about a patient and names no resources, grants or events.
    pub fn about(
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
            events: Vec::new(),
        }
    }
}

/// The key of a patient's gap-free counter, among those of [`Who::key`].
pub fn patient_key(patient: &str) -> String {
    format!("patient/{patient}")
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Number in this node's log, from 1, without gaps.
    pub number: u64,
    /// Number in the log of [`Access::who`], from 1, without gaps.
    pub own_number: u64,
    /// Number in the log of [`Access::patient`], from 1, without gaps; `None` where no patient is named.
    pub patient_number: Option<u64>,
    /// Milliseconds since 1970-01-01 UTC; never less than the entry before.
    pub time_ms: u64,
    /// [`line_hash`] of the entry before; zero for the first.
    pub previous: Digest,
    /// Random: others who see the line's hash, in the path of an entry of theirs, cannot try what it says.
    pub blind: Digest,
    /// The access.
    pub access: Access,
}

/// The hash of an entry's exact line.
pub fn line_hash(line: &[u8]) -> Digest {
    hash("salus/access-log/v1", &[line])
}

/// The leaf of a line in the tree whose root is the log's head.
pub fn leaf(line_hash: &Digest) -> Digest {
    merkle::leaf_hash(line_hash)
}

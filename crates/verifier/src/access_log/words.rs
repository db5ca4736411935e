//! What an entry says to a person: who, what, why, and whether something left the organisation by it.

use salus_types::OrganisationId;
use salus_types::access_log::{Access, Kind, Who};
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};

/// On which side of the organisation's door something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Something left the organisation (45 CFR 164.528: an accounting lists these).
    Disclosure,
    /// It was used within.
    Use,
}

/// An entry in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Account {
    /// Whether something left.
    pub side: Side,
    /// Who did it, or received it.
    pub who: String,
    /// Where they are.
    pub at: OrganisationId,
    /// What they did.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Account {
    /// What an entry of an organisation's log says.
    pub fn of(access: &Access, organisation: &OrganisationId) -> Self {
        let at = match &access.who {
            Who::Elsewhere { organisation, .. } => organisation.clone(),
            Who::Practitioner { .. }
            | Who::System { .. }
            | Who::App { .. }
            | Who::Proxy { .. }
            | Who::Node => organisation.clone(),
        };
        Self { side: side(access), who: who(access), at, what: what(access), why: why(access) }
    }
}

/// A system or an app may stand anywhere, so what it is given counts as having left; so does what is written into a file
/// for others, and what who acts for the patient gets.
fn side(access: &Access) -> Side {
    match (&access.who, access.kind) {
        (Who::Elsewhere { .. }, _) | (_, Kind::Proof | Kind::Export | Kind::ProxyRead) => Side::Disclosure,
        (Who::System { .. } | Who::App { .. }, Kind::Read | Kind::ReRead | Kind::Search) => Side::Disclosure,
        _ => Side::Use,
    }
}

fn who(access: &Access) -> String {
    match &access.who {
        // Who it was is in that organisation's own list.
        Who::Elsewhere { name, .. } if name.is_empty() && access.kind == Kind::Located => {
            "somebody at another organisation".to_owned()
        }
        Who::Practitioner { name, role, .. } => format!("{name} ({role})"),
        Who::System { id } => format!("the registered system {id}"),
        Who::App { name, .. } => format!("the app {name}"),
        Who::Proxy { .. } => "somebody who acts for the patient".to_owned(),
        Who::Elsewhere { name, .. } if name.is_empty() => {
            "somebody who has not said who it was yet".to_owned()
        }
        Who::Elsewhere { name, role, .. } => format!("{name} ({role})"),
        Who::Node => "the organisation's own computer".to_owned(),
    }
}

fn what(access: &Access) -> String {
    let did = match access.kind {
        Kind::Read => "looked at",
        Kind::ReRead => "looked again at what another organisation shared",
        Kind::Search => "searched for",
        Kind::Write => "added or changed",
        Kind::Proof => "took out, with a proof that it is genuine",
        Kind::Export => "took out, as a file",
        Kind::ChartOpened => "opened the record",
        Kind::ShareImport => "fetched what another organisation shared",
        Kind::ShareDropped => "deleted what another organisation had shared",
        Kind::Case => "dealt with a request of the patient",
        Kind::Accounting => "made a signed list of who looked",
        Kind::Recovery => "dealt with the recovery of the patient's key",
        Kind::App => "was allowed to read by the patient, or stopped",
        Kind::ProxyRead => "got the keys of what the patient lets them see",
        Kind::Appointment => "appointed somebody to act for the patient, or ended that",
        Kind::Link => "dealt with a link that the patient made",
        Kind::HealthCard => "made health cards for the patient",
        Kind::EmergencyFound => "asked in an emergency whether the person is a patient here",
        Kind::EmergencyOpened => "opened the emergency summary",
        Kind::EmergencyRead => "read another organisation's emergency summary",
        Kind::Registration => "dealt with two registrations of the patient",
        Kind::Located => "asked whether records of the person are kept here",
        Kind::LocatedElsewhere => "asked other organisations whether they keep records of the person",
    };
    let of = match access.types.is_empty() {
        true => String::new(),
        false => format!(": {}", access.types.join(", ")),
    };
    match access.count {
        Some(1) => format!("{did}{of} (1 entry)"),
        Some(count) => format!("{did}{of} ({count} entries)"),
        None => format!("{did}{of}"),
    }
}

fn why(access: &Access) -> String {
    let reason = access.reason.trim();
    let purpose = access.purpose.map(purpose);
    match (purpose, reason.is_empty()) {
        (Some(purpose), false) => format!("{purpose}: {reason}"),
        (None, false) => reason.to_owned(),
        (Some(purpose), true) => purpose.to_owned(),
        (None, true) => "no reason was noted".to_owned(),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Treatment => "for treatment",
        Purpose::Payment => "for payment",
        Purpose::Operations => "to run the organisation",
        Purpose::Research => "for research",
        Purpose::PublicHealth => "for public health",
        Purpose::PatientRequest => "at the patient's wish",
        Purpose::Emergency => "in an emergency",
    }
}

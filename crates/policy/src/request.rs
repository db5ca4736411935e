//! What is put before the policies.

use crate::area::Area;
use salus_types::category::Purpose;
use serde::{Deserialize, Serialize};

/// Somebody's role at an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Treats patients.
    Clinician,
    /// Front desk.
    Clerk,
    /// Runs the node.
    Steward,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Clinician, Self::Clerk, Self::Steward];

    /// The name in the policies and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::Clerk => "clerk",
            Self::Steward => "steward",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// Somebody who works at this organisation.
    Practitioner {
        /// FHIR Practitioner id.
        id: &'a str,
        /// Role.
        role: Role,
    },
    /// A registered system.
    System {
        /// Client id.
        client: &'a str,
    },
    /// An app that a patient lets read their record.
    App {
        /// Client id.
        client: &'a str,
    },
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read one resource, or its history.
    Read,
    /// Search.
    Search,
    /// Create, update, patch, delete.
    Write,
    /// Get a record proof.
    Prove,
    /// Take records of many patients out as files.
    Export,
    /// Bring records of many patients in from files.
    Import,
    /// See the copies that one grant gave.
    UseShare,
    /// Open a chart.
    OpenChart,
    /// Ask a patient for access.
    RequestAccess,
    /// Ask other organisations whether they keep records of a patient.
    LocateRecords,
    /// Look for patients by name.
    ListPatients,
    /// Invite a patient to enrol.
    Invite,
    /// Give a patient who lost every way in a code for a new device.
    Recover,
    /// Give a parent, or whoever else acts for a child, a code to be appointed with, and end that.
    AppointGuardian,
    /// See what patients ask for by their rights, and answer.
    AnswerCases,
    /// See the network's state.
    ViewNetwork,
    /// See the access log.
    ViewAccessLog,
    /// Open somebody's emergency summary without consent.
    BreakGlass,
    /// See and review this organisation's emergency accesses.
    ReviewEmergency,
    /// Propose changes of the network for this organisation, and vote on them.
    Govern,
    /// Say which apps may be used with this organisation's records.
    DecideOnApps,
    /// See how feeds are doing, and decide on what they could not file.
    RunFeeds,
    /// Have a new key sign health cards.
    ReplaceCardKey,
    /// Ask what codes mean.
    LookUpCodes,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Self] = &[
        Self::Read,
        Self::Search,
        Self::Write,
        Self::Prove,
        Self::Export,
        Self::Import,
        Self::UseShare,
        Self::OpenChart,
        Self::RequestAccess,
        Self::LocateRecords,
        Self::ListPatients,
        Self::Invite,
        Self::Recover,
        Self::AppointGuardian,
        Self::AnswerCases,
        Self::ViewNetwork,
        Self::ViewAccessLog,
        Self::BreakGlass,
        Self::ReviewEmergency,
        Self::Govern,
        Self::DecideOnApps,
        Self::RunFeeds,
        Self::ReplaceCardKey,
        Self::LookUpCodes,
    ];

    /// The name in the policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Write => "write",
            Self::Prove => "prove",
            Self::Export => "export",
            Self::Import => "import",
            Self::UseShare => "useShare",
            Self::OpenChart => "openChart",
            Self::RequestAccess => "requestAccess",
            Self::LocateRecords => "locateRecords",
            Self::ListPatients => "listPatients",
            Self::Invite => "invite",
            Self::Recover => "recover",
            Self::AppointGuardian => "appointGuardian",
            Self::AnswerCases => "answerCases",
            Self::ViewNetwork => "viewNetwork",
            Self::ViewAccessLog => "viewAccessLog",
            Self::BreakGlass => "breakGlass",
            Self::ReviewEmergency => "reviewEmergency",
            Self::Govern => "govern",
            Self::DecideOnApps => "decideOnApps",
            Self::RunFeeds => "runFeeds",
            Self::ReplaceCardKey => "replaceCardKey",
            Self::LookUpCodes => "lookUpCodes",
        }
    }
}

/// What it is asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// This organisation's records of one type.
    Records {
        /// FHIR type.
        kind: &'a str,
        /// Its area.
        area: Area,
    },
    /// A share.
    Share(ShareFacts),
    /// The node itself.
    Node,
}

/// What the policies look at in a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareFacts {
    /// Neither revoked nor expired.
    pub live: bool,
    /// The patient's purpose.
    pub purpose: Purpose,
    /// It belongs to the patient whose chart is open.
    pub of_this_patient: bool,
    /// It holds a protected category.
    pub protected: bool,
    /// It names one practitioner: whether that is who asks.
    pub names_principal: Option<bool>,
}

/// On what a practitioner's relation to a patient rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Nothing.
    None,
    /// The chart was opened here, with a reason.
    Chart,
    /// A client that is trusted with it says so.
    Asserted,
    /// The patient chose the app for their own record.
    Patient,
}

impl Relation {
    /// The name in the policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Chart => "chart",
            Self::Asserted => "asserted",
            Self::Patient => "patient",
        }
    }
}

/// Circumstances of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The purpose that the caller states.
    pub purpose: Purpose,
    /// Whether a reason in words was given.
    pub reason_given: bool,
    /// Whether one patient's chart is open and the request stays within it.
    pub chart_open: bool,
    /// The relation to that patient.
    pub relation: Relation,
    /// Whether the token's scopes reach this far; `true` without a token.
    pub scopes_allow: bool,
    /// Whether the patient whose record it is has its use restricted here.
    pub restricted: bool,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// What is asked.
    pub action: Action,
    /// Of what.
    pub resource: Resource<'a>,
    /// The circumstances.
    pub circumstances: Circumstances,
}

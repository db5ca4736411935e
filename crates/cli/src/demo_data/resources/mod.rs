//! One builder per FHIR R4 resource type: from facts to JSON, without chance and without order.

mod care;
mod condition;
mod document;
mod encounter;
mod medication;
mod observation;
mod patient;
mod prevention;
mod report;

pub(crate) use care::{care_plan, care_team, device, procedure};
pub(crate) use condition::condition;
pub(crate) use document::note;
pub(crate) use encounter::encounter;
pub(crate) use medication::{Prescription, medication_request};
pub(crate) use observation::{interpretation, observation, smoking_status};
pub(crate) use patient::patient;
pub(crate) use prevention::{allergy, immunization};
pub(crate) use report::{examination_report, laboratory_report};

use super::{
    calendar::Date,
    directory::{PractitionerInfo, Site},
    terms::labels::Label,
};
use serde_json::{Value, json};

/// Where and when something happened: every clinical resource of a visit says so.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) site: Site,
    /// Address of the Patient in the bundle.
    pub(crate) patient: &'a str,
    /// Address of the Encounter in the bundle.
    pub(crate) encounter: &'a str,
    pub(crate) clinician: &'a PractitionerInfo,
    pub(crate) day: Date,
    /// When the visit began, in minutes of the day.
    pub(crate) minute: u32,
    /// The label of the visit.
    pub(crate) label: Option<Label>,
}

impl Setting<'_> {
    /// A time of the visit: minutes after it began.
    pub(crate) fn time(&self, later: u32) -> String {
        self.day.at(self.minute + later)
    }

    fn patient(&self) -> Value {
        link(self.patient)
    }

    fn encounter(&self) -> Value {
        link(self.encounter)
    }
}

/// FHIR `Reference` to an address.
pub(crate) fn link(address: &str) -> Value {
    json!({ "reference": address })
}

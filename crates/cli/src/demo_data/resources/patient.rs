//! Patient, as one hospital knows the person.

use super::super::{
    directory::{PractitionerInfo, Site},
    person::Person,
    terms::{coding, system},
};
use serde_json::{Value, json};

/// The hospital's Patient, with its own record number (MRN) and general practitioner.
pub(crate) fn patient(person: &Person, site: Site, record_number: &str, home: &PractitionerInfo) -> Value {
    let mut patient = person.patient();
    patient["identifier"] = json!([{
        "use": "usual",
        "type": { "coding": [coding(system::IDENTIFIER_TYPE, "MR", "Medical record number")], "text": "MRN" },
        "system": site.numbering("mrn"),
        "value": record_number,
        "assigner": site.organization(),
    }]);
    patient["managingOrganization"] = site.organization();
    patient["generalPractitioner"] = json!([home.reference()]);
    patient
}

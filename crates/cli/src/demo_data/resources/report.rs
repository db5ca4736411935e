//! DiagnosticReport: of the laboratory with its results, of an examination with its conclusion.

use super::{
    super::{
        directory::PractitionerInfo,
        terms::{
            Code, concept,
            labels::{Label, labelled},
            system,
        },
    },
    Setting, link,
    observation::{ISSUED_AFTER, SAMPLED_AFTER},
};
use serde_json::{Value, json};

/// A panel's report with the addresses of its results.
pub(crate) fn laboratory_report(
    setting: &Setting,
    code: &Code,
    results: &[String],
    conclusion: &str,
    label: Option<Label>,
) -> Value {
    let mut report = report(setting, ("LAB", "Laboratory"), code, conclusion);
    report["performer"] = json!([setting.site.organization()]);
    report["result"] = results.iter().map(|result| link(result)).collect();
    labelled(report, label)
}

/// A radiologist's report of an examination.
pub(crate) fn examination_report(
    setting: &Setting,
    code: &Code,
    radiologist: &PractitionerInfo,
    conclusion: &str,
    label: Option<Label>,
) -> Value {
    let mut report = report(setting, ("RAD", "Radiology"), code, conclusion);
    report["performer"] = json!([radiologist.reference()]);
    report["resultsInterpreter"] = json!([radiologist.reference()]);
    labelled(report, label)
}

fn report(setting: &Setting, service: (&str, &str), code: &Code, conclusion: &str) -> Value {
    json!({
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": [concept(system::DIAGNOSTIC_SERVICE, service.0, service.1)],
        "code": code.concept(),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "effectiveDateTime": setting.time(SAMPLED_AFTER),
        "issued": setting.time(ISSUED_AFTER),
        "conclusion": conclusion,
    })
}

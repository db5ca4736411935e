//! Procedure, Device, CarePlan and CareTeam.

use super::{
    super::{
        directory::{PractitionerInfo, Site},
        story::{Act, Implant, Plan},
        terms::{coding, labels::labelled, system},
    },
    Setting, link,
};
use serde_json::{Value, json};

/// A procedure; `reason` and `device` are addresses in the bundle.
pub(crate) fn procedure(setting: &Setting, act: &Act, reason: Option<&str>, device: Option<&str>) -> Value {
    let mut procedure = json!({
        "resourceType": "Procedure",
        "status": "completed",
        "code": act.what.concept(),
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "performedPeriod": { "start": setting.time(10), "end": setting.time(if device.is_some() { 120 } else { 20 }) },
        "performer": [{ "actor": setting.clinician.reference() }],
    });
    if let Some(site) = act.site {
        procedure["bodySite"] = json!([site.concept()]);
    }
    if let Some(why) = act.why {
        procedure["reasonCode"] = json!([why.concept()]);
    }
    if let Some(reason) = reason {
        procedure["reasonReference"] = json!([link(reason)]);
    }
    if let Some(device) = device {
        procedure["focalDevice"] = json!([{
            "action": { "coding": [coding(system::DEVICE_ACTION, "implanted", "Implanted")] },
            "manipulated": link(device),
        }]);
    }
    labelled(procedure, act.why.and_then(|why| why.label))
}

/// An implant that the patient carries.
pub(crate) fn device(setting: &Setting, implant: &Implant, serial: &str) -> Value {
    json!({
        "resourceType": "Device",
        "status": "active",
        "manufacturer": implant.manufacturer,
        "lotNumber": format!("LOT-{}", &serial[..4.min(serial.len())]),
        "serialNumber": serial,
        "deviceName": [{ "name": implant.model, "type": "model-name" }],
        "type": implant.kind.concept(),
        "patient": setting.patient(),
        "owner": setting.site.organization(),
    })
}

/// A small plan for a problem; `ended` where it is over.
pub(crate) fn care_plan(
    setting: &Setting,
    plan: &Plan,
    reason: Option<&str>,
    ended: Option<String>,
) -> Value {
    let over = ended.is_some();
    let activity = |text: &&str| {
        let status = if over { "completed" } else { "in-progress" };
        json!({ "detail": { "status": status, "description": text } })
    };
    let mut care_plan = json!({
        "resourceType": "CarePlan",
        "status": if over { "completed" } else { "active" },
        "intent": "plan",
        "category": [plan.category.concept()],
        "title": plan.title,
        "subject": setting.patient(),
        "encounter": setting.encounter(),
        "period": { "start": setting.day.iso() },
        "created": setting.time(20),
        "author": setting.clinician.reference(),
        "activity": plan.activities.iter().map(activity).collect::<Vec<_>>(),
    });
    if let Some(ended) = ended {
        care_plan["period"]["end"] = json!(ended);
    }
    if let Some(reason) = reason {
        care_plan["addresses"] = json!([link(reason)]);
    }
    labelled(care_plan, plan.label())
}

/// The clinicians whom the patient knows; those of protected visits are left out.
pub(crate) fn care_team(site: Site, patient: &str, since: &str, members: &[&PractitionerInfo]) -> Value {
    let participant = |info: &&PractitionerInfo| {
        json!({
            "role": [info.role.specialty().concept()],
            "member": info.reference(),
            "onBehalfOf": site.organization(),
        })
    };
    json!({
        "resourceType": "CareTeam",
        "status": "active",
        "name": "Care team",
        "subject": link(patient),
        "period": { "start": since },
        "participant": members.iter().map(participant).collect::<Vec<_>>(),
        "managingOrganization": [site.organization()],
    })
}

//! FHIR's own word for it: `Patient.link` (<https://hl7.org/fhir/R4/patient.html#linking>). The one that stays `replaces`,
//! the one that gave way is `replaced-by` and not in use.

use crate::engine::{EnginePrincipal, Mode, PRINCIPAL_HEADER, Reach};
use crate::error::{Code, Error};
use crate::staff::patients;
use crate::state::Gateway;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

/// Who writes, for the engine's own log.
const WRITER: &str = "merge";

/// What a Patient says of being in use; `None` if it says nothing.
///
/// # Errors
/// [`Code::NotFound`] if there is no such patient; what the engine refuses.
pub(super) async fn is_active(gateway: &Gateway, id: &str) -> Result<Option<bool>, Error> {
    Ok(change(gateway, id, |_| ()).await?["active"].as_bool())
}

/// Names two Patients in one another. Repeated it changes nothing.
///
/// # Errors
/// As [`is_active`].
pub(super) async fn join(gateway: &Gateway, from: &str, into: &str) -> Result<(), Error> {
    change(gateway, from, |patient| {
        add(patient, into, "replaced-by");
        patient["active"] = json!(false);
    })
    .await?;
    change(gateway, into, |patient| add(patient, from, "replaces")).await?;
    Ok(())
}

/// Takes the names out again.
///
/// # Errors
/// As [`join`].
pub(super) async fn part(
    gateway: &Gateway,
    from: &str,
    into: &str,
    active: Option<bool>,
) -> Result<(), Error> {
    change(gateway, from, |patient| {
        remove(patient, into);
        if let Some(active) = active {
            patient["active"] = json!(active);
        } else if let Some(fields) = patient.as_object_mut() {
            fields.remove("active");
        }
    })
    .await?;
    change(gateway, into, |patient| remove(patient, from)).await?;
    Ok(())
}

fn add(patient: &mut Value, other: &str, kind: &str) {
    remove(patient, other);
    let link = json!({ "other": { "reference": format!("Patient/{other}") }, "type": kind });
    match patient.get_mut("link").and_then(Value::as_array_mut) {
        Some(links) => links.push(link),
        None => patient["link"] = json!([link]),
    }
}

fn remove(patient: &mut Value, other: &str) {
    let reference = format!("Patient/{other}");
    // Not by index, which would put a `null` where there is none.
    let Some(links) = patient.get_mut("link").and_then(Value::as_array_mut) else { return };
    links.retain(|link| link["other"]["reference"] != reference.as_str());
    // FHIR has no empty lists.
    if links.is_empty()
        && let Some(fields) = patient.as_object_mut()
    {
        fields.remove("link");
    }
}

/// Changes a Patient, unless somebody else did meanwhile; what it was before.
async fn change(gateway: &Gateway, id: &str, by: impl FnOnce(&mut Value)) -> Result<Value, Error> {
    let at = format!("/fhir/Patient/{id}");
    let before = patients::fetch(gateway, WRITER, Method::GET, &at, String::new()).await?;
    let before = before.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?;
    let mut after = before.clone();
    by(&mut after);
    if after == before {
        return Ok(before);
    }
    let version = before["meta"]["versionId"].as_str().unwrap_or_default().to_owned();
    let principal = EnginePrincipal {
        id: WRITER.to_owned(),
        read: Reach::Patient(id.to_owned()),
        write: Reach::Patient(id.to_owned()),
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: Mode::Feed,
    };
    let request = Request::builder()
        .method(Method::PUT)
        .uri(at)
        .header(header::CONTENT_TYPE, "application/fhir+json")
        .header(header::IF_MATCH, format!("W/\"{version}\""))
        .header(PRINCIPAL_HEADER, principal.header())
        .body(Body::from(after.to_string()))
        .map_err(Error::internal)?;
    let response = gateway.engine.send(request).await?;
    match response.status() {
        status if status.is_success() => Ok(before),
        status if status.as_u16() == 412 || status.as_u16() == 409 => {
            Err(Error::new(Code::Conflict, "the patient's data was changed at this moment; try again"))
        }
        status => Err(crate::engine::EngineError::Refused { status: status.as_u16() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_and_go_and_others_stay() {
        let mut patient = json!({ "resourceType": "Patient", "id": "a" });
        let bare = patient.clone();
        add(&mut patient, "b", "replaces");
        add(&mut patient, "b", "replaces");
        add(&mut patient, "c", "replaces");
        assert_eq!(patient["link"].as_array().map(Vec::len), Some(2));
        remove(&mut patient, "b");
        assert_eq!(patient["link"], json!([{ "other": { "reference": "Patient/c" }, "type": "replaces" }]));
        remove(&mut patient, "c");
        remove(&mut patient, "c");
        assert_eq!(patient, bare);
    }
}

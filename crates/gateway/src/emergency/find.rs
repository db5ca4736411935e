//! Whether somebody is a patient here, for another organisation in an emergency. That the answer is yes says that there is
//! a record, so who asks is limited, every yes is in the access log, and whatever is not exactly one person is a no.

use super::person;
use crate::error::{Code, Error};
use crate::log::{Access, Kind, Who};
use crate::staff::patients;
use crate::state::Gateway;
use axum::http::Method;
use salus_types::OrganisationId;
use salus_types::category::Purpose;
use salus_types::vault::{EmergencyFind, EmergencyFound};

/// Candidates looked at: people who were born on one day. Where there are more, nobody is found.
const CANDIDATES: usize = 200;

/// Exactly one patient here who is this person, if there is a summary.
///
/// # Errors
/// [`Code::Forbidden`] for who is no provider, [`Code::Throttled`], or a fault of a part.
pub(crate) async fn find(
    gateway: &Gateway,
    from: &OrganisationId,
    person: &EmergencyFind,
) -> Result<Option<EmergencyFound>, Error> {
    let network = gateway.chain().network();
    let provider = network
        .organisation(from)
        .is_some_and(|asker| asker.class == salus_types::organisation::Class::Provider);
    if !provider {
        return Err(Error::new(Code::Forbidden, "only providers ask in an emergency"));
    }
    gateway.emergencies.questions.check(from.clone())?;
    let form = form_of(person);
    let bundle = patients::fetch(gateway, "emergency", Method::POST, "/fhir/Patient/_search", form).await?;
    let entries = bundle.as_ref().and_then(|bundle| bundle["entry"].as_array()).cloned().unwrap_or_default();
    if entries.len() >= CANDIDATES {
        return Ok(None);
    }
    let mut same = entries.iter().map(|entry| &entry["resource"]).filter(|one| person::is(one, person));
    let (Some(patient), None) = (same.next(), same.next()) else { return Ok(None) };
    let Some(id) = patient["id"].as_str() else { return Ok(None) };
    let found = gateway.ports.emergencies.summary_of(id).await.map_err(crate::peer::refused)?;
    if found.is_some() {
        note(gateway, from, id).await?;
    }
    Ok(found)
}

/// The store finds candidates by birth date and sex alone: names are compared here, because a store would not find
/// `O'Brien` by `obrien`.
fn form_of(person: &EmergencyFind) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("birthdate", person.birth_date.as_str());
    form.append_pair("gender", person.sex.as_str());
    form.append_pair("_count", &CANDIDATES.to_string());
    form.finish()
}

async fn note(gateway: &Gateway, from: &OrganisationId, patient: &str) -> Result<(), Error> {
    let who =
        Who::Elsewhere { organisation: from.clone(), name: String::new(), role: String::new(), event: None };
    let access = Access::about(who, Kind::EmergencyFound, patient, Some(Purpose::Emergency), "");
    gateway.log.append(access)?.durable().await
}

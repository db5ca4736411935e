//! `GET /fhir/Patient/{id}/$summary`: the International Patient Summary (<https://hl7.org/fhir/uv/ips/>), a document Bundle of
//! what the caller may read here: this organisation's own records, and copies that a live grant of the patient reaches.
//!
//! * It is made from `$everything`, so it holds nothing that a read would not give; an app's choice narrows it further.
//! * Its identifier follows from what is in it: the same content, in the same words, is the same document.
//! * A section that must be there and has no entry says `unavailable`, whether there is nothing or nothing for this caller:
//!   the two look alike. It never says that a patient *has* no allergies; nobody here knows that of a record in parts.

mod document;
mod sections;
mod words;

use super::ask::Ask;
use super::authorise::authorise;
use super::pages;
use super::principal::Principal;
use super::proxy::Answered;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use document::{Document, Found};
use sections::TYPES;

/// Answers.
///
/// # Errors
/// As [`authorise`]; [`Code::Scope`] if the caller may not see who the patient is.
pub(crate) async fn serve(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    query: &str,
) -> Result<Answered> {
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name != "_format") {
        return Err(Error::new(Code::Invalid, "a summary takes no parameters"));
    }
    let permit = authorise(gateway, principal, ask).await?;
    let patient = ask.id.clone().unwrap_or_default();
    let path = format!("/fhir/Patient/{patient}/$everything?_type={}", TYPES.join(","));
    let entries = pages::all(gateway, &permit, permit.narrowing.as_ref(), &path).await?;
    let found: Vec<Found> = entries.iter().filter_map(|entry| Found::of_entry(entry)).collect();
    let words = words::of(gateway, &found).await;
    let document = Document::of(gateway, &patient, found, words).ok_or_else(|| {
        Error::new(Code::Scope, "a summary names the patient, and this caller may not see who that is")
    })?;
    let response = pages::answer(document.text(gateway));
    Ok(Answered { response, asks: vec![ask.clone()], permit })
}

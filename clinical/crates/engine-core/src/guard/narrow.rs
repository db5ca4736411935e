//! What is added to a search before it runs. Every addition is a further AND: it can only take away.

use helios_persistence::{
    StorageResult,
    error::{BackendError, StorageError},
    types::{SearchModifier, SearchParamType, SearchParameter, SearchQuery, SearchValue},
};

use super::Guarded;
use crate::{
    compartment,
    principal::{self, Principal, Scope},
    shares::{LABEL_SHARED, LABEL_SYSTEM, Partition},
};

/// An id that no resource has: underscores are not allowed in one.
const NOBODY: &str = "_nobody_";

/// Parameters with a leading underscore that select resources; the others shape the answer.
const SELECTING: &[&str] =
    &["_id", "_tag", "_security", "_profile", "_source", "_lastUpdated", "_has", "_text", "_content"];

impl Guarded {
    /// `query`, as the current principal may run it.
    pub(super) async fn narrowed(&self, query: &SearchQuery) -> StorageResult<SearchQuery> {
        let principal = principal::current()?;
        if principal.read == Scope::None {
            return Err(principal::forbidden("search"));
        }
        let shares = self.shares.partition(&principal, &query.resource_type);
        let mut query = query.clone();
        query.parameters.iter_mut().for_each(name_patient);
        if let Scope::Patient(patient) = &principal.read {
            let restriction = self.to_patient(&query.resource_type, patient, &shares).await?;
            query.parameters.extend(restriction);
        }
        query.parameters.extend(without_hidden(shares));
        Ok(query)
    }

    /// Restricts a type to one patient; nothing for a type that says nothing about patients.
    async fn to_patient(
        &self,
        resource_type: &str,
        patient: &str,
        shares: &Partition,
    ) -> StorageResult<Option<SearchParameter>> {
        if resource_type == "Patient" {
            let copies = self.shares.members("Patient", shares.visible.clone()).await.map_err(internal)?;
            let ids = std::iter::once(patient.to_owned()).chain(copies);
            return Ok(Some(parameter("_id", SearchParamType::Token, ids)));
        }
        if compartment::is_open(resource_type) {
            return Ok(None);
        }
        Ok(Some(match compartment::owner_of_type(resource_type) {
            Some(owner) if !owner.param.is_empty() => {
                parameter(owner.param, SearchParamType::Reference, [format!("Patient/{patient}")])
            }
            _ => parameter("_id", SearchParamType::Token, [NOBODY.to_owned()]),
        }))
    }
}

/// `patient=ID` asks for a patient of this store, as every parameter of that name does
/// (<https://hl7.org/fhir/R4/search.html#reference>). With the type before it the index finds it; the id alone would be
/// compared with the end of every reference that there is.
fn name_patient(parameter: &mut SearchParameter) {
    let plain = parameter.name == "patient" && parameter.modifier.is_none() && parameter.chain.is_empty();
    for value in parameter.values.iter_mut().filter(|_| plain) {
        if !value.value.is_empty() && !value.value.contains(['/', ':', '|']) {
            value.value = format!("Patient/{}", value.value);
        }
    }
}

/// Takes the copies away that the principal does not see.
fn without_hidden(shares: Partition) -> Option<SearchParameter> {
    if shares.hidden.is_empty() {
        None
    } else if shares.visible.is_empty() {
        Some(without_copies())
    } else {
        Some(without(shares.hidden))
    }
}

/// Takes all imported copies away: no client writes one, so no write may match one.
pub(super) fn without_copies() -> SearchParameter {
    without([LABEL_SHARED.to_owned()])
}

/// The same, as the text of a conditional interaction's criteria. Criteria that select nothing stay as they
/// are, so that the engine still refuses them.
pub(super) fn criteria_without_copies(criteria: &str) -> String {
    let selects = |pair: &str| {
        let name = pair.split(['=', ':', '.']).next().unwrap_or_default();
        !name.is_empty() && (!name.starts_with('_') || SELECTING.contains(&name))
    };
    if !criteria.split('&').any(selects) {
        return criteria.to_owned();
    }
    format!("{criteria}&_security:not={LABEL_SYSTEM}|{LABEL_SHARED}")
}

/// Whether the principal may use conditional interactions, which answer questions about what exists.
pub(super) fn may_match(principal: &Principal) -> bool {
    principal.write == Scope::All
}

fn without(codes: impl IntoIterator<Item = String>) -> SearchParameter {
    let values = codes.into_iter().map(|code| format!("{LABEL_SYSTEM}|{code}"));
    SearchParameter {
        modifier: Some(SearchModifier::Not),
        ..parameter("_security", SearchParamType::Token, values)
    }
}

fn parameter(
    name: &str,
    param_type: SearchParamType,
    values: impl IntoIterator<Item = String>,
) -> SearchParameter {
    SearchParameter {
        name: name.to_owned(),
        param_type,
        values: values.into_iter().map(SearchValue::eq).collect(),
        ..Default::default()
    }
}

pub(super) fn internal(error: crate::Error) -> StorageError {
    StorageError::Backend(BackendError::Internal {
        backend_name: "salus".to_owned(),
        message: error.to_string(),
        source: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_named_with_its_type() {
        for (name, value, expected) in [
            ("patient", "a", "Patient/a"),
            ("patient", "Patient/a", "Patient/a"),
            ("patient", "urn:uuid:a", "urn:uuid:a"),
            ("patient", "https://x.example/Patient/a", "https://x.example/Patient/a"),
            ("patient", "", ""),
            ("subject", "a", "a"),
        ] {
            let mut asked = parameter(name, SearchParamType::Reference, [value.to_owned()]);
            name_patient(&mut asked);
            assert_eq!(asked.values[0].value, expected, "{name}={value}");
        }
        let mut missing = parameter("patient", SearchParamType::Reference, ["true".to_owned()]);
        missing.modifier = Some(SearchModifier::Missing);
        name_patient(&mut missing);
        assert_eq!(missing.values[0].value, "true");
    }

    #[test]
    fn only_criteria_that_select_something_are_narrowed() {
        let check = |criteria: &str, narrowed: bool| {
            assert_eq!(criteria_without_copies(criteria) != criteria, narrowed, "{criteria}");
        };
        check("", false);
        check("_count=5", false);
        check("identifier=urn:x|1", true);
        check("_id=a&_count=1", true);
        check("_has:Observation:subject:code=1", true);
    }
}

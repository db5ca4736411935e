//! Whether the validator refuses what a feed writes: the same verdict as the handlers' validator gives a person, without
//! the list of what is wrong, which nobody reads.
//!
//! Most of a validation is the evaluation of FHIRPath invariants, some hundred for a resource, each of which copies it.
//! Nearly all of them hold for a reason that shows in the JSON at a glance ([`glance`]); only the others are evaluated.
//! What is certain ends the work: a resource of wrong structure is refused before any invariant is looked at.

mod glance;

use std::collections::HashSet;

use helios_fhir::FhirVersion;
use helios_fhir_validator::{
    ConstraintEvaluator, ConstraintOutcome, Deferred, DeferredConstraint, EffectHandlers, Severity,
    TerminologyProvider, UnknownProfilePolicy, ValidationError, ValidationOptions, Validator,
    core_terminology, effects, fhirpath_effects::FhirPathConstraintEvaluator, packs,
};
use helios_rest::config::ValidationConfig;
use serde_json::Value;
use std::sync::Arc;

/// Looks at what feeds write. Hold one: it remembers parsed expressions.
pub(crate) struct FeedValidator {
    validator: Validator,
    options: ValidationOptions,
    invariants: FhirPathConstraintEvaluator,
    suppressed: Vec<String>,
    terminology: Arc<dyn TerminologyProvider>,
}

impl FeedValidator {
    /// Looks at structure, invariants and required bindings of R4, by the same settings as the handlers.
    pub(crate) fn new(config: &ValidationConfig) -> Self {
        let options = ValidationOptions {
            use_meta_profiles: config.meta_profiles,
            unknown_profile: UnknownProfilePolicy::Warn,
            ..Default::default()
        };
        Self {
            validator: Validator::new(packs::core_registry(FhirVersion::R4)),
            options,
            invariants: FhirPathConstraintEvaluator::new(),
            suppressed: config.suppress_constraints.clone(),
            terminology: core_terminology(FhirVersion::R4),
        }
    }

    /// Whether something in it is an error.
    pub(crate) async fn refuses(&self, resource: &Value) -> bool {
        let found = self.validator.validate_sync(resource, &self.options);
        is_wrong(&found.errors)
            || self.breaks_binding(resource, &found.deferred).await
            || self.breaks_invariant(resource, &found.deferred)
    }

    async fn breaks_binding(&self, resource: &Value, deferred: &[Deferred]) -> bool {
        let handlers =
            EffectHandlers { terminology: Some(self.terminology.as_ref()), ..EffectHandlers::default() };
        let mut issues = Vec::new();
        effects::execute(resource, FhirVersion::R4, deferred, &handlers, &mut issues).await;
        is_wrong(&issues)
    }

    fn breaks_invariant(&self, resource: &Value, deferred: &[Deferred]) -> bool {
        let unsure = self.unsure(resource, deferred);
        if unsure.is_empty() {
            return false;
        }
        let outcomes = self.invariants.evaluate_all(resource, FhirVersion::R4, &unsure);
        // One that cannot be evaluated is a warning.
        outcomes.contains(&ConstraintOutcome::Failed)
    }

    /// The invariants that must be evaluated: errors when they fail, and not seen to hold. Each once, though several
    /// schemas may state it of one element.
    fn unsure<'a>(&self, resource: &Value, deferred: &'a [Deferred]) -> Vec<DeferredConstraint<'a>> {
        let mut seen = HashSet::new();
        let mut unsure = Vec::new();
        for one in deferred {
            let Deferred::Constraint { path, id, expression, severity, .. } = one else { continue };
            let counts = matches!(severity.as_deref(), None | Some("error")) && !self.suppressed.contains(id);
            if counts && !glance::holds(resource, path, expression) && seen.insert((path, id)) {
                unsure.push(DeferredConstraint { path, id, expression });
            }
        }
        unsure
    }
}

fn is_wrong(issues: &[ValidationError]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use helios_rest::validation::{ValidationService, has_errors};
    use serde_json::json;

    fn observation(more: Value) -> Value {
        let mut resource = json!({
            "resourceType": "Observation", "id": "o", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": "Glucose"},
            "subject": {"reference": "Patient/a"}, "effectiveDateTime": "2025-01-01T08:00:00Z",
            "valueQuantity": {"value": 4.5, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        });
        for (name, value) in more.as_object().expect("an object") {
            resource[name] = value.clone();
        }
        resource
    }

    /// Resources that break an invariant, a binding, or the structure, beside such as break nothing.
    fn resources() -> Vec<Value> {
        let condition = |more: Value| {
            let mut resource = json!({
                "resourceType": "Condition", "subject": {"reference": "Patient/a"}, "code": {"text": "x"},
                "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
            });
            for (name, value) in more.as_object().expect("an object") {
                resource[name] = value.clone();
            }
            resource
        };
        let extension = |value: Value| observation(json!({ "extension": [value] }));
        vec![
            observation(json!({})),
            observation(json!({"status": "sort-of-final"})),
            observation(json!({"colour": "red"})),
            observation(json!({"dataAbsentReason": {"text": "but there is a value"}})),
            observation(json!({"referenceRange": [{}]})),
            observation(json!({"referenceRange": [{"low": {"value": 1, "code": "a"}}]})),
            observation(
                json!({"component": [{"code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}}]}),
            ),
            observation(json!({"subject": {"reference": "#p"}})),
            observation(
                json!({"subject": {"reference": "#p"}, "contained": [{"resourceType": "Patient", "id": "p"}]}),
            ),
            observation(json!({"contained": [{"resourceType": "Patient", "id": "nobody-refers-to-me"}]})),
            observation(json!({"subject": {"display": "somebody"}})),
            observation(json!({"subject": {}})),
            extension(json!({"url": "http://x.example/e", "valueString": "a"})),
            extension(json!({"url": "http://x.example/e"})),
            extension(
                json!({"url": "http://x.example/e", "valueString": "a", "extension": [{"url": "b", "valueCode": "c"}]}),
            ),
            json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                "period": {"start": "2025-01-02T10:00:00Z", "end": "2025-01-01T10:00:00Z"}}),
            json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                "period": {"start": "2025-01-01T10:00:00+01:00", "end": "2025-01-01T09:30:00Z"}}),
            json!({"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                "period": {"start": "2025-01-01", "end": "2025-01-01T09:30:00Z"}}),
            json!({"resourceType": "Patient", "birthDate": "1970-01-01", "_birthDate": {"extension": [{"url": "http://x.example/e"}]}}),
            json!({"resourceType": "Patient", "contact": [{"gender": "female"}], "telecom": [{"value": "1"}]}),
            json!({"resourceType": "Patient", "telecom": [{"value": "1", "system": "phone"}], "deceasedBoolean": false}),
            condition(json!({})),
            condition(json!({"abatementDateTime": "2025-01-01"})),
            condition(json!({"stage": [{"type": {"text": "x"}}], "evidence": [{"code": [{"text": "x"}]}]})),
            condition(
                json!({"text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}),
            ),
            json!({"resourceType": "Appointment", "status": "booked", "participant": [{"status": "accepted"}]}),
            json!({"resourceType": "Appointment", "status": "booked", "start": "2025-01-01T10:00:00Z", "participant": [{"status": "accepted", "type": [{"text": "x"}]}]}),
            json!({"resourceType": "MolecularSequence", "coordinateSystem": 7}),
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/a"},
                "medicationCodeableConcept": {"text": "x"},
                "dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}]}),
            json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": "Patient/a"},
                "medicationCodeableConcept": {"text": "x"},
                "dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": -1, "periodUnit": "d"}}}]}),
            json!({"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "x"}, "subject": {"reference": "Patient/a"},
                "target": [{"measure": {"text": "x"}}, {"detailString": "y"}]}),
            json!({"resourceType": "RequestGroup", "status": "active", "intent": "plan", "action": [{"title": "x"}]}),
            json!({"resourceType": "Organization"}),
            json!({"resourceType": "Organization", "name": "x", "address": [{"use": "home"}]}),
            json!({"resourceType": "Nothing"}),
            json!({}),
        ]
    }

    #[tokio::test]
    async fn a_feed_gets_the_verdict_that_a_person_would_get() {
        let config = ValidationConfig::default();
        let quick = FeedValidator::new(&config);
        let whole = ValidationService::from_config(&config, None, FhirVersion::R4);
        let (mut refused, mut taken) = (0, 0);
        for resource in resources() {
            let issues = whole.validate_resource(FhirVersion::R4, &resource, Vec::new(), None).await;
            let verdict = quick.refuses(&resource).await;
            assert_eq!(verdict, has_errors(&issues), "{resource} {issues:?}");
            if verdict { refused += 1 } else { taken += 1 }
        }
        assert!(refused >= 12 && taken >= 8, "{refused} refused, {taken} taken: the table tries both");
    }

    #[test]
    fn nothing_of_an_ordinary_result_is_evaluated() {
        let quick = FeedValidator::new(&ValidationConfig::default());
        let resource = observation(json!({}));
        let found = quick.validator.validate_sync(&resource, &quick.options);
        let unsure: Vec<_> = quick.unsure(&resource, &found.deferred).iter().map(|one| one.id).collect();
        assert_eq!(unsure, [""; 0]);
    }
}

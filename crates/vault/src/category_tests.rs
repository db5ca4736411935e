use super::category;
use salus_types::category::Category;

fn check(rows: &[(&str, &str, &str)]) {
    for (resource_type, rest, expected) in rows {
        let text = format!(r#"{{"resourceType":"{resource_type}"{rest}}}"#);
        let expected: Category = expected.parse().expect("a category");
        assert_eq!(category(resource_type, &text), expected, "{text}");
    }
}

#[test]
fn the_type_decides_where_nothing_else_does() {
    check(&[
        ("Patient", "", "demographics"),
        ("RelatedPerson", "", "demographics"),
        ("Coverage", "", "demographics"),
        ("Condition", "", "problems"),
        ("Medication", "", "medications"),
        ("MedicationRequest", "", "medications"),
        ("MedicationAdministration", "", "medications"),
        ("AllergyIntolerance", "", "allergies"),
        ("Immunization", "", "immunizations"),
        ("ImmunizationRecommendation", "", "immunizations"),
        ("Observation", "", "vitals"),
        ("DiagnosticReport", "", "labs"),
        ("ImagingStudy", "", "imaging"),
        ("Media", "", "imaging"),
        ("Procedure", "", "procedures"),
        ("Device", "", "procedures"),
        ("DeviceUseStatement", "", "procedures"),
        ("Encounter", "", "notes"),
        ("DocumentReference", "", "notes"),
        ("CarePlan", "", "notes"),
        ("CareTeam", "", "notes"),
        ("Goal", "", "notes"),
        ("Composition", "", "notes"),
        ("Claim", "", "claims"),
        ("ExplanationOfBenefit", "", "claims"),
        ("Practitioner", "", "notes"),
        ("SomethingNew", "", "notes"),
    ]);
}

#[test]
fn category_codes_decide_for_observations_and_reports_in_any_shape() {
    check(&[
        ("Observation", r#","category":[{"coding":[{"system":"s","code":"laboratory"}]}]"#, "labs"),
        ("Observation", r#","category":[{"coding":[{"code":"vital-signs"}]}]"#, "vitals"),
        ("Observation", r#","category":[{"coding":[{"code":"social-history"}]}]"#, "notes"),
        ("Observation", r#","category":[{"coding":[{"code":"imaging"}]}]"#, "imaging"),
        ("Observation", r#","category":[{"coding":[{"code":"survey"}]}]"#, "vitals"),
        ("Observation", r#","category":[{"coding":[{"code":"x"},{"code":"laboratory"}]}]"#, "labs"),
        ("DiagnosticReport", r#","category":[{"coding":[{"code":"LAB"}]}]"#, "labs"),
        ("DiagnosticReport", r#","category":[{"coding":[{"code":"RAD"}]}]"#, "imaging"),
        ("DiagnosticReport", r#","category":{"coding":{"code":"RAD"}}"#, "imaging"),
        ("Condition", r#","category":[{"coding":[{"code":"laboratory"}]}]"#, "problems"),
        ("AllergyIntolerance", r#","category":["food"]"#, "allergies"),
        ("Observation", r#","category":7"#, "vitals"),
        ("Observation", r#","category":null"#, "vitals"),
    ]);
}

#[test]
fn protected_wins_over_general() {
    for (code, expected) in [
        ("ETH", "substance-use"),
        ("SUD", "substance-use"),
        ("PSY", "mental-health"),
        ("MH", "mental-health"),
        ("PSYTHPN", "mental-health"),
        ("HIV", "hiv"),
        ("SEX", "reproductive"),
        ("SDV", "reproductive"),
        ("GDIS", "genetic"),
    ] {
        let label = format!(r#","meta":{{"security":[{{"code":"R"}},{{"code":"{code}"}}]}}"#);
        check(&[("Condition", &label, expected), ("Claim", &label, expected), ("Patient", &label, expected)]);
        let both = format!(r#"{label},"category":[{{"coding":[{{"code":"laboratory"}}]}}]"#);
        check(&[("Observation", &both, expected)]);
    }
    check(&[("DiagnosticReport", r#","category":[{"coding":[{"code":"GE"}]}]"#, "genetic")]);
    check(&[("MolecularSequence", "", "genetic")]);
}

#[test]
fn what_is_no_object_is_judged_by_its_type() {
    for text in ["", "[]", "null", "{", r#"{"meta":"odd"}"#, &"[".repeat(100_000)] {
        assert_eq!(category("Condition", text), Category::Problems);
    }
}

use super::*;
use crate::from_text;

fn fields(text: &str) -> Map<String, Value> {
    from_text(text).and_then(|value| value.as_object().cloned()).expect("an object")
}

fn entry(rule: Rule, text: &str) -> Entry {
    Entry {
        kind: "Patient",
        id: "p".into(),
        rule,
        resource: fields(text),
        defaults: fields(r#"{"active":true}"#),
    }
}

fn planned(entries: &[Entry], stored: Option<&str>) -> Option<Value> {
    let known =
        stored.map(|text| (("Patient".to_owned(), "p".to_owned()), fields(text))).into_iter().collect();
    let bundle = plan(entries, &known, "urn:salus:feed:x")?;
    Some(serde_json::from_str::<Value>(&bundle).expect("json")["entry"][0]["resource"].clone())
}

const STORED: &str = r#"{"resourceType":"Patient","id":"p","meta":{"versionId":"3","lastUpdated":"x","security":[{"code":"R"}]},"active":true,"gender":"female","address":[{"city":"A"}],"identifier":[{"system":"s","value":"1"}],"period":{"start":"2024"}}"#;

#[test]
fn what_is_stored_already_is_not_written_again() {
    for rule in [Rule::Merge, Rule::IfAbsent] {
        assert_eq!(planned(&[entry(rule, r#"{"gender":"female"}"#)], Some(STORED)), None, "{rule:?}");
    }
    let all = STORED.replace(r#""meta":{"versionId":"3","lastUpdated":"x","security":[{"code":"R"}]},"#, "");
    assert_eq!(planned(&[entry(Rule::Replace, &all)], Some(STORED)), None);
    assert_eq!(plan(&[], &Known::new(), "x"), None);
}

#[test]
fn a_merge_changes_what_it_says_adds_identifiers_and_removes_what_is_null() {
    let text = r#"{"gender":"male","address":null,"identifier":[{"system":"s","value":"1"},{"system":"s","value":"2"}],"period":{"end":"2025"}}"#;
    let written = planned(&[entry(Rule::Merge, text)], Some(STORED)).expect("a change");
    assert_eq!(written["gender"], "male");
    assert!(written.get("address").is_none());
    assert_eq!(written["identifier"].as_array().map(Vec::len), Some(2));
    assert_eq!(written["period"], json!({ "start": "2024", "end": "2025" }));
    assert_eq!(written["meta"], json!({ "security": [{ "code": "R" }], "source": "urn:salus:feed:x" }));
}

#[test]
fn a_new_resource_gets_the_defaults_and_no_nulls() {
    let written =
        planned(&[entry(Rule::IfAbsent, r#"{"gender":"male","address":null}"#)], None).expect("new");
    assert_eq!(
        (&written["active"], &written["id"], written.get("address")),
        (&json!(true), &json!("p"), None)
    );
}

#[test]
fn two_entries_of_one_resource_become_one_write() {
    let entries = [entry(Rule::Merge, r#"{"gender":"male"}"#), entry(Rule::Merge, r#"{"birthDate":"2000"}"#)];
    let written = planned(&entries, None).expect("new");
    assert_eq!((&written["gender"], &written["birthDate"]), (&json!("male"), &json!("2000")));
}

#[test]
fn the_digits_of_a_decimal_are_written_as_they_came() {
    let bundle = plan(&[entry(Rule::Replace, r#"{"value":1.50}"#)], &Known::new(), "x").expect("a change");
    assert!(bundle.contains(r#""value":1.50"#), "{bundle}");
}

//! What a person is known by, written so that two organisations that write it differently write the same.
//!
//! | attribute | rule |
//! |---|---|
//! | text | NFKD without marks; `ß` `æ` `œ` `ø` `ł` `đ` `ð` `þ` `ı` as in Latin letters; lower case; letters and digits alone |
//! | family name | the text; without it no name counts |
//! | given name | the first word of the first given name |
//! | date of birth | `YYYY-MM-DD`, a day of the calendar; one that is not known to the day does not count |
//! | sex | `male` or `female`; others do not count |
//! | identifier | its system as it stands, its value as text, four letters or more; none that is old |
//! | postal code | the text, three letters or more; none of an old or temporary address |
//! | telephone | its last eight digits, if it has as many |

use salus_crypto::hash::{Digest, hash};
use serde_json::Value;
use time::Date;
use time::format_description::well_known::Iso8601;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Identifiers of one person that count.
const IDENTIFIERS_MAX: usize = 3;
/// Names, postal codes and telephone numbers that count, of each.
const OTHERS_MAX: usize = 2;
/// Shortest value of an identifier that counts: shorter ones are placeholders.
const IDENTIFIER_CHARS_MIN: usize = 4;
/// Shortest postal code that counts.
const POSTAL_CODE_CHARS_MIN: usize = 3;
/// Digits of a telephone number that count: people write the beginning in many ways.
const PHONE_DIGITS: usize = 8;

/// Several attributes of a person that must agree.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Which attributes: two of one group that differ contradict each other.
    pub(super) group: Digest,
    /// Whether they are an identifier and a date of birth.
    pub(super) identifies: bool,
    /// Goes into the helper's function.
    pub(super) digest: Digest,
}

fn input(group: &[&str], attributes: &[&str]) -> Input {
    let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let of = |label, texts: Vec<Vec<u8>>| hash(label, &texts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let both = [bytes(group), bytes(attributes)].concat();
    let identifies = group.len() > 1;
    Input {
        identifies,
        group: of("salus/location-group/v1", bytes(group)),
        digest: of("salus/location-input/v1", both),
    }
}

/// What a FHIR Patient is known by; the most telling first, at most `max`. Nothing of one that is not in use.
pub(super) fn inputs(patient: &Value, max: usize) -> Vec<Input> {
    if patient["resourceType"] != "Patient" || patient["active"] == false {
        return Vec::new();
    }
    let Some(birth_date) = birth_date(patient) else { return Vec::new() };
    let mut found: Vec<_> = identifiers(patient)
        .iter()
        .map(|(system, value)| input(&["identifier", system], &[value, birth_date]))
        .collect();
    let Some(sex) = patient["gender"].as_str().filter(|sex| matches!(*sex, "male" | "female")) else {
        found.truncate(max);
        return found;
    };
    for (family, given) in names(patient) {
        let with = |place: &str, value: &String| input(&[place], &[&family, &given, birth_date, sex, value]);
        found.extend(postal_codes(patient).iter().map(|code| with("postal-code", code)));
        found.extend(phones(patient).iter().map(|phone| with("phone", phone)));
    }
    found.truncate(max);
    found
}

/// Letters and digits alone, as everybody writes them.
pub(super) fn normal(text: &str) -> String {
    let plain = text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase);
    let mut normal = String::new();
    for letter in plain.filter(|letter| letter.is_alphanumeric()) {
        match letter {
            'ß' => normal.push_str("ss"),
            'æ' => normal.push_str("ae"),
            'œ' => normal.push_str("oe"),
            'þ' => normal.push_str("th"),
            'ø' => normal.push('o'),
            'ł' => normal.push('l'),
            'đ' | 'ð' => normal.push('d'),
            'ı' => normal.push('i'),
            other => normal.push(other),
        }
    }
    normal
}

fn birth_date(patient: &Value) -> Option<&str> {
    let text = patient["birthDate"].as_str().filter(|text| text.len() == "YYYY-MM-DD".len())?;
    Date::parse(text, &Iso8601::DATE).ok().map(|_| text)
}

fn all<'a>(patient: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    patient[name].as_array().into_iter().flatten()
}

fn is_of(value: &Value, uses: &[&str]) -> bool {
    value["use"].as_str().is_some_and(|usage| uses.contains(&usage))
}

fn identifiers(patient: &Value) -> Vec<(String, String)> {
    let held = all(patient, "identifier").filter(|one| !is_of(one, &["old", "temp", "secondary"]));
    let told = held.filter_map(|one| Some((one["system"].as_str()?.trim(), normal(one["value"].as_str()?))));
    let mut found: Vec<_> = told
        .filter(|(system, value)| !system.is_empty() && value.chars().count() >= IDENTIFIER_CHARS_MIN)
        .map(|(system, value)| (system.to_owned(), value))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(IDENTIFIERS_MAX);
    found
}

/// Family and given names, the official one first.
fn names(patient: &Value) -> Vec<(String, String)> {
    let mut named: Vec<_> =
        all(patient, "name").filter(|one| !is_of(one, &["anonymous", "nickname", "temp"])).collect();
    named.sort_by_key(|name| name["use"] != "official");
    let parts = named.into_iter().map(|name| {
        let given = name["given"][0].as_str().unwrap_or_default();
        let first = given.split([' ', '-']).find(|word| !word.is_empty()).unwrap_or_default();
        (normal(name["family"].as_str().unwrap_or_default()), normal(first))
    });
    some(parts.filter(|(family, given)| !family.is_empty() && !given.is_empty()))
}

fn postal_codes(patient: &Value) -> Vec<String> {
    let held = all(patient, "address").filter(|one| !is_of(one, &["old", "temp"]));
    let codes = held.filter_map(|one| one["postalCode"].as_str()).map(normal);
    some(codes.filter(|code| code.chars().count() >= POSTAL_CODE_CHARS_MIN))
}

fn phones(patient: &Value) -> Vec<String> {
    let held = all(patient, "telecom").filter(|one| !is_of(one, &["old", "temp", "work"]));
    let called = held.filter(|one| matches!(one["system"].as_str(), Some("phone" | "sms")));
    let digits = called.filter_map(|one| one["value"].as_str()).map(|text| {
        let digits: Vec<_> = text.chars().filter(char::is_ascii_digit).collect();
        let skipped = digits.len().saturating_sub(PHONE_DIGITS);
        digits[skipped..].iter().collect::<String>()
    });
    some(digits.filter(|phone| phone.len() == PHONE_DIGITS))
}

/// The first few that differ.
fn some<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if found.len() < OTHERS_MAX && !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_write_a_name_in_many_ways() {
        for (left, right) in [
            ("O'Brien", "o brien"),
            ("O’Brien", "OBRIEN"),
            ("García-López", "Garcia Lopez"),
            ("Müller", "Muller"),
            ("Mu\u{308}ller", "M\u{fc}ller"),
            ("Strauß", "STRAUSS"),
            ("Ångström", "angstrom"),
            ("Sørensen", "Sorensen"),
            ("Łukasz", "Lukasz"),
            ("İpek", "Ipek"),
            ("ﬁona", "Fiona"),
            ("Smith, Jr.", "smith jr"),
            ("Ｋａｉ", "Kai"),
        ] {
            assert_eq!(normal(left), normal(right), "{left} {right}");
        }
        for (left, right) in [("Meier", "Meyer"), ("李", "王"), ("Ann", "Anna"), ("Иванов", "Ivanov")]
        {
            assert_ne!(normal(left), normal(right), "{left} {right}");
        }
    }

    fn person() -> Value {
        json!({
            "resourceType": "Patient", "birthDate": "1970-01-02", "gender": "female",
            "identifier": [{ "system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-12-3456" }],
            "name": [{ "use": "official", "family": "Lind", "given": ["Kai Anna"] }],
            "address": [{ "postalCode": "SW1A 1AA" }],
            "telecom": [{ "system": "phone", "value": "+44 (0)20 7946 0958" }],
        })
    }

    fn changed(at: &str, value: Value) -> Value {
        let mut patient = person();
        *patient.pointer_mut(at).expect("there") = value;
        patient
    }

    /// How many inputs of two people agree.
    fn agreeing(left: &Value, right: &Value) -> usize {
        let right = inputs(right, 8);
        inputs(left, 8).iter().filter(|one| right.contains(one)).count()
    }

    #[test]
    fn every_input_binds_several_attributes() {
        let (person, old) =
            (person(), changed("/identifier/0", json!({ "use": "old", "system": "x", "value": "99999" })));
        assert_eq!(inputs(&person, 8).len(), 3);
        for (what, other, expected) in [
            ("the same", person.clone(), 3),
            ("written differently", changed("/identifier/0/value", json!("999123456")), 3),
            ("another first word", changed("/name/0/given/0", json!("Kai-Uwe")), 3),
            ("telephone as at home", changed("/telecom/0/value", json!("020 7946 0958")), 3),
            ("moved", changed("/address/0/postalCode", json!("M1 1AE")), 2),
            ("another number", changed("/telecom/0/value", json!("020 0000 0000")), 2),
            ("another family name", changed("/name/0/family", json!("Lund")), 1),
            ("another sex", changed("/gender", json!("male")), 1),
            ("a sex that is not known", changed("/gender", json!("unknown")), 1),
            ("another identifier", changed("/identifier/0/value", json!("999-12-0000")), 2),
            ("another system", changed("/identifier/0/system", json!("urn:other")), 2),
            ("a placeholder", changed("/identifier/0/value", json!("000")), 2),
            ("an old identifier", old, 2),
            ("born another day", changed("/birthDate", json!("1970-01-03")), 0),
            ("born in a month", changed("/birthDate", json!("1970-01")), 0),
            ("born on no day", changed("/birthDate", json!("1970-02-30")), 0),
            ("no patient", changed("/resourceType", json!("Person")), 0),
        ] {
            assert_eq!(agreeing(&person, &other), expected, "{what}");
        }
    }

    #[test]
    fn what_is_no_patient_gives_nothing() {
        for bad in [json!(null), json!([]), json!({ "resourceType": "Patient", "birthDate": 5, "name": "x" })]
        {
            assert!(inputs(&bad, 8).is_empty());
        }
        let mut inactive = person();
        inactive["active"] = json!(false);
        assert!(inputs(&inactive, 8).is_empty());
    }

    #[test]
    fn as_many_inputs_as_fit_and_the_identifiers_first() {
        let mut patient = person();
        patient["identifier"] =
            (0..9).map(|n| json!({ "system": format!("urn:{n}"), "value": "12345" })).collect();
        patient["address"] = (0..9).map(|n| json!({ "postalCode": format!("1000{n}") })).collect();
        patient["name"] = (0..9).map(|n| json!({ "family": format!("Lind{n}"), "given": ["Kai"] })).collect();
        let found = inputs(&patient, 8);
        assert_eq!(found.len(), 8);
        assert!(found[..3].iter().all(|one| one.group != found[3].group));
    }
}

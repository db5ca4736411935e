use super::*;
use serde_json::json;
use std::collections::{HashMap, HashSet};

const SEED: u64 = 42;
const PATIENTS: u32 = 42;

fn options() -> Options {
    Options { today: Date::ymd(2026, 6, 1), story: None }
}

fn patients() -> Vec<PatientHistory> {
    (0..PATIENTS).map(|index| history(SEED, index, &options())).collect()
}

fn resources(site: &SiteBundle) -> impl Iterator<Item = (&str, &Value)> {
    let entries = site.bundle["entry"].as_array().expect("a bundle has entries");
    entries.iter().map(|entry| (entry["fullUrl"].as_str().expect("a full URL"), &entry["resource"]))
}

fn everything(patients: &[PatientHistory]) -> impl Iterator<Item = (&str, &Value)> {
    patients.iter().flat_map(|patient| &patient.at).flat_map(resources)
}

fn kind(resource: &Value) -> &str {
    resource["resourceType"].as_str().expect("a resource type")
}

/// Calls `seen` with the name and value of every string below.
fn strings<'a>(name: &'a str, value: &'a Value, seen: &mut dyn FnMut(&'a str, &'a str)) {
    match value {
        Value::String(text) => seen(name, text),
        Value::Array(items) => items.iter().for_each(|item| strings(name, item, seen)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| strings(name, field, seen)),
        _ => {}
    }
}

fn note_text(document: &Value) -> String {
    let data = document["content"][0]["attachment"]["data"].as_str().expect("a note has data");
    let sextet = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for group in data.trim_end_matches('=').as_bytes().chunks(4) {
        let bits =
            (0..4).fold(0_u32, |bits, at| bits << 6 | group.get(at).map_or(0, |it| u32::from(sextet(*it))));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    String::from_utf8(bytes).expect("a note is UTF-8")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for index in [0, 5, 13, 700] {
        let [one, two] = [0, 1].map(|_| history(SEED, index, &options()));
        assert_eq!(one.at[0].bundle.to_string(), two.at[0].bundle.to_string());
        assert_eq!(one, two);
        assert_ne!(one.at[0].bundle, history(SEED + 1, index, &options()).at[0].bundle);
    }
    assert_eq!(practitioners(SEED, Site::HospitalA), practitioners(SEED, Site::HospitalA));
}

#[test]
fn each_round_tells_every_story_once_and_an_option_chooses_one() {
    let told: HashSet<&str> = (0..STORIES.len() as u32).map(|at| history(3, at, &options()).story).collect();
    assert_eq!(told.len(), story_titles().count());
    assert!(story_titles().all(|(slug, title)| told.contains(slug) && !title.is_empty()));
    let only = Options { story: Some("copd"), ..options() };
    assert!((0..5).all(|index| history(3, index, &only).story == "copd"));
}

#[test]
fn a_history_is_long_at_hospital_a_and_short_at_hospital_b() {
    for seed in 0..3 {
        for index in 0..PATIENTS {
            let patient = history(seed, index, &options());
            let [a, b] = &patient.at[..] else { panic!("two sites") };
            assert_eq!((a.site, b.site), (Site::HospitalA, Site::HospitalB));
            assert!((60..=300).contains(&a.resource_count), "{} {}", patient.story, a.resource_count);
            assert!((1..=20).contains(&b.resource_count), "{} {}", patient.story, b.resource_count);
            assert_eq!(a.resource_count, resources(a).count());
        }
    }
}

#[test]
fn every_reference_resolves_in_the_bundle_or_to_a_fixed_id() {
    for patient in patients() {
        for site in &patient.at {
            let (shared, _) = practitioners(SEED, site.site);
            let entries = shared["entry"].as_array().expect("entries");
            let fixed: HashSet<&str> =
                entries.iter().map(|entry| entry["request"]["url"].as_str().expect("a URL")).collect();
            let own: HashSet<&str> = resources(site).map(|(url, _)| url).collect();
            assert_eq!(own.len(), site.resource_count, "no address twice");
            strings("", &site.bundle, &mut |name, text| {
                let known = own.contains(text) || fixed.contains(text);
                assert!(name != "reference" || known, "{}: {text} is nowhere", patient.story);
            });
            for entry in entries {
                strings("", entry, &mut |name, text| assert!(name != "reference" || fixed.contains(text)));
            }
        }
    }
}

#[test]
fn required_fields_are_there() {
    let required: HashMap<&str, &[&str]> = HashMap::from([
        ("Patient", &["identifier", "name", "gender", "birthDate"][..]),
        ("Encounter", &["status", "class", "type", "subject", "period", "participant", "serviceProvider"]),
        (
            "Condition",
            &["clinicalStatus", "verificationStatus", "code", "subject", "encounter", "onsetDateTime"],
        ),
        ("Observation", &["status", "category", "code", "subject", "encounter", "effectiveDateTime"]),
        ("DiagnosticReport", &["status", "category", "code", "subject", "effectiveDateTime", "conclusion"]),
        (
            "MedicationRequest",
            &["status", "intent", "medicationCodeableConcept", "subject", "authoredOn", "dosageInstruction"],
        ),
        ("AllergyIntolerance", &["clinicalStatus", "verificationStatus", "code", "patient", "reaction"]),
        ("Immunization", &["status", "vaccineCode", "patient", "occurrenceDateTime"]),
        ("Procedure", &["status", "code", "subject", "performedPeriod"]),
        ("Device", &["type", "patient"]),
        ("CarePlan", &["status", "intent", "subject", "period"]),
        ("CareTeam", &["status", "subject", "participant"]),
        ("DocumentReference", &["status", "type", "subject", "content"]),
    ]);
    let mut met = HashSet::new();
    for (url, resource) in everything(&patients()) {
        let fields = required.get(kind(resource)).expect("a known type");
        for field in *fields {
            assert!(!resource[field].is_null(), "{} {url} lacks {field}", kind(resource));
        }
        met.insert(kind(resource).to_owned());
    }
    assert_eq!(met.len(), required.len(), "every type occurs");
}

#[test]
fn dates_are_in_order_and_nothing_is_later_than_today() {
    let today = options().today.iso();
    for patient in patients() {
        for site in &patient.at {
            let start: HashMap<&str, &str> = resources(site)
                .filter(|(_, resource)| kind(resource) == "Encounter")
                .map(|(url, resource)| (url, resource["period"]["start"].as_str().expect("a start")))
                .collect();
            for (_, resource) in resources(site) {
                let mut told = resource.clone();
                told["dispenseRequest"].take();
                strings("", &told, &mut |_, text| {
                    let is_date =
                        text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
                    if is_date && text.starts_with(['1', '2']) {
                        assert!(text[..10] >= patient.birth_date[..], "{} before birth", kind(resource));
                        assert!(text[..10] <= today[..], "{} in the future: {text}", kind(resource));
                    }
                });
                let encounter = resource["encounter"]["reference"].as_str().map(|url| start[url]);
                if let (Some(begin), Some(onset)) = (encounter, resource["onsetDateTime"].as_str()) {
                    assert!(onset <= &begin[..10], "onset {onset} after the visit {begin}");
                }
                for field in ["effectiveDateTime", "authoredOn", "occurrenceDateTime", "recordedDate"] {
                    if let (Some(begin), Some(time)) = (encounter, resource[field].as_str()) {
                        assert!(begin <= time, "{} {time} before the visit {begin}", kind(resource));
                    }
                }
                if let (Some(onset), Some(end)) =
                    (resource["onsetDateTime"].as_str(), resource["abatementDateTime"].as_str())
                {
                    assert!(onset <= end, "{onset} {end}");
                }
            }
        }
    }
}

#[test]
fn no_two_patients_share_an_identifier_or_address() {
    let mut known = HashSet::new();
    for index in 0..150 {
        let patient = history(SEED, index, &options());
        for site in &patient.at {
            let (_, resource) = resources(site).next().expect("a Patient first");
            let identifier = &resource["identifier"][0];
            assert_eq!(identifier["value"], json!(site.record_number));
            assert!(known.insert(format!("{} {}", identifier["system"], identifier["value"])));
            for (url, _) in resources(site) {
                assert!(known.insert(url.to_owned()), "{url} twice");
            }
        }
    }
}

#[test]
fn the_first_patients_have_different_names() {
    let names: HashSet<String> = (0..45).map(|index| history(SEED, index, &options()).name).collect();
    assert_eq!(names.len(), 45);
}

#[test]
fn no_resource_without_a_label_names_a_protected_fact() {
    let protected = [
        "370143000",
        "21897009",
        "75544000",
        "86406008",
        "72892002",
        "44261-6",
        "70274-6",
        "20447-9",
        "24467-3",
        "3879-4",
        "11885-1",
        "1999667",
        "1010604",
        "1725059",
        "312941",
        "312938",
        "practitioner-a-psychiatry",
        "practitioner-a-addiction-medicine",
        "practitioner-a-infectious-disease",
        "practitioner-a-obstetrics",
    ];
    let words =
        ["PHQ-9", "sertraline", "opioid", "buprenorphine", "HIV", "viral load", "pregnancy", "depress"];
    let mut labelled = 0;
    for (_, resource) in everything(&patients()) {
        if !resource["meta"]["security"].is_null() {
            labelled += 1;
            continue;
        }
        let mut text = resource.to_string();
        if kind(resource) == "DocumentReference" {
            text += &note_text(resource);
        }
        let told: Vec<_> = protected.iter().chain(&words).filter(|word| text.contains(**word)).collect();
        assert!(told.is_empty(), "{} tells {told:?}", kind(resource));
    }
    assert!(labelled > 500, "{labelled}");
}

#[test]
fn each_protected_story_carries_its_labels() {
    let expected = [
        ("depression", &["PSY", "MH"][..]),
        ("opioid-recovery", &["ETH", "SUD", "42CFRPart2"]),
        ("hiv", &["HIV"]),
        ("pregnancy", &["SEX"]),
    ];
    for (story, codes) in expected {
        let patient = history(SEED, 1, &Options { story: Some(story), ..options() });
        let mut found = HashSet::new();
        for (_, resource) in resources(&patient.at[0]) {
            strings("", &resource["meta"], &mut |name, text| {
                if name == "code" {
                    found.insert(text.to_owned());
                }
            });
        }
        assert!(codes.iter().chain(&["R"]).all(|code| found.contains(*code)), "{story} {found:?}");
    }
}

/// Values of an analyte over time.
fn series(story: &'static str, index: u32, code: &str) -> Vec<f64> {
    let patient = history(SEED, index, &Options { story: Some(story), ..options() });
    let of_code = |resource: &Value| resource["code"]["coding"][0]["code"] == code;
    let all = resources(&patient.at[0])
        .filter(|(_, resource)| kind(resource) == "Observation" && of_code(resource));
    all.map(|(_, resource)| resource["valueQuantity"]["value"].as_f64().expect("a number")).collect()
}

#[test]
fn treatment_shows_in_the_charts() {
    for index in 0..10 {
        let check = |story, code, better: &dyn Fn(f64, f64) -> bool| {
            let values = series(story, index, code);
            let worst = values.iter().copied().reduce(|one, two| if better(one, two) { two } else { one });
            let (worst, last) = (worst.expect("values"), *values.last().expect("values"));
            assert!(better(last, worst), "{story} {code}: {values:?}");
        };
        check("diabetes", "4548-4", &|one, two| one < two - 1.0);
        check("hypothyroidism", "3016-3", &|one, two| one < two - 5.0);
        check("depression", "44261-6", &|one, two| one < two - 7.0);
        check("hiv", "20447-9", &|one, two| one < two / 100.0);
        let kidney = series("kidney-disease", index, "98979-8");
        assert!(kidney.last().expect("values") < &(kidney[0] - 12.0), "{kidney:?}");
        let child = series("asthma-child", index, "8302-2");
        assert!(child.windows(2).all(|pair| pair[0] < pair[1] + 1.0), "{child:?}");
    }
}

#[test]
fn derived_values_agree_with_what_they_derive_from() {
    for patient in patients() {
        let mut visits: HashMap<&str, HashMap<&str, f64>> = HashMap::new();
        for (_, resource) in resources(&patient.at[0]) {
            let value = resource["valueQuantity"]["value"].as_f64();
            let (code, visit) = (&resource["code"]["coding"][0]["code"], &resource["encounter"]["reference"]);
            if let (Some(value), Some(code), Some(visit)) = (value, code.as_str(), visit.as_str()) {
                visits.entry(visit).or_default().insert(code, value);
            }
        }
        for seen in visits.values() {
            if let [Some(weight), Some(height), Some(bmi)] =
                ["29463-7", "8302-2", "39156-5"].map(|it| seen.get(it))
            {
                assert!((weight / (height / 100.0).powi(2) - bmi).abs() < 0.06);
            }
            if let [Some(all), Some(hdl), Some(fat), Some(ldl)] =
                ["2093-3", "2085-9", "2571-8", "13457-7"].map(|it| seen.get(it))
            {
                assert!((all - hdl - fat / 5.0 - ldl).abs() <= 0.51);
            }
        }
    }
}

#[test]
fn whoever_is_allergic_to_penicillin_never_gets_it_and_hospital_b_does_not_know() {
    let patient = history(SEED, 4, &Options { story: Some("penicillin-allergy"), ..options() });
    let knows =
        |site: &SiteBundle| resources(site).any(|(_, resource)| kind(resource) == "AllergyIntolerance");
    assert!(knows(&patient.at[0]) && !knows(&patient.at[1]));
    for (_, resource) in everything(&[patient]) {
        let drug = resource["medicationCodeableConcept"]["text"].as_str().unwrap_or_default().to_lowercase();
        assert!(!drug.contains("cillin"), "{drug}");
    }
}

#[test]
fn notes_read_like_notes() {
    let patient = history(SEED, 2, &Options { story: Some("diabetes"), ..options() });
    let notes: Vec<String> = resources(&patient.at[0])
        .filter(|(_, resource)| kind(resource) == "DocumentReference")
        .map(|(_, resource)| note_text(resource))
        .collect();
    assert!(notes.iter().all(|note| note.contains("Plan: ") && note.len() > 120));
    assert!(notes.iter().any(|note| note.contains("Started metformin 500 mg.")));
    assert!(notes.iter().any(|note| note.contains("HbA1c") && note.contains("was ")));
}

#[test]
fn clinicians_have_names_numbers_and_specialties_of_their_own() {
    for site in [Site::HospitalA, Site::HospitalB] {
        let (bundle, clinicians) = practitioners(SEED, site);
        let names: HashSet<&str> = clinicians.iter().map(|info| info.name.as_str()).collect();
        let numbers: HashSet<&str> = clinicians.iter().map(|info| info.identifier.as_str()).collect();
        assert_eq!((names.len(), numbers.len()), (clinicians.len(), clinicians.len()));
        assert!(clinicians.iter().all(|info| !info.specialty.is_empty()));
        let organization = &bundle["entry"][0]["resource"];
        assert_eq!(organization["id"], json!(format!("organization-hospital-{}", site.letter())));
    }
}

#[test]
fn civil_dates_survive_the_round_trip() {
    for (year, month, day) in [(1970, 1, 1), (2000, 2, 29), (2024, 12, 31), (1899, 3, 1), (2026, 6, 1)] {
        assert_eq!(Date::ymd(year, month, day).parts(), (year, month, day));
    }
    assert_eq!(Date::ymd(2026, 6, 1).at(24 * 60 + 75), "2026-06-02T01:15:00-05:00");
    assert!(Date::ymd(2025, 1, 15).winter() > 0.99 && Date::ymd(2025, 7, 16).winter() < -0.99);
}

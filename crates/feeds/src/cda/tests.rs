//! Documents and what becomes of them; HL7's own examples, where they are at hand: `SALUS_TEST_DATA` names their folder.

use super::*;
use crate::hl7::tests::context;
use crate::{from_text, mapped_twice_is_the_same, to_text};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const HEAD: &str = r#"<recordTarget><patientRole><id root="2.16.840.1.113883.19.5" extension="4711"/>
<addr use="HP"><streetAddressLine>1 Main St</streetAddressLine><city>Springfield</city></addr><telecom value="tel:+1(217)555-1234" use="MC"/>
<patient><name use="L"><given>Jane</given><family>Doe</family></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
<birthTime value="19700102"/></patient></patientRole></recordTarget>"#;

/// A document with a header of its own around something.
fn document(header: &str, body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:voc="urn:hl7-org:v3/voc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc"><id root="2.16.840.1.113883.19.5.99999.1" extension="doc-1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title><effectiveTime value="20240201100000+0100"/>{HEAD}{header}{body}</ClinicalDocument>"#
    )
}

fn with_sections(sections: &str) -> String {
    document("", &format!("<component><structuredBody>{sections}</structuredBody></component>"))
}

fn section(code: &str, entry: &str) -> String {
    format!(
        r#"<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><text><paragraph ID="n1">from the narrative</paragraph></text><entry>{entry}</entry></section></component>"#
    )
}

fn mapped(text: &str) -> Result<Mapped, Refusal> {
    mapped_twice_is_the_same(|| map(text.as_bytes(), &context()))
}

fn one(mapped: &Mapped, kind: &str) -> Value {
    let found = mapped.entries.iter().find(|entry| entry.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
    Value::Object(found.resource.clone())
}

fn template(last: &str) -> String {
    format!(
        r#"<templateId root="2.16.840.1.113883.10.20.22.4.{last}"/><id root="1.2.3" extension="{last}"/>"#
    )
}

#[test]
fn a_document_gives_a_patient_its_bytes_and_what_it_is() {
    let text = with_sections("");
    let mapped = mapped(&text).expect("mapped");
    let patient = one(&mapped, "Patient");
    assert_eq!((&patient["gender"], &patient["birthDate"]), (&"female".into(), &"1970-01-02".into()));
    assert_eq!(patient["identifier"][0]["system"], "urn:oid:2.16.840.1.113883.19.5");
    assert_eq!(patient["telecom"][0]["use"], "mobile");
    let reference = one(&mapped, "DocumentReference");
    assert_eq!(reference["date"], "2024-02-01T10:00:00+01:00");
    assert_eq!(reference["content"][0]["attachment"]["size"], text.len());
    assert_eq!(one(&mapped, "Binary")["contentType"], "application/xml");
}

#[test]
fn the_patient_is_the_one_that_messages_call_by_the_same_number() {
    let message = b"MSH|^~\\&|||||||ADT^A08|1|P|2.5\rPID|||4711^^^&2.16.840.1.113883.19.5&ISO^MR".to_vec();
    let message = crate::hl7::read(&message, "utf-8").expect("read");
    let by_message = crate::hl7::map(&message, &context()).expect("mapped");
    assert_eq!(mapped(&with_sections("")).expect("mapped").people, by_message.people);
}

fn problem(negated: &str) -> String {
    format!(
        r#"<act classCode="ACT" moodCode="EVN">{}<statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN" {negated}>{}<code code="55607006" codeSystem="2.16.840.1.113883.6.96"/><effectiveTime><low value="2012"/></effectiveTime><value xsi:type="CD" code="233604007" codeSystem="2.16.840.1.113883.6.96" displayName="Pneumonia"/></observation></entryRelationship></act>"#,
        template("3"),
        template("4")
    )
}

fn observation(last: &str, value: &str) -> String {
    format!(
        r#"<observation classCode="OBS" moodCode="EVN">{}<code code="2345-7" codeSystem="2.16.840.1.113883.6.1" displayName="Glucose"/><effectiveTime value="20240201"/>{value}</observation>"#,
        template(last)
    )
}

fn organizer(last: &str, inner: &str) -> String {
    format!(
        r#"<organizer classCode="BATTERY" moodCode="EVN">{}<code code="24323-8" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><component>{inner}</component></organizer>"#,
        template(last)
    )
}

fn medicine(mood: &str, last: &str) -> String {
    format!(
        r##"<substanceAdministration classCode="SBADM" moodCode="{mood}">{}<text><reference value="#n1"/></text><statusCode code="active"/><effectiveTime xsi:type="IVL_TS"><low value="20240101"/></effectiveTime><effectiveTime xsi:type="PIVL_TS" operator="A"><period value="12" unit="h"/></effectiveTime><doseQuantity value="1.0" unit="mg"/><consumable><manufacturedProduct><manufacturedMaterial><code code="197361" codeSystem="2.16.840.1.113883.6.88" displayName="Amlodipine"/><lotNumberText>L1</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"##,
        template(last)
    )
}

#[test]
fn entries_become_what_their_templates_are() {
    for (code, entry, kind, field, expected) in [
        (
            "11450-4",
            problem(""),
            "Condition",
            "clinicalStatus",
            r#"{"coding":[{"code":"active","system":"http://terminology.hl7.org/CodeSystem/condition-clinical"}]}"#,
        ),
        (
            "11450-4",
            problem(r#"negationInd="true""#),
            "Condition",
            "verificationStatus",
            r#"{"coding":[{"code":"refuted","system":"http://terminology.hl7.org/CodeSystem/condition-ver-status"}]}"#,
        ),
        (
            "30954-2",
            organizer("1", &observation("2", r#"<value xsi:type="PQ" value="95.50" unit="mg/dL"/>"#)),
            "Observation",
            "valueQuantity",
            r#"{"code":"mg/dL","system":"http://unitsofmeasure.org","unit":"mg/dL","value":95.50}"#,
        ),
        (
            "30954-2",
            organizer(
                "1",
                &observation(
                    "2",
                    r#"<value xsi:type="IVL_PQ"><high value="5" unit="mg/dL" inclusive="false"/></value>"#,
                ),
            ),
            "Observation",
            "valueQuantity",
            r#"{"code":"mg/dL","comparator":"<","system":"http://unitsofmeasure.org","unit":"mg/dL","value":5}"#,
        ),
        ("30954-2", organizer("1", &observation("2", "")), "DiagnosticReport", "status", r#""final""#),
        (
            "8716-3",
            organizer("26", &observation("27", r#"<value xsi:type="PQ" value="1" unit="kg"/>"#)),
            "Observation",
            "category",
            r#"[{"coding":[{"code":"vital-signs","system":"http://terminology.hl7.org/CodeSystem/observation-category"}]}]"#,
        ),
        (
            "10160-0",
            medicine("EVN", "16"),
            "MedicationStatement",
            "dosage",
            r#"[{"doseAndRate":[{"doseQuantity":{"code":"mg","system":"http://unitsofmeasure.org","unit":"mg","value":1.0}}],"text":"from the narrative","timing":{"repeat":{"frequency":1,"period":12,"periodUnit":"h"}}}]"#,
        ),
        ("10160-0", medicine("INT", "16"), "MedicationRequest", "intent", r#""plan""#),
        ("11369-6", medicine("EVN", "52"), "Immunization", "lotNumber", r#""L1""#),
        (
            "47519-4",
            format!(
                r#"<procedure classCode="PROC" moodCode="EVN">{}<code code="80146002" codeSystem="2.16.840.1.113883.6.96"/><statusCode code="completed"/></procedure>"#,
                template("14")
            ),
            "Procedure",
            "status",
            r#""completed""#,
        ),
        (
            "46240-8",
            format!(
                r#"<encounter classCode="ENC" moodCode="EVN">{}<code code="99213" codeSystem="2.16.840.1.113883.6.12"><translation code="EMER" codeSystem="2.16.840.1.113883.5.4"/></code></encounter>"#,
                template("49")
            ),
            "Encounter",
            "class",
            r#"{"code":"EMER","system":"http://terminology.hl7.org/CodeSystem/v3-ActCode"}"#,
        ),
    ] {
        let mapped = mapped(&with_sections(&section(code, &entry))).expect("mapped");
        assert_eq!(from_text(&to_text(&one(&mapped, kind)[field])), from_text(expected), "{kind}");
    }
}

#[test]
fn what_is_denied_planned_or_about_a_relative_is_not_filed_as_a_fact() {
    let observation = |attributes: &str, inner: &str| {
        format!(
            r#"<observation classCode="OBS" {attributes}>{}{inner}<code code="2345-7" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="ST">yes</value></observation>"#,
            template("2")
        )
    };
    for entry in [
        observation(r#"moodCode="EVN" negationInd="true""#, ""),
        observation(r#"moodCode="GOL""#, ""),
        observation(r#"moodCode="EVN""#, "<subject/>"),
        format!(
            r#"<organizer classCode="CLUSTER" moodCode="EVN">{}<subject/><component>{}</component></organizer>"#,
            template("45"),
            observation(r#"moodCode="EVN""#, "")
        ),
        r#"<procedure classCode="PROC" moodCode="RQO"><code code="1" codeSystem="1.2"/></procedure>"#
            .to_owned(),
    ] {
        let mapped = mapped(&with_sections(&section("30954-2", &entry))).expect("mapped");
        let kinds: Vec<_> = mapped.entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["Patient", "Binary", "DocumentReference"], "{entry}");
    }
}

#[test]
fn no_known_allergies_is_said_as_such() {
    let entry = format!(
        r#"<act classCode="ACT" moodCode="EVN">{}<statusCode code="active"/><entryRelationship><observation classCode="OBS" moodCode="EVN" negationInd="true">{}<value xsi:type="CD" code="416098002" codeSystem="2.16.840.1.113883.6.96"/><participant typeCode="CSM"><participantRole><playingEntity><code nullFlavor="NA"/></playingEntity></participantRole></participant></observation></entryRelationship></act>"#,
        template("30"),
        template("7")
    );
    let mapped = mapped(&with_sections(&section("48765-2", &entry))).expect("mapped");
    assert_eq!(one(&mapped, "AllergyIntolerance")["code"]["coding"][0]["code"], "409137002");
}

#[test]
fn hostile_xml_is_refused_before_it_costs_anything() {
    let deep = format!("{}{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
    let wide = "<a/>".repeat(ELEMENTS_MAX + 1);
    let spaces: String = (0..=NAMESPACES_MAX).map(|at| format!(r#"<a xmlns:n{at}="u"/>"#)).collect();
    let attributes: String = (0..=ATTRIBUTES_PER_ELEMENT_MAX).map(|at| format!(r#" a{at}="""#)).collect();
    let bomb =
        r#"<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ClinicalDocument>&b;</ClinicalDocument>"#;
    let outside =
        r#"<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument>&x;</ClinicalDocument>"#;
    for (text, expected) in [
        (bomb.to_owned(), "a document type"),
        (outside.to_owned(), "a document type"),
        ("<!DOCTYPE html><ClinicalDocument/>".to_owned(), "a document type"),
        ("<ClinicalDocument>&x;</ClinicalDocument>".to_owned(), "no well-formed XML"),
        (format!("<ClinicalDocument>{deep}</ClinicalDocument>"), "too many elements"),
        (format!("<ClinicalDocument>{wide}</ClinicalDocument>"), "too many elements"),
        (format!("<ClinicalDocument>{spaces}</ClinicalDocument>"), "too many elements"),
        (format!("<ClinicalDocument{attributes}/>"), "too many attributes"),
        ("<ClinicalDocument>".to_owned(), "no well-formed XML"),
        ("".to_owned(), "no well-formed XML"),
        ("<html/>".to_owned(), "no ClinicalDocument"),
        ("<ClinicalDocument/>".to_owned(), "recordTarget"),
        (
            document("", "")
                .replace("extension=\"doc-1\"", "")
                .replace("2.16.840.1.113883.19.5.99999.1", "?"),
            "its number",
        ),
    ] {
        let refused = mapped(&text).expect_err("refused").to_string();
        assert!(refused.contains(expected), "{refused} for {}", &text[..text.len().min(80)]);
    }
    // A tag in a comment, in CDATA or in an attribute is none.
    let fine = with_sections(
        "<!-- <a> --><component><section><text><![CDATA[<b>]]></text><title a=\"x>y\"/></section></component>",
    );
    assert!(mapped(&fine).is_ok());
}

#[test]
fn a_document_is_read_in_the_character_set_that_it_names() {
    let text = with_sections("").replace("Jane", "Zo\u{eb}");
    let latin: Vec<u8> = text.replace("UTF-8", "ISO-8859-1").chars().map(|c| c as u8).collect();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for bytes in [text.clone().into_bytes(), latin.clone(), utf16] {
        let mapped = map(&bytes, &context()).expect("mapped");
        assert_eq!(one(&mapped, "Patient")["name"][0]["given"][0], "Zo\u{eb}");
    }
    let wrong: Vec<u8> = text.chars().map(|c| c as u8).collect();
    assert_eq!(map(&wrong, &context()).err(), Some(Refusal::Charset));
    assert_eq!(
        map(text.replace("UTF-8", "KLINGON").as_bytes(), &context()).err(),
        Some(Refusal::CharsetUnknown)
    );
}

fn examples() -> Option<PathBuf> {
    let data = std::env::var_os("SALUS_TEST_DATA").map(PathBuf::from)?;
    Some(data.join("ccda-examples")).filter(|folder| folder.is_dir())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xml")) {
            found.push(path);
        }
    }
}

/// Most examples are pieces: a section, an entry, a part of the header. Each gets the document around it that it lacks.
fn whole(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.contains("<ClinicalDocument") {
        return text.to_owned();
    }
    let piece = match text.split_once("?>") {
        Some((head, rest)) if head.starts_with("<?xml") => rest,
        _ => text,
    };
    let mut rest = piece.trim_start();
    while let Some(after) = rest.strip_prefix("<!--") {
        rest = after.split_once("-->").map_or("", |(_, rest)| rest).trim_start();
    }
    let first: String = rest.chars().skip(1).take_while(|c| c.is_alphanumeric() || *c == ':').collect();
    match first.as_str() {
        "recordTarget" => with_sections("").replace(HEAD, piece),
        "section" => with_sections(&format!("<component>{piece}</component>")),
        "component"
            if piece.contains("<section")
                && !piece.contains("structuredBody")
                && !piece.contains("nonXMLBody") =>
        {
            with_sections(piece)
        }
        "entry" => with_sections(&format!("<component><section>{piece}</section></component>")),
        "act"
        | "observation"
        | "organizer"
        | "substanceAdministration"
        | "procedure"
        | "encounter"
        | "supply" => {
            with_sections(&format!("<component><section><entry>{piece}</entry></section></component>"))
        }
        "entryRelationship" => with_sections(&format!(
            r#"<component><section><entry><act moodCode="EVN">{piece}</act></entry></section></component>"#
        )),
        "component" => document("", piece),
        _ => document(piece, "<component><structuredBody/></component>"),
    }
}

#[test]
fn hl7s_examples_give_a_patient_and_a_clinical_resource() {
    let Some(folder) = examples() else {
        eprintln!("skipped: SALUS_TEST_DATA names no folder with C-CDA examples");
        return;
    };
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let (mut good, mut coded, mut kinds, mut bad) =
        (0_usize, 0_usize, BTreeMap::<&str, usize>::new(), Vec::new());
    for path in &paths {
        let text = String::from_utf8_lossy(&std::fs::read(path).expect("an example")).into_owned();
        // As it is, too: a piece is refused, and nothing panics.
        let _ = map(text.as_bytes(), &context());
        match mapped(&whole(&text)) {
            Ok(mapped) => {
                mapped.entries.iter().for_each(|entry| *kinds.entry(entry.kind).or_default() += 1);
                let has = |kind: &str| mapped.entries.iter().any(|entry| entry.kind == kind);
                good += usize::from(has("Patient") && has("DocumentReference"));
                coded += usize::from(
                    mapped
                        .entries
                        .iter()
                        .any(|entry| !["Patient", "DocumentReference", "Binary"].contains(&entry.kind)),
                );
            }
            Err(refusal) => {
                bad.push(format!("{}: {refusal}", path.strip_prefix(&folder).unwrap_or(path).display()))
            }
        }
    }
    eprintln!(
        "{good} of {} with a patient and the document, {coded} with more; {kinds:?}; refused: {bad:#?}",
        paths.len()
    );
    assert!(good * 100 >= paths.len() * 95, "{good} of {}", paths.len());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = map(&bytes, &context());
    }

    #[test]
    fn no_damage_to_a_document_makes_the_mapping_panic(at in 0_usize..4_000, with in "[<>&\"'/=a-z! -]{0,6}") {
        let mut text = with_sections(&section("30954-2", &format!("<observation classCode=\"OBS\" moodCode=\"EVN\">{}<code code=\"1\" codeSystem=\"1.2\"/><value xsi:type=\"PQ\" value=\"1\"/></observation>", template("2"))));
        let at = at.min(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        let _ = mapped(&text);
    }
}

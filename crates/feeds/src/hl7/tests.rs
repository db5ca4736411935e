//! Messages and what becomes of them.

use super::*;
use crate::mapped_twice_is_the_same;
use crate::{Ids, from_text, to_text};
use proptest::prelude::*;
use salus_crypto::Secret32;
use serde_json::Value;

/// A context for all tests of the crate.
pub(crate) fn context() -> Context {
    Context {
        ids: Ids::new(Secret32::from_bytes(&[7; 32])),
        system: "https://hospital.example/ids".to_owned(),
        offset: "+01:00".to_owned(),
        charset: "utf-8".to_owned(),
    }
}

const PID: &str = "PID|1||4711^^^HOSP^MR~123-45-6789^^^SSA^SS||Doe^Jane^Q^^^^L||19700102|F|||1 Main St^^Springfield^IL^62701^US^H||^PRN^PH^^1^217^5551234|||M";
const PV1: &str = "PV1|1|I|W^101^1^HOSP||||17^Strange^Stephen^^^Dr|||MED|||||||||V77^^^HOSP^VN|||||||||||||||||||||||||202402011000";

fn message(kind: &str, segments: &[&str]) -> Vec<u8> {
    let head = format!("MSH|^~\\&|LAB|HOSP|SALUS|HOSP|20240201120000||{kind}|c-1|P|2.5.1");
    let mut lines = vec![head.as_str()];
    lines.extend(segments);
    lines.join("\r").into_bytes()
}

fn mapped(kind: &str, segments: &[&str]) -> Result<Mapped, Refusal> {
    let bytes = message(kind, segments);
    let context = context();
    mapped_twice_is_the_same(|| map(&read(&bytes, &context.charset)?, &context))
}

fn one(mapped: &Mapped, kind: &str) -> Value {
    let found = mapped.entries.iter().find(|entry| entry.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
    Value::Object(found.resource.clone())
}

fn all<'m>(mapped: &'m Mapped, kind: &str) -> Vec<&'m Entry> {
    mapped.entries.iter().filter(|entry| entry.kind == kind).collect()
}

#[test]
fn a_result_becomes_a_report_with_its_observations() {
    let mapped = mapped(
        "ORU^R01^ORU_R01",
        &[
            PID,
            PV1,
            "ORC|RE|P1^HIS|F1^LAB",
            "OBR|1|P1^HIS|F1^LAB|24323-8^CMP^LN|||202402011030|||||||||||||||202402011200||LAB|F",
            "OBX|1|NM|2345-7^Glucose^LN||95.50|mg/dL^mg/dL^UCUM|70-99|N|||F|||202402011031",
            "NTE|1||fasting",
            "OBX|2|SN|2160-0^Creatinine^LN||<^0.5|mg/dL|||||F",
            "OBX|3|TX|8251-1^Comment^LN||line one||||||F",
            "OBX|4|TX|8251-1^Comment^LN||line two||||||F",
            "OBX|5|CE|600-7^Culture^LN||112283007^Escherichia coli^SCT||||||C",
            "OBX|6|NM|8867-4^Heart rate^LN||<60|/min||||||F",
        ],
    )
    .expect("mapped");
    let report = one(&mapped, "DiagnosticReport");
    assert_eq!(report["status"], "final");
    assert_eq!(report["result"].as_array().map(Vec::len), Some(5));
    assert_eq!(report["issued"], "2024-02-01T12:00:00+01:00");
    let observations = all(&mapped, "Observation");
    let field = |at: usize, name: &str| from_text(&to_text(&observations[at].resource[name]));
    assert_eq!(
        field(0, "valueQuantity"),
        from_text(r#"{"code":"mg/dL","system":"http://unitsofmeasure.org","unit":"mg/dL","value":95.50}"#)
    );
    assert_eq!(field(0, "note"), from_text(r#"[{"text":"fasting"}]"#));
    assert_eq!(field(0, "effectiveDateTime"), from_text(r#""2024-02-01T10:31:00+01:00""#));
    assert_eq!(observations[1].resource["valueQuantity"]["comparator"], "<");
    assert_eq!(observations[2].resource["valueString"], "line one\nline two");
    assert_eq!(
        observations[3].resource["valueCodeableConcept"]["coding"][0]["system"],
        "http://snomed.info/sct"
    );
    assert_eq!(observations[3].resource["status"], "corrected");
    assert_eq!(observations[4].resource["valueQuantity"]["comparator"], "<");
    assert_eq!(observations[4].resource["category"][0]["coding"][0]["code"], "vital-signs");
    assert_eq!(all(&mapped, "Patient")[0].rule, Rule::IfAbsent);
    assert_eq!(mapped.people.len(), 1);
}

#[test]
fn an_admission_says_who_is_where_since_when_and_why() {
    let mapped = mapped(
        "ADT^A01^ADT_A01",
        &[
            PID,
            "NK1|1|Doe^John|SPO^Spouse^HL70063||^PRN^PH^^^217^5559999",
            PV1,
            "AL1|1|DA|70618^Penicillin^RXNORM|SV|Hives~Wheeze",
            "DG1|1||J18.9^Pneumonia^I10||202402011000|A",
            "PR1|1||80146002^Appendectomy^SCT||202402011500",
            "OBX|1|NM|29463-7^Weight^LN||70.0|kg^^UCUM|||||F",
        ],
    )
    .expect("mapped");
    let patient = one(&mapped, "Patient");
    assert_eq!(patient["identifier"][0]["system"], "https://hospital.example/ids/HOSP");
    assert_eq!(patient["name"][0]["family"], "Doe");
    assert_eq!(patient["name"][0]["given"], serde_json::json!(["Jane", "Q"]));
    assert_eq!((&patient["gender"], &patient["birthDate"]), (&"female".into(), &"1970-01-02".into()));
    assert_eq!(patient["telecom"][0]["value"], "+1 217 5551234");
    assert_eq!(patient["contact"][0]["name"]["given"][0], "John");
    let visit = one(&mapped, "Encounter");
    assert_eq!((&visit["status"], &visit["class"]["code"]), (&"in-progress".into(), &"IMP".into()));
    assert_eq!(visit["period"]["start"], "2024-02-01T10:00:00+01:00");
    assert_eq!(visit["participant"][0]["individual"]["display"], "Dr Stephen Strange");
    assert_eq!(one(&mapped, "AllergyIntolerance")["criticality"], "high");
    assert_eq!(one(&mapped, "AllergyIntolerance")["reaction"].as_array().map(Vec::len), Some(2));
    assert_eq!(one(&mapped, "Condition")["code"]["coding"][0]["system"], "http://hl7.org/fhir/sid/icd-10-cm");
    assert_eq!(one(&mapped, "Procedure")["status"], "completed");
    assert_eq!(one(&mapped, "Observation")["category"][0]["coding"][0]["code"], "vital-signs");
    assert_eq!(all(&mapped, "Patient")[0].rule, Rule::Merge);
}

#[test]
fn each_message_about_a_stay_is_about_the_same_encounter() {
    let visit = |kind: &str, pv1: &str| {
        let mapped = mapped(kind, &[PID, pv1]).expect("mapped");
        let found = all(&mapped, "Encounter")[0].clone();
        (found.id, found.resource.get("status").cloned(), found.defaults.get("status").cloned())
    };
    let gone = format!("{PV1}|202402051000");
    let (admitted, discharged, changed) =
        (visit("ADT^A01", PV1), visit("ADT^A03", &gone), visit("ADT^A08", PV1));
    assert_eq!(admitted.0, discharged.0);
    assert_eq!(admitted.0, changed.0);
    assert_eq!(discharged.1, Some("finished".into()));
    // A change after the discharge does not open the stay again.
    assert_eq!((changed.1, changed.2), (None, Some("in-progress".into())));
}

#[test]
fn two_registrations_that_are_one_say_so_and_the_old_one_ends() {
    let mapped = mapped("ADT^A40", &[PID, "MRG|0815^^^HOSP^MR"]).expect("mapped");
    assert_eq!(mapped.people.len(), 2);
    let gone = mapped.entries.iter().find(|entry| entry.id == mapped.people[1].id).expect("the old one");
    assert_eq!(gone.resource["active"], false);
    assert_eq!(gone.resource["link"][0]["type"], "replaced-by");
    let err = super::tests::mapped("ADT^A40", &[PID, "MRG|4711^^^HOSP^MR"]).expect_err("itself");
    assert!(matches!(err, Refusal::Malformed(_)));
}

#[test]
fn a_document_becomes_a_reference_and_its_bytes() {
    let mapped = mapped(
        "MDM^T02^MDM_T02",
        &[
            PID,
            "TXA|1|DS^Discharge summary|TX|202402051200|17^Strange^Stephen|202402051300||||||D1^HIS|||||AU||AV",
            "OBX|1|TX|18842-5^Discharge summary^LN||She went home.||||||F",
            "OBX|2|TX|18842-5^Discharge summary^LN||All is well.||||||F",
            "OBX|3|ED|18842-5^Letter^LN||HIS^application^pdf^Base64^JVBERi0=||||||F",
        ],
    )
    .expect("mapped");
    let document = one(&mapped, "DocumentReference");
    assert_eq!((&document["status"], &document["docStatus"]), (&"current".into(), &"final".into()));
    assert_eq!(document["content"].as_array().map(Vec::len), Some(2));
    let files = all(&mapped, "Binary");
    assert_eq!(files[0].resource["contentType"], "application/pdf");
    assert_eq!(files[1].resource["data"], "U2hlIHdlbnQgaG9tZS4KQWxsIGlzIHdlbGwu");
    assert!(super::tests::mapped("MDM^T02", &[PID, "TXA|1|DS|TX||||||||||D1"]).is_err());
}

#[test]
fn a_vaccination_given_or_refused_is_filed_as_such() {
    let segments = |rxa: &'static str| {
        [PID, "ORC|RE||I1^CLINIC", rxa, "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163"]
    };
    let given = mapped(
        "VXU^V04^VXU_V04",
        &segments(
            "RXA|0|1|20240201||207^COVID-19^CVX|0.5|mL^^UCUM||00||||||L1|20250101|MOD^Moderna^MVX|||CP|A",
        ),
    )
    .expect("given");
    let given = one(&given, "Immunization");
    assert_eq!((&given["status"], &given["lotNumber"]), (&"completed".into(), &"L1".into()));
    assert_eq!(given["vaccineCode"]["coding"][0]["system"], "http://hl7.org/fhir/sid/cvx");
    assert_eq!(given["manufacturer"]["display"], "Moderna");
    assert_eq!(given["primarySource"], true);
    let refused = mapped(
        "VXU^V04",
        &segments("RXA|0|1|20240201||207^COVID-19^CVX|999||||||||||||00^Parental decision^NIP002||RE|A"),
    )
    .expect("refused");
    assert_eq!(one(&refused, "Immunization")["status"], "not-done");
    let none = mapped("VXU^V04", &segments("RXA|0|1|20240201||998^no vaccine^CVX|999")).expect("none");
    assert!(all(&none, "Immunization").is_empty());
}

#[test]
fn what_cannot_be_filed_is_refused_with_a_reason() {
    let plain = |text: &str| text.as_bytes().to_vec();
    for (bytes, expected) in [
        (plain(""), Refusal::Malformed("it does not begin with MSH and its separators")),
        (plain("GET / HTTP/1.1\r\n"), Refusal::Malformed("it does not begin with MSH and its separators")),
        (plain("MSH|^^\\&|"), Refusal::Malformed("two of its separators are the same")),
        (plain("MSH|^~\\&|||||||ADT^A01||P"), Refusal::Missing("what it is, or its number (MSH-9, MSH-10)")),
        (message("ADT^A01", &["no segment"]), Refusal::Malformed("a segment does not begin with its name")),
        (message("SIU^S12", &[PID]), Refusal::Unsupported),
        (message("ADT^A01", &[PV1]), Refusal::Missing("whom it is about (PID)")),
        (message("ADT^A01", &["PID|1||^^^HOSP^MR"]), Refusal::Missing("the number of the patient (PID-3)")),
        (message("ADT^A01", &[PID]), Refusal::Missing("which visit it is about (PV1-19, or PV1-44)")),
        (message("ADT^A40", &[PID]), Refusal::Missing("which patient is merged (MRG)")),
        (b"MSH|^~\\&|||||||ADT^A01|1|P|2.5||||||8859/77\r".to_vec(), Refusal::CharsetUnknown),
        (
            b"MSH|^~\\&|||||||ADT^A01|1|P|2.5||||||UNICODE UTF-8\rPID|||4711||D\xf6e".to_vec(),
            Refusal::Charset,
        ),
        (b"MSH|^~\\&|||||||ADT^A01|1|P|2.5||||||ASCII\rPID|||4711||D\xf6e".to_vec(), Refusal::Charset),
    ] {
        let found = read(&bytes, "utf-8").and_then(|message| map(&message, &context()));
        assert_eq!(found.err(), Some(expected), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_text_is_read_in_the_character_set_that_its_message_names() {
    let bytes = b"MSH|^~\\&|||||||ADT^A08|1|P|2.5||||||8859/1\rPID|||4711||D\xf6e^Zo\xeb".to_vec();
    let mapped = map(&read(&bytes, "utf-8").expect("read"), &context()).expect("mapped");
    assert_eq!(one(&mapped, "Patient")["name"][0]["family"], "D\u{f6}e");
    let unnamed = b"MSH|^~\\&|||||||ADT^A08|1|P|2.5\rPID|||4711||D\xf6e".to_vec();
    assert!(read(&unnamed, "utf-8").is_err());
    assert!(read(&unnamed, "iso-8859-1").is_ok());
}

#[test]
fn escapes_and_nulls_mean_what_the_standard_says() {
    let text = |value: &str| {
        let obx = format!("OBX|1|ST|1^x^L||{value}||||||F");
        let mapped = mapped("ORU^R01", &[PID, "OBR|1||F1|1^x^L", &obx]).expect("mapped");
        one(&mapped, "Observation").get("valueString").cloned().unwrap_or_default()
    };
    for (written, meant) in [
        (r"a\T\b \S\ \R\ \F\ \E\", r"a&b ^ ~ | \"),
        (r"50\.br\60", "50\n60"),
        (r"\X41\\X42\", "AB"),
        (r"C:\dir", r"C:\dir"),
        (r"\unknown\ x", r"\unknown\ x"),
        (r"\H\bold\N\", "bold"),
    ] {
        assert_eq!(text(written), meant, "{written}");
    }
    let removed = mapped("ADT^A08", &["PID|||4711||Doe||||||\"\""]).expect("mapped");
    assert_eq!(all(&removed, "Patient")[0].resource["address"], Value::Null);
}

#[test]
fn ids_show_no_number_of_the_source_and_depend_on_the_key() {
    let bytes = message("ADT^A01", &[PID, PV1]);
    let message = read(&bytes, "utf-8").expect("read");
    let ours = map(&message, &context()).expect("mapped");
    let theirs = Context { ids: Ids::new(Secret32::from_bytes(&[8; 32])), ..context() };
    let theirs = map(&message, &theirs).expect("mapped");
    for (ours, theirs) in ours.entries.iter().zip(&theirs.entries) {
        assert!(ours.id.len() == 35 && !ours.id.contains("4711") && ours.id != theirs.id, "{}", ours.id);
    }
}

#[test]
fn the_answer_names_the_message_and_nothing_of_its_contents() {
    let bytes = message("ADT^A01^ADT_A01", &[PID, PV1]);
    let message = read(&bytes, "utf-8").expect("read");
    let text = |verdict| String::from_utf8(ack(Some(&message), verdict, "no | reason")).expect("ascii");
    assert_eq!(text(Verdict::Stored), "MSH|^~\\&|SALUS|HOSP|LAB|HOSP|||ACK^A01|c-1|P|2.5.1\rMSA|AA|c-1\r");
    assert!(text(Verdict::Kept).contains("\rMSA|AE|c-1\rERR|||207|E||||no  reason\r"));
    assert!(text(Verdict::Refused).contains("\rMSA|AR|c-1\rERR|||207|F|"));
    assert!(String::from_utf8(ack(None, Verdict::Refused, "x")).is_ok_and(|text| text.contains("MSA|AR|\r")));
}

/// Feeds bytes in pieces and gives what came out.
fn fed(pieces: &[&[u8]], bytes_max: usize) -> Result<Vec<Vec<u8>>, mllp::FrameError> {
    let mut frames = mllp::Frames::new(bytes_max);
    let mut out = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (taken, message) = frames.take(rest)?;
            out.extend(message);
            rest = &rest[taken..];
        }
    }
    Ok(out)
}

#[test]
fn messages_are_told_apart_however_they_arrive() {
    use mllp::FrameError;
    let ok = |messages: &[&str]| Ok(messages.iter().map(|text| text.as_bytes().to_vec()).collect());
    for (pieces, expected) in [
        (vec!["\x0bab\x1c\r"], ok(&["ab"])),
        (vec!["\x0b", "a", "b\x1c", "\r"], ok(&["ab"])),
        (vec!["\x0ba\x1c\r\x0bb\x1c\r"], ok(&["a", "b"])),
        (vec!["\r\n\x0ba\x1c\r\n\x0bb\x1c\r"], ok(&["a", "b"])),
        (vec!["\x0ba"], ok(&[])),
        (vec!["GET / HTTP/1.1"], Err(FrameError::Rubbish)),
        (vec!["\x0ba\x0bb\x1c\r"], Err(FrameError::NoEnd)),
        (vec!["\x0ba\x1cb\r"], Err(FrameError::BadEnd)),
        (vec!["\x0b12345678\x1c\r"], ok(&["12345678"])),
        (vec!["\x0b123456789\x1c\r"], Err(FrameError::TooLarge)),
    ] {
        let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        assert_eq!(fed(&bytes, 8), expected, "{pieces:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = read(&bytes, "utf-8").and_then(|message| map(&message, &context()));
    }

    #[test]
    fn no_fields_make_the_mapping_panic_and_twice_is_the_same(
        kind in prop_oneof![Just("ORU^R01"), Just("ADT^A01"), Just("ADT^A40"), Just("MDM^T02"), Just("VXU^V04")],
        lines in proptest::collection::vec("(PID|PV1|OBX|OBR|ORC|NTE|AL1|DG1|PR1|MRG|TXA|RXA|RXR|NK1)(\\|[A-Z0-9^~&.\\\\ é\"-]{0,12}){0,20}", 0..12),
    ) {
        let lines: Vec<&str> = std::iter::once("PID|1||4711^^^HOSP^MR").chain(lines.iter().map(String::as_str)).collect();
        let _ = mapped(kind, &lines);
    }

    #[test]
    fn frames_do_not_depend_on_how_bytes_arrive(
        bytes in proptest::collection::vec(prop_oneof![Just(0x0b_u8), Just(0x1c), Just(0x0d), any::<u8>()], 0..64),
        cut in 0_usize..64,
    ) {
        let cut = cut.min(bytes.len());
        prop_assert_eq!(fed(&[&bytes], 16), fed(&[&bytes[..cut], &bytes[cut..]], 16));
    }
}

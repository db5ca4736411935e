//! What hospitals send: messages, documents, pages of another FHIR server. The same bytes become the same resources.

use super::{Choice, chosen};
use crate::Target;
use salus_crypto::Secret32;
use salus_feeds::{Context, Ids, Known, Mapped, Refusal, cda, fhir, hl7, plan};

fn context() -> Context {
    Context {
        ids: Ids::new(Secret32::from_bytes(&[7; 32])),
        system: "urn:source".to_owned(),
        offset: "Z".to_owned(),
        charset: "utf-8".to_owned(),
    }
}

/// Maps twice, plans, and reads what was planned.
fn settled(map: impl Fn(&Context) -> Result<Mapped, Refusal>) {
    let (one, other) = (map(&context()), map(&context()));
    assert!(one == other, "the same bytes became different resources");
    if let Ok(mapped) = one
        && let Some(written) = plan(&mapped.entries, &Known::new(), "urn:source")
    {
        assert!(serde_json::from_str::<serde_json::Value>(&written).is_ok(), "what is written is no JSON");
    }
}

fn message(bytes: &[u8]) {
    settled(|context| hl7::map(&hl7::read(bytes, &context.charset)?, context));
    let message = hl7::read(bytes, "iso-8859-1").ok();
    let answer = hl7::ack(message.as_ref(), hl7::Verdict::Kept, "reason");
    assert!(
        answer.is_ascii() && !answer.contains(&0x0b) && !answer.contains(&0x1c),
        "an answer breaks its frame"
    );
}

fn document(bytes: &[u8]) {
    settled(|context| cda::map(bytes, context));
}

fn page(bytes: &[u8]) {
    let Ok(page) = fhir::page(bytes, "Observation") else { return };
    for resource in &page.resources {
        settled(|context| fhir::map(resource, "https://ehr.example", &fhir::People::new(), context));
    }
}

/// However a stream is cut, the same messages come out of it.
fn frames(bytes: &[u8]) {
    let fed = |size: usize| {
        let mut frames = hl7::mllp::Frames::new(64);
        let mut out = Vec::new();
        for piece in bytes.chunks(size) {
            let mut rest = piece;
            while !rest.is_empty() {
                match frames.take(rest) {
                    Ok((taken, message)) => {
                        rest = &rest[taken..];
                        out.extend(message);
                    }
                    Err(error) => return (out, Some(error)),
                }
            }
        }
        (out, None)
    };
    assert!(fed(1) == fed(bytes.len().max(1)), "messages depend on how their bytes arrive");
}

const CHOICE: Choice = Choice(&[message, document, page, frames]);

fn run(input: &[u8]) {
    CHOICE.run(input);
}

fn seeds() -> Vec<Vec<u8>> {
    let patient = "MSH|^~\\&|A|B|C|D|20240201||ORU^R01|1|P|2.5.1\rPID|1||1^^^H^MR||Doe^Jane||19700102|F\r";
    let result = format!("{patient}OBR|1||F1|1^x^LN\rOBX|1|NM|2^y^LN||1.50|mg/dL|||||F\rNTE|1||z\r");
    let stay = format!("{patient}PV1|1|I|||||||||||||||||V1\rAL1|1|DA|1^p\rDG1|1||1^q^I10\r")
        .replace("ORU^R01", "ADT^A01");
    let shot = format!("{patient}RXA|0|1|20240201||207^x^CVX|0.5\r").replace("ORU^R01", "VXU^V04");
    let note =
        format!("{patient}TXA|1|DS|TX|||||||||D1\rOBX|1|TX|1^x^LN||text\r").replace("ORU^R01", "MDM^T02");
    let one = format!("{patient}MRG|2^^^H^MR\r").replace("ORU^R01", "ADT^A40");
    let document = "<ClinicalDocument xmlns:xsi=\"x\"><id root=\"1.2\"/><recordTarget><patientRole><id root=\"1.3\" extension=\"1\"/></patientRole></recordTarget><component><structuredBody><component><section><entry><observation moodCode=\"EVN\"><code code=\"1\" codeSystem=\"1.2\"/><value xsi:type=\"PQ\" value=\"1.5\" unit=\"kg\"/></observation></entry></section></component></structuredBody></component></ClinicalDocument>";
    let page = "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"1\",\"valueQuantity\":{\"value\":1.50},\"subject\":{\"reference\":\"Patient/1\"}}}]}";
    let messages = [result, stay, shot, note, one].map(|text| chosen(0, text.as_bytes()));
    let others =
        [chosen(1, document.as_bytes()), chosen(2, page.as_bytes()), chosen(3, b"\x0ba\x1c\r\x0bb\x1c\r")];
    messages.into_iter().chain(others).collect()
}

pub(super) const TARGETS: &[Target] = &[Target {
    name: "feeds",
    decoders: &["feeds::hl7/message::parse", "feeds::cda/xml::parse"],
    weight: 2,
    instrumented: true,
    seeds,
    run,
}];

//! From a source's resource to the copy that the clinical engine keeps.
//!
//! * The id becomes `sx-` and 40 hexadecimal digits of `H(grant, source, type, id)`: one copy for each grant,
//!   so that a grant's copies can go as one set.
//! * References to resources in the set name the copies; those to the patient name the local Patient; all
//!   others become absolute, so that none points at a local resource by accident.
//! * `meta` says where it comes from (`source`), until when it may be used, and where its proof is. Labels
//!   are the engine's business. Version and time at the source are in the text that the proof covers.
//! * Everything else is passed on character by character: decimals keep their precision.

use crate::clock;
use crate::fhir::json::{Object, subject_of, write_string};
use crate::vault::HeldGrant;
use salus_crypto::hash::hash;
use salus_types::AccessId;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Extension on `Meta` of a copy: where its record proof is.
pub(crate) const PROOF_EXTENSION: &str = "https://salus.network/fhir/StructureDefinition/record-proof";
/// Extension on `Meta` of a copy: when it will be deleted.
pub(crate) const EXPIRY_EXTENSION: &str = "https://salus.network/fhir/StructureDefinition/share-expiry";
/// Extension on `Meta` of a copy: the organisation that it comes from.
pub(crate) const SOURCE_EXTENSION: &str =
    "https://salus.network/fhir/StructureDefinition/source-organisation";
/// System of the engine's labels.
const LABELS: &str = "https://salus.network/fhir/share";
/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 64;

/// A resource that came.
pub(crate) struct Arrival<'a> {
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
    pub(crate) text: &'a [u8],
}

/// Names of copies and of what lies outside the set.
pub(crate) struct CopyNames {
    grant: String,
    source: String,
    patient_here: String,
    patient_there: Option<String>,
    portal: String,
    fhir_here: String,
    expires: String,
    members: HashSet<(String, String)>,
}

impl CopyNames {
    pub(crate) fn new<'a>(
        grant: &HeldGrant,
        portal: String,
        fhir_here: String,
        members: impl Iterator<Item = (&'a str, &'a str)>,
        patient_there: Option<String>,
    ) -> Self {
        Self {
            grant: grant.grant.to_string(),
            source: grant.source.to_string(),
            patient_here: grant.patient.clone(),
            patient_there,
            portal,
            fhir_here,
            expires: clock::instant(grant.expiry_ms),
            members: members
                .filter(|(kind, _)| *kind != "Patient")
                .map(|(kind, id)| (kind.to_owned(), id.to_owned()))
                .collect(),
        }
    }

    /// The patient's FHIR id at the source.
    pub(crate) fn patient_there(&self) -> Option<&str> {
        self.patient_there.as_deref()
    }

    /// The copy's id.
    pub(crate) fn id(&self, kind: &str, id: &str) -> String {
        let parts = [self.grant.as_bytes(), self.source.as_bytes(), kind.as_bytes(), id.as_bytes()];
        format!("sx-{}", &hash("salus/copy/v1", &parts).to_string()[..40])
    }

    /// What a reference of the source means here.
    fn reference(&self, reference: &str) -> Option<String> {
        if reference.starts_with('#') || reference.contains(':') {
            return None;
        }
        let mut parts = reference.split('/');
        let (kind, id) = (parts.next()?, parts.next()?);
        if kind == "Patient" && self.patient_there.as_deref() == Some(id) {
            return Some(format!("Patient/{}", self.patient_here));
        }
        if self.members.contains(&(kind.to_owned(), id.to_owned())) {
            return Some(format!("{kind}/{}", self.id(kind, id)));
        }
        Some(format!("{}/fhir/{reference}", self.portal))
    }
}

/// Type and id of a resource.
pub(crate) fn name_of(text: &[u8]) -> Option<(String, String)> {
    let object = Object::parse(std::str::from_utf8(text).ok()?)?;
    let (kind, id) = (object.text("resourceType")?, object.text("id")?);
    (crate::smart::is_type(&kind) && crate::fhir::is_id(&id)).then_some((kind, id))
}

/// The patient's id at the source: its Patient, if that came too, or whom a resource is about.
pub(crate) fn patient_there(arrivals: &[Arrival<'_>]) -> Option<String> {
    if let Some(patient) = arrivals.iter().find(|arrival| arrival.kind == "Patient") {
        return Some(patient.id.to_owned());
    }
    arrivals.iter().find_map(|arrival| subject_of(std::str::from_utf8(arrival.text).ok()?))
}

/// The copy. `None` if the text is no JSON object, or nests too deeply.
pub(crate) fn copy(names: &CopyNames, arrival: &Arrival<'_>) -> Option<Box<RawValue>> {
    let object = Object::parse(std::str::from_utf8(arrival.text).ok()?)?;
    let mut out = String::with_capacity(arrival.text.len() + 512);
    out.push('{');
    let mut meta = None;
    for (name, value) in object.fields() {
        match name.as_str() {
            "id" => continue,
            "meta" => {
                meta = Some(value);
                continue;
            }
            _ => field(&mut out, name, |out| rewrite(names, name, value, out, 0))?,
        }
    }
    field(&mut out, "id", |out| {
        write_string(out, &names.id(arrival.kind, arrival.id));
        Some(())
    })?;
    field(&mut out, "meta", |out| write_meta(names, arrival, meta, out))?;
    out.push('}');
    RawValue::from_string(out).ok()
}

fn field(out: &mut String, name: &str, value: impl FnOnce(&mut String) -> Option<()>) -> Option<()> {
    if !out.ends_with('{') {
        out.push(',');
    }
    write_string(out, name);
    out.push(':');
    value(out)
}

fn write_meta(names: &CopyNames, arrival: &Arrival<'_>, meta: Option<&str>, out: &mut String) -> Option<()> {
    out.push('{');
    let there = meta.and_then(Object::parse);
    let version = there.as_ref().and_then(|meta| meta.text("versionId"));
    for name in ["profile", "tag"] {
        if let Some(value) = there.as_ref().and_then(|meta| meta.raw(name)) {
            field(out, name, |out| copy_raw(out, value))?;
        }
    }
    if let Some(labels) = there.as_ref().and_then(|meta| meta.raw("security"))
        && !labels.contains(LABELS)
    {
        field(out, "security", |out| copy_raw(out, labels))?;
    }
    let Arrival { kind, id, .. } = arrival;
    let version = version.map(|version| format!("/_history/{version}")).unwrap_or_default();
    let source = format!("{}/fhir/{kind}/{id}{version}", names.portal);
    field(out, "source", |out| {
        write_string(out, &source);
        Some(())
    })?;
    let extension = json!([
        { "url": SOURCE_EXTENSION, "valueString": names.source },
        { "url": PROOF_EXTENSION, "valueUrl": format!("{}/{kind}/{}/$proof", names.fhir_here, names.id(kind, id)) },
        { "url": EXPIRY_EXTENSION, "valueInstant": names.expires },
    ]);
    field(out, "extension", |out| copy_raw(out, &extension.to_string()))?;
    out.push('}');
    Some(())
}

fn copy_raw(out: &mut String, value: &str) -> Option<()> {
    out.push_str(value);
    Some(())
}

/// Copies a value, with references put right.
fn rewrite(names: &CopyNames, name: &str, value: &str, out: &mut String, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value.as_bytes().first()? {
        b'{' => {
            out.push('{');
            for (name, value) in Object::parse(value)?.fields() {
                field(out, name, |out| rewrite(names, name, value, out, depth + 1))?;
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            for (at, item) in items.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                rewrite(names, name, item.get(), out, depth + 1)?;
            }
            out.push(']');
        }
        b'"' if name == "reference" || name == "url" => {
            let text: String = serde_json::from_str(value).ok()?;
            // `url` is a reference only in an Attachment that points at a Binary.
            let relative = name == "reference" || text.starts_with("Binary/");
            match relative.then(|| names.reference(&text)).flatten() {
                Some(text) => write_string(out, &text),
                None => out.push_str(value),
            }
        }
        _ => out.push_str(value),
    }
    Some(())
}

/// One Provenance for the whole set: where it comes from, by which grant, under which access event.
pub(crate) fn provenance(
    names: &CopyNames,
    grant: &HeldGrant,
    source_name: &str,
    access: Option<AccessId>,
    now_ms: u64,
) -> Option<Box<RawValue>> {
    let mut targets = vec![json!({ "reference": format!("Patient/{}", names.patient_here) })];
    let mut members: Vec<_> = names.members.iter().collect();
    members.sort();
    targets.extend(
        members
            .into_iter()
            .map(|(kind, id)| json!({ "reference": format!("{kind}/{}", names.id(kind, id)) })),
    );
    let mut entity = vec![json!({
        "role": "source",
        "what": {
            "identifier": { "system": "https://salus.network/ledger/grant", "value": names.grant },
            "display": format!("Records of {source_name}"),
        },
    })];
    if let Some(access) = access {
        entity.push(json!({
            "role": "derivation",
            "what": { "identifier": { "system": "https://salus.network/ledger/access-event", "value": access } },
        }));
    }
    let id = names.id("Provenance", "of-the-set");
    let provenance = json!({
        "resourceType": "Provenance",
        "id": id,
        "meta": {
            "source": format!("{}/fhir", names.portal),
            "extension": [
                { "url": SOURCE_EXTENSION, "valueString": names.source },
                { "url": EXPIRY_EXTENSION, "valueInstant": names.expires },
            ],
        },
        "target": targets,
        "recorded": clock::instant(now_ms),
        "reason": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
            "code": grant.purpose.act_reason(),
        }] }],
        "agent": [{
            "type": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
                "code": "custodian",
            }] },
            "who": {
                "identifier": { "system": "https://salus.network/organisation", "value": names.source },
                "display": source_name,
            },
        }],
        "entity": entity,
    });
    RawValue::from_string(provenance.to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use salus_types::category::Purpose;
    use salus_types::{Digest, GrantId};

    fn names() -> CopyNames {
        let grant = HeldGrant {
            grant: GrantId(Digest([1; 32])),
            source: "hospital-b".parse().expect("id"),
            patient: "here-1".into(),
            purpose: Purpose::Treatment,
            not_before_ms: 0,
            expiry_ms: 0,
            categories: Vec::new(),
            practitioner: None,
        };
        let members = [("Observation", "o1"), ("Patient", "there-1")];
        let (portal, here) = ("https://b.example".to_owned(), "https://a.example/fhir".to_owned());
        CopyNames::new(&grant, portal, here, members.into_iter(), Some("there-1".into()))
    }

    #[test]
    fn references_mean_here_what_they_meant_there() {
        let names = names();
        let copy = format!("Observation/{}", names.id("Observation", "o1"));
        for (there, here) in [
            ("Patient/there-1", Some("Patient/here-1")),
            ("Patient/mother", Some("https://b.example/fhir/Patient/mother")),
            ("Observation/o1", Some(copy.as_str())),
            ("Observation/o1/_history/2", Some(copy.as_str())),
            ("Practitioner/dr-b", Some("https://b.example/fhir/Practitioner/dr-b")),
            ("#contained", None),
            ("urn:uuid:3", None),
            ("https://elsewhere.example/fhir/Observation/o1", None),
            ("nothing", None),
        ] {
            assert_eq!(names.reference(there).as_deref(), here, "{there}");
        }
    }

    #[test]
    fn ids_are_fhir_ids_and_differ_by_grant_source_type_and_id() {
        let names = names();
        let id = names.id("Observation", "o1");
        assert!(crate::fhir::is_id(&id) && id.len() == 43, "{id}");
        for other in [names.id("Observation", "o2"), names.id("Condition", "o1")] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn labels_of_shares_do_not_come_in_from_outside() {
        let text = br#"{"resourceType":"Observation","id":"o1","meta":{"security":[{"system":"https://salus.network/fhir/share","code":"ab"}]}}"#;
        let copy = copy(&names(), &Arrival { kind: "Observation", id: "o1", text }).expect("copy");
        assert!(!copy.get().contains("\"security\""), "{}", copy.get());
    }

    #[test]
    fn what_nests_too_deeply_or_is_no_object_is_refused() {
        let deep = format!(
            r#"{{"resourceType":"Observation","id":"o1","x":{}1{}}}"#,
            "[".repeat(80),
            "]".repeat(80)
        );
        for text in [deep.as_bytes(), b"[]", b"", b"{\"a\":"] {
            assert!(copy(&names(), &Arrival { kind: "Observation", id: "o1", text }).is_none());
        }
        assert!(name_of(br#"{"resourceType":"Observation","id":"../x"}"#).is_none());
        assert!(name_of(br#"{"resourceType":"observation","id":"x"}"#).is_none());
    }
}

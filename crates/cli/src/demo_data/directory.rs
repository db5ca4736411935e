//! The two hospitals: organisation, places and clinicians, with fixed ids that histories refer to.

use super::{
    draw::{Draw, Purpose},
    names::CULTURES,
    story::Sex,
    terms::{Code, coding, concept, system},
};
use serde_json::{Value, json};

/// A hospital of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Where the patients have their long history.
    HospitalA,
    /// Where they are newly registered.
    HospitalB,
}

/// What a clinician does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    FamilyMedicine,
    Pediatrics,
    Obstetrics,
    Pulmonology,
    Endocrinology,
    Nephrology,
    Oncology,
    Psychiatry,
    AddictionMedicine,
    InfectiousDisease,
    Orthopedics,
    Emergency,
    Radiology,
    Nursing,
}

/// A clinician, as the demo signs them up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PractitionerInfo {
    /// Given and family name.
    pub(crate) name: String,
    /// Id of the Practitioner resource.
    pub(crate) id: String,
    /// The hospital's own number of the clinician.
    pub(crate) identifier: String,
    /// What the clinician does.
    pub(crate) role: Role,
    /// The specialty in words (NUCC).
    pub(crate) specialty: &'static str,
}

/// A place in a hospital.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Clinic,
    EmergencyDepartment,
    Ward,
}

impl Site {
    /// The letter in ids and numbers.
    pub(crate) fn letter(self) -> char {
        match self {
            Site::HospitalA => 'a',
            Site::HospitalB => 'b',
        }
    }

    /// The hospital's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Site::HospitalA => "Northmere General Hospital",
            Site::HospitalB => "Lakeside Clinic",
        }
    }

    /// The naming system of a kind of number of this hospital.
    pub(crate) fn numbering(self, kind: &str) -> String {
        format!("https://hospital-{}.example.org/ids/{kind}", self.letter())
    }

    /// Id of the Organization.
    pub(crate) fn organization_id(self) -> String {
        format!("organization-hospital-{}", self.letter())
    }

    /// Reference to the Organization.
    pub(crate) fn organization(self) -> Value {
        json!({ "reference": format!("Organization/{}", self.organization_id()), "display": self.name() })
    }

    /// Reference to a place.
    pub(crate) fn place(self, place: Place) -> Value {
        json!({ "reference": format!("Location/{}", place.id(self)), "display": place.words().2 })
    }

    fn roles(self) -> &'static [Role] {
        match self {
            Site::HospitalA => Role::ALL,
            Site::HospitalB => &[Role::FamilyMedicine, Role::Emergency, Role::Nursing, Role::Pediatrics],
        }
    }
}

impl Role {
    const ALL: &'static [Role] = &[
        Role::FamilyMedicine,
        Role::Pediatrics,
        Role::Obstetrics,
        Role::Pulmonology,
        Role::Endocrinology,
        Role::Nephrology,
        Role::Oncology,
        Role::Psychiatry,
        Role::AddictionMedicine,
        Role::InfectiousDisease,
        Role::Orthopedics,
        Role::Emergency,
        Role::Radiology,
        Role::Nursing,
    ];

    /// The word in ids.
    fn word(self) -> &'static str {
        match self {
            Role::FamilyMedicine => "family-medicine",
            Role::Pediatrics => "pediatrics",
            Role::Obstetrics => "obstetrics",
            Role::Pulmonology => "pulmonology",
            Role::Endocrinology => "endocrinology",
            Role::Nephrology => "nephrology",
            Role::Oncology => "oncology",
            Role::Psychiatry => "psychiatry",
            Role::AddictionMedicine => "addiction-medicine",
            Role::InfectiousDisease => "infectious-disease",
            Role::Orthopedics => "orthopedics",
            Role::Emergency => "emergency",
            Role::Radiology => "radiology",
            Role::Nursing => "nursing",
        }
    }

    /// The specialty (NUCC health care provider taxonomy).
    pub(crate) fn specialty(self) -> Code {
        let (code, display) = match self {
            Role::FamilyMedicine => ("207Q00000X", "Family Medicine Physician"),
            Role::Pediatrics => ("208000000X", "Pediatrics Physician"),
            Role::Obstetrics => ("207V00000X", "Obstetrics & Gynecology Physician"),
            Role::Pulmonology => ("207RP1001X", "Pulmonary Disease Physician"),
            Role::Endocrinology => ("207RE0101X", "Endocrinology, Diabetes & Metabolism Physician"),
            Role::Nephrology => ("207RN0300X", "Nephrology Physician"),
            Role::Oncology => ("207RX0202X", "Medical Oncology Physician"),
            Role::Psychiatry => ("2084P0800X", "Psychiatry Physician"),
            Role::AddictionMedicine => ("207QA0401X", "Addiction Medicine (Family Medicine) Physician"),
            Role::InfectiousDisease => ("207RI0200X", "Infectious Disease Physician"),
            Role::Orthopedics => ("207X00000X", "Orthopaedic Surgery Physician"),
            Role::Emergency => ("207P00000X", "Emergency Medicine Physician"),
            Role::Radiology => ("2085R0202X", "Diagnostic Radiology Physician"),
            Role::Nursing => ("163W00000X", "Registered Nurse"),
        };
        Code { system: system::NUCC, code, display }
    }
}

impl Place {
    const ALL: [Place; 3] = [Place::Clinic, Place::EmergencyDepartment, Place::Ward];

    /// Word in ids, RoleCode, its display as the place's name.
    fn words(self) -> (&'static str, (&'static str, &'static str), &'static str) {
        match self {
            Place::Clinic => ("clinic", ("FMC", "Family medicine clinic"), "Outpatient clinics"),
            Place::EmergencyDepartment => ("emergency", ("ER", "Emergency room"), "Emergency department"),
            Place::Ward => ("ward", ("HU", "Hospital unit"), "Medical and surgical ward"),
        }
    }

    fn id(self, site: Site) -> String {
        format!("location-{}-{}", site.letter(), self.words().0)
    }
}

/// The clinicians of a hospital: the same for a seed wherever they are asked for.
pub(crate) struct Directory {
    pub(crate) site: Site,
    pub(crate) clinicians: Vec<PractitionerInfo>,
}

impl Directory {
    /// Draws the clinicians.
    pub(crate) fn draw(seed: u64, site: Site) -> Self {
        let mut draw = Draw::new(seed, site.letter() as u32, Purpose::Clinicians);
        let first = draw.below(CULTURES.len() as u32) as usize;
        let mut clinicians = Vec::new();
        for (place, &role) in site.roles().iter().enumerate() {
            // One culture after another, so that no two clinicians share a name.
            let culture = &CULTURES[(first + place) % CULTURES.len()];
            let sex = if draw.chance(0.5) { Sex::Female } else { Sex::Male };
            // Given names that no patient has, and half of the family names for each hospital.
            let given = culture.given(sex).last().copied().unwrap_or_default();
            let (lower, upper) = culture.families.split_at(culture.families.len() / 2);
            let family = draw.word(if site == Site::HospitalA { lower } else { upper });
            let name = format!("{given} {family}");
            let id = format!("practitioner-{}-{}", site.letter(), role.word());
            let identifier = format!("{}-{:05}", site.letter().to_ascii_uppercase(), 20_011 + 137 * place);
            let specialty = role.specialty().display;
            clinicians.push(PractitionerInfo { name, id, identifier, role, specialty });
        }
        Self { site, clinicians }
    }

    /// The clinician of a role, or the first of the site where it has none.
    pub(crate) fn clinician(&self, role: Role) -> &PractitionerInfo {
        self.clinicians.iter().find(|info| info.role == role).unwrap_or(&self.clinicians[0])
    }

    /// Transaction that puts the organisation, places and clinicians at their fixed ids.
    pub(crate) fn bundle(&self) -> Value {
        let organization = self.organization();
        let places = Place::ALL.into_iter().map(|place| self.location(place));
        let people = self.clinicians.iter().flat_map(|info| [practitioner(self.site, info), self.role(info)]);
        let entries: Vec<Value> =
            [organization].into_iter().chain(places).chain(people).map(|it| put(self.site, it)).collect();
        json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
    }

    fn organization(&self) -> Value {
        let site = self.site;
        json!({
            "resourceType": "Organization",
            "id": site.organization_id(),
            "identifier": [{ "system": "https://network.example.org/ids/organization", "value": format!("hospital-{}", site.letter()) }],
            "active": true,
            "type": [concept(system::ORGANIZATION_TYPE, "prov", "Healthcare Provider")],
            "name": site.name(),
            "telecom": [{ "system": "phone", "value": "+1-555-555-0100" }],
        })
    }

    fn location(&self, place: Place) -> Value {
        let (_, role, name) = place.words();
        json!({
            "resourceType": "Location",
            "id": place.id(self.site),
            "status": "active",
            "name": name,
            "mode": "instance",
            "type": [concept(system::ROLE, role.0, role.1)],
            "managingOrganization": self.site.organization(),
        })
    }

    fn role(&self, info: &PractitionerInfo) -> Value {
        json!({
            "resourceType": "PractitionerRole",
            "id": info.id.replacen("practitioner", "practitionerrole", 1),
            "active": true,
            "practitioner": info.reference(),
            "organization": self.site.organization(),
            "specialty": [info.role.specialty().concept()],
        })
    }
}

impl PractitionerInfo {
    /// Reference to the Practitioner.
    pub(crate) fn reference(&self) -> Value {
        json!({ "reference": format!("Practitioner/{}", self.id), "display": self.name })
    }
}

fn practitioner(site: Site, info: &PractitionerInfo) -> Value {
    let (given, family) = info.name.rsplit_once(' ').unwrap_or(("", &info.name));
    let suffix = if info.role == Role::Nursing { "RN" } else { "MD" };
    json!({
        "resourceType": "Practitioner",
        "id": info.id,
        "identifier": [{
            "type": { "coding": [coding(system::IDENTIFIER_TYPE, "EI", "Employee number")] },
            "system": site.numbering("practitioner"),
            "value": info.identifier,
        }],
        "active": true,
        "name": [{ "use": "official", "family": family, "given": [given], "suffix": [suffix] }],
        "telecom": [{ "system": "email", "value": format!("{}@example.org", info.id), "use": "work" }],
    })
}

/// A transaction entry that creates or replaces a resource at its id.
fn put(site: Site, resource: Value) -> Value {
    let text = |field: &str| resource[field].as_str().unwrap_or_default().to_owned();
    let url = format!("{}/{}", text("resourceType"), text("id"));
    json!({
        "fullUrl": format!("https://hospital-{}.example.org/fhir/{url}", site.letter()),
        "resource": resource,
        "request": { "method": "PUT", "url": url },
    })
}

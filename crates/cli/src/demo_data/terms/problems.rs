//! Diagnoses: SNOMED CT with ICD-10-CM, and the label of a protected one.

use super::{Code, coding, labels::Label, system};
use serde_json::{Value, json};

/// A diagnosis.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    pub(crate) code: Code,
    icd10: (&'static str, &'static str),
    /// The words of a note.
    pub(crate) name: &'static str,
    pub(crate) label: Option<Label>,
}

impl Diagnosis {
    /// FHIR `CodeableConcept` with both codings.
    pub(crate) fn concept(&self) -> Value {
        let icd10 = coding(system::ICD10, self.icd10.0, self.icd10.1);
        json!({ "coding": [self.code.coding(), icd10], "text": self.code.display })
    }

    const fn labelled(self, label: Label) -> Self {
        Self { label: Some(label), ..self }
    }
}

const fn diagnosis(
    snomed: (&'static str, &'static str),
    icd10: (&'static str, &'static str),
    name: &'static str,
) -> Diagnosis {
    Diagnosis { code: Code::snomed(snomed.0, snomed.1), icd10, name, label: None }
}

pub(crate) static DIABETES: Diagnosis = diagnosis(
    ("44054006", "Diabetes mellitus type 2"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    "type 2 diabetes",
);
pub(crate) static HYPERTENSION: Diagnosis = diagnosis(
    ("59621000", "Essential hypertension"),
    ("I10", "Essential (primary) hypertension"),
    "high blood pressure",
);
pub(crate) static HYPERLIPIDEMIA: Diagnosis =
    diagnosis(("55822004", "Hyperlipidemia"), ("E78.5", "Hyperlipidemia, unspecified"), "high cholesterol");
pub(crate) static OBESITY: Diagnosis =
    diagnosis(("414916001", "Obesity"), ("E66.9", "Obesity, unspecified"), "obesity");
pub(crate) static ASTHMA: Diagnosis = diagnosis(
    ("233678006", "Childhood asthma"),
    ("J45.30", "Mild persistent asthma, uncomplicated"),
    "asthma",
);
pub(crate) static ASTHMA_ATTACK: Diagnosis = diagnosis(
    ("281239006", "Exacerbation of asthma"),
    ("J45.901", "Unspecified asthma with (acute) exacerbation"),
    "asthma attack",
);
pub(crate) static ECZEMA: Diagnosis =
    diagnosis(("24079001", "Atopic dermatitis"), ("L20.9", "Atopic dermatitis, unspecified"), "eczema");
pub(crate) static EAR_INFECTION: Diagnosis = diagnosis(
    ("65363002", "Otitis media"),
    ("H66.90", "Otitis media, unspecified, unspecified ear"),
    "ear infection",
);
pub(crate) static COPD: Diagnosis = diagnosis(
    ("13645005", "Chronic obstructive lung disease"),
    ("J44.9", "Chronic obstructive pulmonary disease, unspecified"),
    "COPD",
);
pub(crate) static COPD_FLARE: Diagnosis = diagnosis(
    ("195951007", "Acute exacerbation of chronic obstructive airways disease"),
    ("J44.1", "Chronic obstructive pulmonary disease with (acute) exacerbation"),
    "COPD flare-up",
);
pub(crate) static HYPOTHYROIDISM: Diagnosis = diagnosis(
    ("40930008", "Hypothyroidism"),
    ("E03.9", "Hypothyroidism, unspecified"),
    "underactive thyroid",
);
pub(crate) static KIDNEY_3A: Diagnosis = diagnosis(
    ("700378005", "Chronic kidney disease stage 3A"),
    ("N18.31", "Chronic kidney disease, stage 3a"),
    "kidney disease stage 3a",
);
pub(crate) static KIDNEY_3B: Diagnosis = diagnosis(
    ("700379002", "Chronic kidney disease stage 3B"),
    ("N18.32", "Chronic kidney disease, stage 3b"),
    "kidney disease stage 3b",
);
pub(crate) static KIDNEY_4: Diagnosis = diagnosis(
    ("431857002", "Chronic kidney disease stage 4"),
    ("N18.4", "Chronic kidney disease, stage 4 (severe)"),
    "kidney disease stage 4",
);
pub(crate) static BREAST_CANCER: Diagnosis = diagnosis(
    ("254837009", "Malignant neoplasm of breast"),
    ("C50.912", "Malignant neoplasm of unspecified site of left female breast"),
    "breast cancer, left",
);
pub(crate) static DEPRESSION: Diagnosis = diagnosis(
    ("370143000", "Major depressive disorder"),
    ("F32.1", "Major depressive disorder, single episode, moderate"),
    "depression",
)
.labelled(Label::MentalHealth);
pub(crate) static ANXIETY: Diagnosis = diagnosis(
    ("21897009", "Generalized anxiety disorder"),
    ("F41.1", "Generalized anxiety disorder"),
    "anxiety",
)
.labelled(Label::MentalHealth);
pub(crate) static OPIOID_USE: Diagnosis = diagnosis(
    ("75544000", "Opioid dependence"),
    ("F11.20", "Opioid dependence, uncomplicated"),
    "opioid use disorder",
)
.labelled(Label::SubstanceUse);
pub(crate) static HIV: Diagnosis = diagnosis(
    ("86406008", "Human immunodeficiency virus infection"),
    ("Z21", "Asymptomatic human immunodeficiency virus [HIV] infection status"),
    "HIV",
)
.labelled(Label::Hiv);
pub(crate) static PREGNANCY: Diagnosis = diagnosis(
    ("72892002", "Normal pregnancy"),
    ("Z34.00", "Encounter for supervision of normal first pregnancy, unspecified trimester"),
    "pregnancy",
)
.labelled(Label::Reproductive);
pub(crate) static IRON_DEFICIENCY: Diagnosis = diagnosis(
    ("87522002", "Iron deficiency anemia"),
    ("D50.9", "Iron deficiency anemia, unspecified"),
    "iron deficiency",
);
pub(crate) static HIP_ARTHRITIS: Diagnosis = diagnosis(
    ("239872002", "Osteoarthritis of hip"),
    ("M16.11", "Unilateral primary osteoarthritis, right hip"),
    "arthritis of the right hip",
);
pub(crate) static VITAMIN_D_DEFICIENCY: Diagnosis = diagnosis(
    ("34713006", "Vitamin D deficiency"),
    ("E55.9", "Vitamin D deficiency, unspecified"),
    "vitamin D deficiency",
);
pub(crate) static ANAPHYLAXIS: Diagnosis = diagnosis(
    ("39579001", "Anaphylaxis"),
    (
        "T88.6XXA",
        "Anaphylactic reaction due to adverse effect of correct drug or medicament properly administered, initial encounter",
    ),
    "anaphylaxis after penicillin",
);
pub(crate) static BRONCHITIS: Diagnosis =
    diagnosis(("10509002", "Acute bronchitis"), ("J20.9", "Acute bronchitis, unspecified"), "bronchitis");
pub(crate) static COLD: Diagnosis = diagnosis(
    ("54150009", "Upper respiratory infection"),
    ("J06.9", "Acute upper respiratory infection, unspecified"),
    "a cold",
);
pub(crate) static SINUSITIS: Diagnosis =
    diagnosis(("444814009", "Viral sinusitis"), ("J01.90", "Acute sinusitis, unspecified"), "sinusitis");
pub(crate) static ANKLE_SPRAIN: Diagnosis = diagnosis(
    ("44465007", "Sprain of ankle"),
    ("S93.401A", "Sprain of unspecified ligament of right ankle, initial encounter"),
    "sprained ankle",
);
pub(crate) static URINARY_INFECTION: Diagnosis = diagnosis(
    ("68566005", "Urinary tract infectious disease"),
    ("N39.0", "Urinary tract infection, site not specified"),
    "urinary infection",
);

//! Visits, procedures, imaging, care plans and social history.

use super::Code;

/// How a patient is seen: FHIR `Encounter.class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Ambulatory,
    Emergency,
    Inpatient,
}

/// A kind of visit.
#[derive(Debug)]
pub(crate) struct VisitKind {
    pub(crate) code: Code,
    pub(crate) setting: Setting,
    pub(crate) minutes: u32,
    /// Document type of its note.
    pub(crate) note: Code,
}

const PROGRESS: Code = Code::loinc("11506-3", "Progress note");
const CONSULT: Code = Code::loinc("11488-4", "Consult note");
const HISTORY_AND_PHYSICAL: Code = Code::loinc("34117-2", "History and physical note");
const DISCHARGE: Code = Code::loinc("18842-5", "Discharge summary");

const fn visit(code: &'static str, display: &'static str, minutes: u32, note: Code) -> VisitKind {
    VisitKind { code: Code::snomed(code, display), setting: Setting::Ambulatory, minutes, note }
}

pub(crate) static CHECK_UP: VisitKind =
    visit("162673000", "General examination of patient", 40, HISTORY_AND_PHYSICAL);
pub(crate) static WELL_CHILD: VisitKind = visit("410620009", "Well child visit", 30, HISTORY_AND_PHYSICAL);
pub(crate) static FOLLOW_UP: VisitKind = visit("390906007", "Follow-up encounter", 20, PROGRESS);
pub(crate) static FOR_PROBLEM: VisitKind = visit("185347001", "Encounter for problem", 25, PROGRESS);
pub(crate) static FOR_SYMPTOM: VisitKind = visit("185345009", "Encounter for symptom", 20, PROGRESS);
pub(crate) static SPECIALIST: VisitKind = visit("11429006", "Consultation", 35, CONSULT);
pub(crate) static FIRST_PRENATAL: VisitKind =
    visit("424441002", "Prenatal initial visit", 45, HISTORY_AND_PHYSICAL);
pub(crate) static PRENATAL: VisitKind = visit("424619006", "Prenatal visit", 20, PROGRESS);
pub(crate) static EMERGENCY: VisitKind =
    VisitKind { setting: Setting::Emergency, ..visit("50849002", "Emergency room admission", 210, PROGRESS) };
/// The minutes are of each day in hospital.
pub(crate) static ADMISSION: VisitKind =
    VisitKind { setting: Setting::Inpatient, ..visit("32485007", "Hospital admission", 24 * 60, DISCHARGE) };

pub(crate) static SPIROMETRY: Code = Code::snomed("127783003", "Spirometry");
pub(crate) static EYE_SCREENING: Code = Code::snomed("134395001", "Diabetic retinopathy screening");
pub(crate) static FOOT_EXAMINATION: Code = Code::snomed("401191002", "Diabetic foot examination");
pub(crate) static SMOKING_EDUCATION: Code = Code::snomed("225323000", "Smoking cessation education");
pub(crate) static MAMMOGRAPHY: Code = Code::snomed("71651007", "Mammography");
pub(crate) static LUMPECTOMY: Code = Code::snomed("392021009", "Lumpectomy of breast");
pub(crate) static RADIOTHERAPY: Code = Code::snomed("108290001", "Radiation oncology AND/OR radiotherapy");
pub(crate) static HIP_REPLACEMENT: Code = Code::snomed("52734007", "Total replacement of hip");
pub(crate) static PHYSICAL_THERAPY: Code = Code::snomed("91251008", "Physical therapy procedure");
pub(crate) static NORMAL_DELIVERY: Code = Code::snomed("177184002", "Normal delivery procedure");
pub(crate) static COLONOSCOPY: Code = Code::snomed("73761001", "Colonoscopy");
pub(crate) static ULTRASOUND: Code = Code::snomed("268445003", "Ultrasound scan - obstetric");
pub(crate) static CHEST_RADIOGRAPH: Code = Code::snomed("399208008", "Plain chest X-ray");

pub(crate) static MAMMOGRAM_REPORT: Code = Code::loinc("24606-6", "MG Breast Screening");
pub(crate) static CHEST_REPORT: Code = Code::loinc("36643-5", "XR Chest 2 Views");
pub(crate) static FETAL_ULTRASOUND_REPORT: Code = Code::loinc("11525-3", "US Pelvis Fetus for pregnancy");

pub(crate) static HIP_PROSTHESIS: Code = Code::snomed("304120007", "Total hip replacement prosthesis");
pub(crate) static RIGHT_HIP: Code = Code::snomed("287579007", "Right hip region structure");
pub(crate) static LEFT_BREAST: Code = Code::snomed("80248007", "Left breast structure");

pub(crate) static DIABETES_PLAN: Code = Code::snomed("698360004", "Diabetes self management plan");
pub(crate) static HYPERTENSION_PLAN: Code =
    Code::snomed("443402002", "Lifestyle education regarding hypertension");
pub(crate) static ASTHMA_PLAN: Code = Code::snomed("699728000", "Asthma self management");
pub(crate) static COPD_PLAN: Code =
    Code::snomed("412776001", "Chronic obstructive pulmonary disease clinical management plan");
pub(crate) static MENTAL_HEALTH_PLAN: Code = Code::snomed("718347000", "Mental health care plan");
pub(crate) static PREGNANCY_PLAN: Code = Code::snomed("134435003", "Routine antenatal care");
/// The general one: it must not tell what the plan is for.
pub(crate) static RECOVERY_PLAN: Code = Code::snomed("734163000", "Care plan");
pub(crate) static CANCER_PLAN: Code = Code::snomed("395082007", "Cancer care plan");

pub(crate) static SMOKING_STATUS: Code = Code::loinc("72166-2", "Tobacco smoking status");
pub(crate) static NEVER_SMOKED: Code = Code::snomed("266919005", "Never smoked tobacco");
pub(crate) static DAILY_SMOKER: Code = Code::snomed("449868002", "Smokes tobacco daily");
pub(crate) static EX_SMOKER: Code = Code::snomed("8517006", "Ex-smoker");

pub(crate) static PENICILLIN_ALLERGY: Code = Code::snomed("91936005", "Allergy to penicillin");
pub(crate) static PEANUT_ALLERGY: Code = Code::snomed("91935009", "Allergy to peanut");
pub(crate) static LATEX_ALLERGY: Code = Code::snomed("300916003", "Latex allergy");
pub(crate) static ANAPHYLAXIS: Code = Code::snomed("39579001", "Anaphylaxis");
pub(crate) static WHEALS: Code = Code::snomed("247472004", "Wheal");
pub(crate) static RASH: Code = Code::snomed("271807003", "Eruption of skin");

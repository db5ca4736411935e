/** One readable line for any resource: what, when, and what stands out. */
import type { CodeableConcept, Dosage, Reference, Resource } from '../../api/fhirTypes';
import type { Category, EmergencyGround } from '../../crypto/formats';
import type { IconName } from '../icons';
import { billedFor, paidBy, totalOf } from './bills';
import { conceptOf, measureOf, vaccineOf } from './codes';
import { day, shortDay } from './dates';
import { partsOf, pressureOf, pressureText, readingOf, STANDING_WORDS, worst, type Standing } from './observation';
import { clinicalWord, certaintyWord, isMistake, medicineWord, stateWord } from './status';
import { attachmentText, codeOf, conceptText, counted, displayOf, humanName, loinc, medicineText, narrativeText, plainName, quantityText, snomed } from './text';

export interface Described {
  title: string;
  /** The rest of the line: value, state. */
  detail: string;
  date?: string;
  standing: Standing;
  icon: IconName;
  /** "Blood test", "Medicine": what kind of thing it is. */
  kind: string;
}

const first = <T>(value: T | T[] | undefined): T | undefined => (Array.isArray(value) ? value[0] : value);

export function dateOf(resource: Resource): string | undefined {
  const r = resource;
  return (
    r.effectiveDateTime ?? r.effectivePeriod?.start ?? r.effectiveInstant ?? r.performedDateTime ?? r.performedPeriod?.start ??
    r.occurrenceDateTime ?? r.onsetDateTime ?? r.onsetPeriod?.start ?? r.authoredOn ?? r.whenHandedOver ?? r.period?.start ??
    r.started ?? r.startDate ?? r.date ?? r.recordedDate ?? r.dateAsserted ?? r.issued ?? r.created ?? r.recorded ?? r.meta?.lastUpdated
  );
}

/** Plain words of our list, else the record's own. */
export function plainConcept(concept: CodeableConcept | undefined): string {
  return conceptOf(snomed(concept)) ?? measureOf(loinc(concept))?.name ?? plainName(conceptText(concept));
}

export function dosageText(dosages: Dosage[] | undefined): string {
  const [dosage] = dosages ?? [];
  if (!dosage) return '';
  if (dosage.patientInstruction ?? dosage.text) return (dosage.patientInstruction ?? dosage.text)!;
  const quantity = dosage.doseAndRate?.[0]?.doseQuantity;
  const dose = quantityText(quantity);
  const each = dose && !(quantity?.unit ?? quantity?.code) ? `${dose} each time` : dose;
  return [each, oftenText(dosage), dosage.asNeededBoolean ? 'when needed' : ''].filter(Boolean).join(', ');
}

const TIME_UNITS: Record<string, string> = { d: 'day', h: 'hour', wk: 'week', mo: 'month' };

/** "twice a day", "every 4 hours". */
function oftenText({ timing }: Dosage): string {
  const { frequency, period, periodUnit } = timing?.repeat ?? {};
  const unit = TIME_UNITS[periodUnit ?? ''];
  if (!frequency || !unit) return '';
  const times = ['', 'once', 'twice'][frequency] ?? `${frequency} times`;
  if (!period || period === 1) return `${times} ${unit === 'hour' ? 'an' : 'a'} ${unit}`;
  return `${frequency === 1 ? '' : `${times} `}every ${period} ${unit}s`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

type Line = Partial<Described> & Pick<Described, 'title' | 'kind' | 'icon'>;

function observation(r: Resource): Line {
  const category = first(r.category)?.coding?.[0]?.code;
  const lab = category === 'laboratory';
  const base = { kind: lab ? 'Lab result' : 'Measurement', icon: (lab ? 'test-pipe' : 'heartbeat') as IconName };
  const pressure = pressureOf(r);
  if (pressure) {
    const standing = worst([pressure.upper.standing, pressure.lower.standing]);
    const value = pressureText(pressure);
    return { ...base, title: 'Blood pressure', detail: withStanding(value, standing), standing };
  }
  const reading = readingOf(r);
  if (!reading.text) {
    const parts = partsOf(r);
    const standing = worst(parts.map((part) => part.standing));
    return { ...base, title: reading.name, detail: parts.map((part) => `${part.name} ${part.text}`).join(', '), standing };
  }
  return { ...base, title: reading.name, detail: withStanding(reading.text, reading.standing), standing: reading.standing };
}

const withStanding = (value: string, standing: Standing): string =>
  STANDING_WORDS[standing] ? `${value} – ${STANDING_WORDS[standing]}` : value;

function encounter(r: Resource): Line {
  const classes: Record<string, string> = { AMB: 'Visit', EMER: 'Emergency visit', IMP: 'Stay in hospital', ACUTE: 'Stay in hospital', HH: 'Home visit', VR: 'Video visit', WELLNESS: 'Check-up', URGENTCARE: 'Urgent visit' };
  const type = plainConcept(first(r.type));
  const reason = plainConcept(r.reasonCode?.[0]);
  const who = r.participant?.map((one) => displayOf(one.individual ?? one.actor)).find(Boolean);
  return {
    kind: 'Visit',
    icon: 'stethoscope',
    title: type || classes[r.class?.code ?? ''] || 'Visit',
    detail: [reason && `because of ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`, who && `with ${who}`].filter(Boolean).join(', '),
  };
}

const MODALITIES: Record<string, string> = { DX: 'X-ray', CR: 'X-ray', CT: 'CT scan', MR: 'MRI scan', US: 'Ultrasound', MG: 'Breast X-ray', NM: 'Nuclear scan', PT: 'PET scan', XA: 'X-ray film', RF: 'X-ray film', ES: 'Look inside with a camera', ECG: 'Heart tracing' };

const DESCRIBERS: Record<string, (r: Resource) => Line> = {
  Observation: observation,
  Condition: (r) => ({
    kind: 'Diagnosis',
    icon: 'clipboard-heart',
    title: plainConcept(r.code),
    detail: [clinicalWord(r), certaintyWord(r), r.abatementDateTime && `until ${shortDay(r.abatementDateTime)}`].filter(Boolean).join(', '),
  }),
  AllergyIntolerance: (r) => ({
    kind: 'Allergy',
    icon: 'alert-triangle',
    title: `Allergy: ${plainConcept(r.code).replace(/^allergy to /i, '')}`,
    detail: [
      r.reaction?.[0]?.manifestation?.map(plainConcept).join(', '),
      r.criticality === 'high' ? 'can be dangerous' : '',
      clinicalWord(r) === 'current' ? '' : clinicalWord(r),
      certaintyWord(r),
    ].filter(Boolean).join(' – '),
    standing: r.criticality === 'high' ? 'high' : 'unknown',
  }),
  MedicationRequest: (r) => ({
    kind: 'Medicine',
    icon: 'pill',
    title: medicineText(r.medicationCodeableConcept) || displayOf(r.medicationReference) || 'Medicine',
    detail: [dosageText(r.dosageInstruction), medicineWord(r)].filter(Boolean).join(' – '),
  }),
  MedicationStatement: (r) => ({
    kind: 'Medicine',
    icon: 'pill',
    title: medicineText(r.medicationCodeableConcept) || displayOf(r.medicationReference) || 'Medicine',
    detail: [dosageText(r.dosage), medicineWord(r)].filter(Boolean).join(' – '),
  }),
  MedicationDispense: (r) => ({ kind: 'Medicine', icon: 'pill', title: medicineText(r.medicationCodeableConcept) || 'Medicine', detail: 'handed out' }),
  MedicationAdministration: (r) => ({ kind: 'Medicine', icon: 'pill', title: medicineText(r.medicationCodeableConcept) || 'Medicine', detail: 'given' }),
  Immunization: (r) => ({
    kind: 'Vaccine',
    icon: 'vaccine',
    title: vaccineOf(codeOf(r.vaccineCode, /cvx/)) ?? conceptText(r.vaccineCode),
    detail: r.status === 'not-done' ? 'not given' : '',
  }),
  Procedure: (r) => ({ kind: 'Procedure', icon: 'bandage', title: plainConcept(r.code), detail: stateWord(r.status) || plainConcept(r.reasonCode?.[0]) }),
  Encounter: encounter,
  DiagnosticReport: (r) => ({
    kind: 'Report',
    icon: 'file-text',
    title: plainConcept(r.code) || 'Report',
    detail: r.conclusion || stateWord(r.status) || (r.result?.length ? counted(r.result.length, 'result', 'results') : ''),
  }),
  DocumentReference: (r) => ({ kind: 'Document', icon: 'notes', title: plainConcept(first(r.type)) || 'Document', detail: typeof r.description === 'string' ? r.description : '' }),
  Composition: (r) => ({ kind: 'Document', icon: 'notes', title: r.title ?? (plainConcept(first(r.type)) || 'Document') }),
  CarePlan: (r) => ({
    kind: 'Plan',
    icon: 'list',
    title: r.title ?? `Care plan: ${conceptText(first(r.category)) || 'care'}`,
    detail: (r.activity ?? []).flatMap((one) => conceptText(one.detail?.code) || (one.detail?.description ?? [])).slice(0, 3).join(', '),
  }),
  CareTeam: (r) => ({
    kind: 'Care team',
    icon: 'users',
    title: typeof r.name === 'string' ? r.name : 'Care team',
    detail: (r.participant ?? []).map((one) => displayOf(one.member)).filter(Boolean).slice(0, 3).join(', '),
  }),
  Goal: (r) => ({ kind: 'Goal', icon: 'list', title: typeof r.description === 'object' ? (r.description.text ?? 'Goal') : 'Goal' }),
  ImagingStudy: imaging,
  Consent: (r) => ({ kind: 'Wish', icon: 'hand-stop', title: plainConcept(first(r.category)) || 'A wish', detail: plainConcept(r.code) }),
  Device: (r) => ({ kind: 'Device', icon: 'activity', title: r.deviceName?.[0]?.name ?? (plainConcept(first(r.type)) || 'Device') }),
  Claim: (r) => ({ kind: 'Bill', icon: 'receipt', title: `Bill: ${billedFor(r) || 'claim'}`, detail: totalOf(r) }),
  ExplanationOfBenefit: (r) => ({ kind: 'Insurance', icon: 'receipt', title: `Insurance statement: ${billedFor(r) || 'claim'}`, detail: paidBy(r) }),
  Organization: (r) => ({ kind: 'Hospital or practice', icon: 'building-hospital', title: named(r) }),
  Location: (r) => ({ kind: 'Place', icon: 'building-hospital', title: named(r) }),
  Practitioner: (r) => ({ kind: 'Doctor or nurse', icon: 'user', title: named(r) }),
  PractitionerRole: (r) => ({ kind: 'Doctor or nurse', icon: 'user', title: displayOf(r.practitioner as Reference | undefined) }),
  Provenance: (r) => ({ kind: 'Origin', icon: 'shield', title: 'Where entries come from', detail: r.agent?.map((one) => displayOf(one.who)).find(Boolean) ?? '' }),
  Coverage: () => ({ kind: 'Insurance', icon: 'receipt', title: 'Insurance' }),
  Patient: (r) => ({ kind: 'Personal details', icon: 'user', title: humanName(r.name) || 'Personal details', detail: [r.birthDate && `born ${day(r.birthDate)}`].filter(Boolean).join(', ') }),
  FamilyMemberHistory: (r) => ({ kind: 'Family history', icon: 'users', title: 'Family history', detail: conceptText(r.relationship as CodeableConcept) }),
  Appointment: (r) => ({ kind: 'Appointment', icon: 'calendar', title: 'Appointment', detail: typeof r.description === 'string' ? r.description : '' }),
  QuestionnaireResponse: () => ({ kind: 'Questionnaire', icon: 'list', title: 'Questionnaire' }),
  ServiceRequest: (r) => ({ kind: 'Referral', icon: 'send', title: plainConcept(r.code) || 'Referral' }),
};

const named = (r: Resource): string => humanName(r.name);

function imaging(r: Resource): Line {
  const series = r.series?.[0];
  const kind = MODALITIES[series?.modality?.code ?? first(r.modality)?.code ?? ''] ?? series?.modality?.display ?? '';
  const part = conceptText({ text: series?.bodySite?.display }).toLowerCase();
  const own = typeof r.description === 'string' ? r.description : plainConcept(r.procedureCode?.[0]);
  return {
    kind: 'Imaging',
    icon: 'scan',
    title: own || [kind || 'Imaging', part].filter(Boolean).join(': '),
    detail: r.numberOfInstances ? counted(r.numberOfInstances, 'picture', 'pictures') : '',
  };
}

const spaced = (type: string) => capital(type.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase());

export function describe(resource: Resource): Described {
  const kind = spaced(resource.resourceType);
  const line = DESCRIBERS[resource.resourceType]?.(resource) ?? { kind, icon: 'file-text' as const, title: plainConcept(resource.code) || kind };
  const found: Described = { detail: '', standing: 'unknown', date: dateOf(resource), ...line, title: capital(line.title || kind) };
  return isMistake(resource) ? { ...found, detail: 'entered by mistake, does not count', standing: 'unknown' } : found;
}

/** Free text that belongs to the record: notes, report texts, documents that are text. */
export function proseOf(resource: Resource): string[] {
  const attachments = [...(resource.presentedForm ?? []), ...(resource.content ?? []).map((one) => one.attachment ?? one)];
  const texts = [
    ...(resource.note ?? []).map((note) => note.text ?? ''),
    resource.conclusion ?? '',
    ...attachments.map((one) => attachmentText(one.data, one.contentType)),
  ].filter((text) => text.trim() !== '');
  if (texts.length > 0 || !['Composition', 'CarePlan', 'DiagnosticReport', 'DocumentReference'].includes(resource.resourceType)) return texts;
  const narrative = narrativeText(resource.text?.div);
  return narrative ? [narrative] : [];
}

/** Who did, wrote or ordered it, as far as the record names them. */
export function peopleOf(resource: Resource): string[] {
  const references: (Reference | undefined)[] = [
    ...(resource.performer ?? []).map((one) => one.actor ?? one),
    ...(resource.participant ?? []).map((one) => one.individual ?? one.actor),
    resource.requester,
    resource.recorder,
    resource.asserter,
    first(resource.author),
  ];
  return [...new Set(references.map(displayOf).filter(Boolean))];
}

/** Groups by visit where the record names one. */
export const visitOf = (resource: Resource): string | undefined =>
  resource.resourceType === 'Encounter' ? `Encounter/${resource.id}` : resource.encounter?.reference?.replace(/^urn:uuid:/, 'Encounter/').replace(/\/_history.*$/, '');

export interface CategoryWords {
  name: string;
  /** What it means for a person who decides about sharing it. */
  about: string;
  icon: IconName;
}

export const CATEGORY_WORDS: Record<Category, CategoryWords> = {
  demographics: { name: 'Personal details', about: 'Name, address, date of birth, insurance', icon: 'user' },
  problems: { name: 'Diagnoses', about: 'Illnesses and health problems, now and in the past', icon: 'clipboard-heart' },
  medications: { name: 'Medicines', about: 'What you take or have taken', icon: 'pill' },
  allergies: { name: 'Allergies', about: 'What you do not tolerate', icon: 'alert-triangle' },
  immunizations: { name: 'Vaccines', about: 'Vaccinations you have had', icon: 'vaccine' },
  labs: { name: 'Lab results', about: 'Blood, urine and other tests', icon: 'test-pipe' },
  vitals: { name: 'Measurements', about: 'Blood pressure, weight, pulse and the like', icon: 'heartbeat' },
  imaging: { name: 'Imaging', about: 'X-rays, scans and their reports', icon: 'scan' },
  procedures: { name: 'Procedures', about: 'Operations, treatments, implants', icon: 'bandage' },
  notes: { name: 'Visits & notes', about: 'Appointments, letters, plans', icon: 'stethoscope' },
  claims: { name: 'Bills', about: 'What was billed and paid', icon: 'receipt' },
  'mental-health': { name: 'Mental health', about: 'Extra protected: diagnoses, treatment and notes about mental health', icon: 'brain' },
  'substance-use': { name: 'Alcohol and drugs', about: 'Extra protected: use of alcohol or drugs, and its treatment', icon: 'shield' },
  reproductive: { name: 'Sexual health and pregnancy', about: 'Extra protected: contraception, pregnancy, sexual health', icon: 'heart' },
  genetic: { name: 'Genetic tests', about: 'Extra protected: what your genes say', icon: 'dna-2' },
  hiv: { name: 'HIV', about: 'Extra protected: tests and treatment for HIV', icon: 'shield' },
};

export const GROUND_WORDS: Record<EmergencyGround, string> = {
  unconscious: 'The person was unconscious',
  'cannot-consent': 'The person was awake and could not consent',
  'immediate-danger': 'Waiting would have put life or health in danger',
  other: 'Another reason',
};
export const PURPOSE_WORDS: Record<string, string> = {
  treatment: 'Care and treatment',
  payment: 'Payment',
  operations: 'Running the organisation',
  research: 'Research',
  'public-health': 'Public health',
  'patient-request': 'Your own use',
  emergency: 'Emergency',
};

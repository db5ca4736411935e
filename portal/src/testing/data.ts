/** A small coherent history of nobody, for the mock: enough to fill every page. Deterministic by seed and today's date. */
import type { Resource } from '../api/fhirTypes';
import type { Fault, Governance, Member, Parameters, Proposal } from '../api/staff';
import type { Category } from '../crypto/formats';

export interface MockRecord {
  category: Category;
  resource: Resource;
}
export interface MockPatient {
  id: string;
  name: string;
  birthDate: string;
  sex: string;
  records: MockRecord[];
}

const DAY_MS = 86_400_000;
const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
const code = (system: string, value: string, display: string) => ({ coding: [{ system, code: value, display }], text: display });

class History {
  records: MockRecord[] = [];
  private next = 0;
  constructor(private readonly patient: string, private readonly prefix: string) {}
  add(category: Category, resource: Resource): string {
    const id = `${this.prefix}${(this.next++).toString(36)}`;
    this.records.push({ category, resource: { ...resource, id, subject: { reference: `Patient/${this.patient}` } } });
    return `${resource.resourceType}/${id}`;
  }
  visit(ms: number, type: [string, string], who: string, reason?: [string, string]): string {
    return this.add('notes', {
      resourceType: 'Encounter', status: 'finished', class: { code: 'AMB' }, type: [code(SNOMED, ...type)],
      period: { start: iso(ms), end: iso(ms + 1_800_000) }, participant: [{ individual: { display: who } }],
      ...(reason ? { reasonCode: [code(SNOMED, ...reason)] } : {}),
    });
  }
  lab(ms: number, encounter: string, [loinc, display]: [string, string], value: number, unit: string, range?: [number | undefined, number | undefined]): void {
    this.add('labs', {
      resourceType: 'Observation', status: 'final', category: [code('http://terminology.hl7.org/CodeSystem/observation-category', 'laboratory', 'Laboratory')],
      code: code(LOINC, loinc, display), effectiveDateTime: iso(ms), encounter: { reference: encounter },
      valueQuantity: { value, unit, code: unit },
      ...(range ? { referenceRange: [{ low: range[0] === undefined ? undefined : { value: range[0] }, high: range[1] === undefined ? undefined : { value: range[1] } }] } : {}),
    });
  }
  vital(ms: number, encounter: string, [loinc, display]: [string, string], value: number, unit: string): void {
    this.add('vitals', {
      resourceType: 'Observation', status: 'final', category: [code('http://terminology.hl7.org/CodeSystem/observation-category', 'vital-signs', 'Vital signs')],
      code: code(LOINC, loinc, display), effectiveDateTime: iso(ms), encounter: { reference: encounter }, valueQuantity: { value, unit, code: unit },
    });
  }
  pressure(ms: number, encounter: string, upper: number, lower: number): void {
    const part = (loinc: string, display: string, value: number) => ({ code: code(LOINC, loinc, display), valueQuantity: { value, unit: 'mm[Hg]', code: 'mm[Hg]' } });
    this.add('vitals', {
      resourceType: 'Observation', status: 'final', category: [code('http://terminology.hl7.org/CodeSystem/observation-category', 'vital-signs', 'Vital signs')],
      code: code(LOINC, '85354-9', 'Blood pressure panel'), effectiveDateTime: iso(ms), encounter: { reference: encounter },
      component: [part('8480-6', 'Systolic blood pressure', upper), part('8462-4', 'Diastolic blood pressure', lower)],
    });
  }
}

const round = (value: number, digits = 1) => Number(value.toFixed(digits));
const note = (text: string) => ({ content: [{ attachment: { contentType: 'text/plain', data: Buffer.from(text).toString('base64') } }] });

/** At the first hospital: diabetes, blood pressure, the family doctor. */
export function homeHistory(id: string, seed: number, todayMs: number): MockRecord[] {
  const random = randomOf(seed);
  const wobble = (size: number) => (random() - 0.5) * 2 * size;
  const history = new History(id, 'a');
  const doctor = 'Dr. Maria Lang';
  const start = todayMs - 6 * 365 * DAY_MS;
  history.add('demographics', { resourceType: 'Coverage', status: 'active', period: { start: iso(start) } });
  history.add('problems', { resourceType: 'Condition', clinicalStatus: code('', 'active', 'Active'), code: code(SNOMED, '44054006', 'Diabetes mellitus type 2 (disorder)'), onsetDateTime: iso(start + 40 * DAY_MS).slice(0, 10), recorder: { display: doctor } });
  history.add('problems', { resourceType: 'Condition', clinicalStatus: code('', 'active', 'Active'), code: code(SNOMED, '38341003', 'Hypertensive disorder (disorder)'), onsetDateTime: iso(start + 300 * DAY_MS).slice(0, 10), recorder: { display: doctor } });
  history.add('problems', { resourceType: 'Condition', clinicalStatus: code('', 'resolved', 'Resolved'), code: code(SNOMED, '10509002', 'Acute bronchitis (disorder)'), onsetDateTime: iso(todayMs - 700 * DAY_MS).slice(0, 10), abatementDateTime: iso(todayMs - 686 * DAY_MS).slice(0, 10) });
  history.add('allergies', { resourceType: 'AllergyIntolerance', clinicalStatus: code('', 'active', 'Active'), criticality: 'high', code: code(SNOMED, '91936005', 'Allergy to penicillin'), reaction: [{ manifestation: [code(SNOMED, '247472004', 'Hives')] }], recordedDate: iso(start).slice(0, 10) });
  history.add('allergies', { resourceType: 'AllergyIntolerance', clinicalStatus: code('', 'active', 'Active'), criticality: 'low', code: code(SNOMED, '418689008', 'Allergy to grass pollen'), recordedDate: iso(start).slice(0, 10) });
  const medicine = (name: string, ms: number, status: string, dose: string) =>
    history.add('medications', { resourceType: 'MedicationRequest', status, medicationCodeableConcept: code('http://www.nlm.nih.gov/research/umls/rxnorm', '1', name), authoredOn: iso(ms), dosageInstruction: [{ text: dose }], requester: { display: doctor } });
  medicine('Metformin 500 mg tablet', start + 45 * DAY_MS, 'stopped', 'One tablet twice a day with meals');
  medicine('Metformin 1000 mg tablet', todayMs - 800 * DAY_MS, 'active', 'One tablet twice a day with meals');
  medicine('Lisinopril 10 mg tablet', start + 310 * DAY_MS, 'active', 'One tablet in the morning');
  medicine('Amlodipine 5 mg tablet', todayMs - 400 * DAY_MS, 'active', 'One tablet in the evening');
  for (let quarter = 0; quarter < 24; quarter++) {
    const ms = start + quarter * 91 * DAY_MS + 9 * 3_600_000;
    const visit = history.visit(ms, ['390906007', 'Follow-up encounter'], doctor, ['44054006', 'Diabetes mellitus type 2 (disorder)']);
    const trend = quarter < 12 ? quarter / 12 : 1 - (quarter - 12) / 24;
    history.lab(ms, visit, ['4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood'], round(6.3 + 1.5 * trend + wobble(0.2)), '%', [4, 5.6]);
    history.pressure(ms, visit, Math.round(134 + 14 * trend + wobble(7)), Math.round(82 + 6 * trend + wobble(4)));
    // The old scales were in pounds, and the old laboratory gave moles.
    const [weight, old] = [84 + 5 * trend + wobble(0.8), quarter < 8];
    history.vital(ms, visit, ['29463-7', 'Body weight'], round(old ? weight / 0.45359237 : weight), old ? '[lb_av]' : 'kg');
    history.vital(ms, visit, ['8867-4', 'Heart rate'], Math.round(74 + wobble(8)), '/min');
    if (quarter % 2 === 0) {
      history.lab(ms, visit, ['2160-0', 'Creatinine [Mass/volume] in Serum or Plasma'], round(0.92 + wobble(0.12), 2), 'mg/dL', [0.6, 1.2]);
      const ldl = Math.round(142 - 30 * (quarter / 24) + wobble(12));
      history.lab(ms, visit, ['13457-7', 'Cholesterol in LDL'], old ? round(ldl / 38.67, 2) : ldl, old ? 'mmol/L' : 'mg/dL');
      history.lab(ms, visit, ['2085-9', 'Cholesterol in HDL'], Math.round(46 + wobble(5)), 'mg/dL');
      history.lab(ms, visit, ['2823-3', 'Potassium'], round(4.3 + wobble(0.4)), 'mmol/L', [3.5, 5.1]);
    }
    if (quarter % 4 === 3) {
      history.add('immunizations', { resourceType: 'Immunization', status: 'completed', vaccineCode: code('http://hl7.org/fhir/sid/cvx', '140', 'Influenza, seasonal, injectable, preservative free'), occurrenceDateTime: iso(ms), encounter: { reference: visit } });
      history.add('notes', { resourceType: 'DocumentReference', status: 'current', type: code(LOINC, '11506-3', 'Progress note'), date: iso(ms), encounter: { reference: visit }, author: [{ display: doctor }], ...note('Feels well. Walks half an hour on most days. No dizziness.\n\nPlan: go on as before, next check in three months, eye check this year.') });
    }
  }
  history.add('procedures', { resourceType: 'Procedure', status: 'completed', code: code(SNOMED, '73761001', 'Colonoscopy (procedure)'), performedDateTime: iso(todayMs - 520 * DAY_MS), performer: [{ actor: { display: 'Dr. Paul Weber' } }] });
  history.add('mental-health', { resourceType: 'Condition', clinicalStatus: code('', 'resolved', 'Resolved'), code: code(SNOMED, '35489007', 'Depressive disorder (disorder)'), onsetDateTime: '2021-11', abatementDateTime: '2022-08' });
  history.add('claims', { resourceType: 'ExplanationOfBenefit', status: 'active', type: code('', 'professional', 'Visit'), created: iso(todayMs - 30 * DAY_MS), total: [{ amount: { value: 84.5, currency: 'EUR' } }] });
  return history.records;
}

/** At the second: a heart check, and what came of it. */
export function awayHistory(id: string, seed: number, todayMs: number): MockRecord[] {
  const random = randomOf(seed);
  const history = new History(id, 'b');
  const doctor = 'Dr. Bo Lind';
  const ms = todayMs - 16 * DAY_MS;
  const visit = history.visit(ms, ['50849002', 'Emergency room admission (procedure)'], doctor, ['29857009', 'Chest pain']);
  history.pressure(ms, visit, 158, 94);
  history.vital(ms, visit, ['59408-5', 'Oxygen saturation'], 97, '%');
  history.vital(ms, visit, ['8310-5', 'Body temperature'], 36.8, 'Cel');
  history.lab(ms, visit, ['718-7', 'Hemoglobin'], round(13.8 + random()), 'g/dL', [12, 16]);
  history.lab(ms, visit, ['33762-6', 'NT-proBNP'], 212, 'pg/mL', [undefined, 125]);
  history.add('procedures', { resourceType: 'Procedure', status: 'completed', code: code(SNOMED, '29303009', 'Electrocardiographic procedure'), performedDateTime: iso(ms), encounter: { reference: visit } });
  history.add('imaging', { resourceType: 'ImagingStudy', status: 'available', started: iso(ms + DAY_MS), description: 'Heart ultrasound', numberOfInstances: 42 });
  history.add('notes', { resourceType: 'DiagnosticReport', status: 'final', code: code(LOINC, '18842-5', 'Discharge summary'), effectiveDateTime: iso(ms + DAY_MS), encounter: { reference: visit }, conclusion: 'No sign of a heart attack. Slightly raised heart strain value; blood pressure to be checked again in four weeks.', performer: [{ display: doctor }] });
  return history.records;
}

const NAMES: [string, string, string][] = [
  ['Amina Berger', '1964-03-12', 'female'], ['Jonas Keller', '1951-09-30', 'male'], ['Lucía Ortega', '1988-06-04', 'female'],
  ['Tomasz Nowak', '1979-12-21', 'male'], ['Ingrid Solberg', '1942-02-17', 'female'], ['Kwame Mensah', '2015-07-08', 'male'],
];

export const mockPatients = (prefix: string, todayMs: number, history: (id: string, seed: number, todayMs: number) => MockRecord[]): MockPatient[] =>
  NAMES.map(([name, birthDate, sex], at) => {
    const id = `${prefix}-${at + 1}`;
    const person: MockRecord = { category: 'demographics', resource: { resourceType: 'Patient', id, name: [{ text: name }], birthDate, gender: sex } };
    return { id, name, birthDate, sex, records: [person, ...history(id, at + 7, todayMs)] };
  });

const PARAMETERS: Parameters = { transactionLifetimeBlocksMax: 10_000, grantPeriodMsMax: 3_660 * DAY_MS, blockTransactionsMax: 4_096, epochBlocks: 1_024, votingPeriodMs: 14 * DAY_MS, blocksRetained: 500_000, protocol: 1 };
const PHARMACY = { id: 'pharmacy', name: 'Harbour Pharmacies', class: 'pharmacy', custodian: false, ledgerAddress: 'ledger.harbour.example:9000', peerUrl: 'https://node.harbour.example:9443', portalUrl: 'https://harbour.example' } as const;

/** What the node of an organisation makes for those who shall admit it. */
export const mockApplication = { organisation: { ...PHARMACY, id: 'institute', name: 'Institute for Heart Research', class: 'research', validator: false, portalUrl: 'https://heart.example', peerUrl: 'https://node.heart.example:9443', ledgerAddress: 'ledger.heart.example:9000', nodeKey: '7a'.repeat(32) }, acceptance: '5c'.repeat(64) };

/** Proposals in every state, seen by the second of four members. */
export function mockGovernance(members: Member[], nowMs: number): Governance {
  const [a, b, c, d] = members.map((one) => one.id) as [string, string, string, string];
  const proposal = (number: number, proposer: string, inFavour: string[], against: string[], rest: Pick<Proposal, 'change'> & Partial<Proposal>): Proposal => ({
    id: number.toString(16).padStart(64, '0'), number, proposer, height: 39_000 + number * 310, closesMs: nowMs + (number - 1) * DAY_MS, outcome: 'open', decided: null,
    votes: { for: inFavour, against }, needed: 3, accepted: false, own: inFavour.includes(b) ? 'for' : against.includes(b) ? 'against' : null, ...rest,
  });
  const proposals = [
    proposal(8, d, [d, a], [], { change: { kind: 'admit', organisation: PHARMACY } }),
    proposal(7, a, [a], [d], { change: { kind: 'remove', organisation: c } }),
    proposal(6, c, [c, a, d], [], { accepted: true, change: { kind: 'update', organisation: c, differences: [{ field: 'name', from: 'Helvia Insurance', to: 'Helvia Health Insurance' }, { field: 'portalUrl', from: 'https://helvia.example', to: 'https://portal.helvia.example' }] } }),
    proposal(5, b, [b], [], { change: { kind: 'setParameters', parameters: { ...PARAMETERS, votingPeriodMs: 7 * DAY_MS }, differences: [{ field: 'votingPeriodMs', from: 14 * DAY_MS, to: 7 * DAY_MS }] } }),
    proposal(4, d, [d, a, b], [], { outcome: 'executed', decided: 40_960, change: { kind: 'setDuties', organisation: b, validator: true, custodian: true } }),
    proposal(3, c, [c], [a, d], { outcome: 'refused', decided: 39_936, change: { kind: 'setParameters', parameters: { ...PARAMETERS, grantPeriodMsMax: 7_320 * DAY_MS }, differences: [{ field: 'grantPeriodMsMax', from: 3_660 * DAY_MS, to: 7_320 * DAY_MS }] } }),
    proposal(2, a, [a], [], { outcome: 'lapsed', decided: 39_936, change: { kind: 'setClass', organisation: c, class: 'regulator' } }),
  ];
  const faults: Fault[] = [{ organisation: c, misdeed: 'two-notarizes', epoch: 38, view: 812, accuser: a, height: 39_512, timeMs: nowMs - 2 * DAY_MS }];
  return { network: { name: 'Mock network', epoch: 41, firstHeight: 41_985, lastHeight: 43_008, height: 41_990, timeMs: nowMs, blockMs: 700 }, parameters: PARAMETERS, members, proposals, faults };
}

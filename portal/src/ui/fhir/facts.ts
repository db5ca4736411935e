/** What the page about one entry says beyond its title: names and values by type, in the order in which people ask. */
import type { Address, CodeableConcept, Reference, Resource } from '../../api/fhirTypes';
import { billedFor, paidOf, totalOf } from './bills';
import { day } from './dates';
import { describe, dosageText, peopleOf, plainConcept } from './describe';
import { certaintyWord, clinicalWord, isMistake, medicineWord, stateWord } from './status';
import { conceptText, counted, displayOf } from './text';

export type Fact = [name: string, value: string];
/** The entry that a reference means, if it is at hand. */
export type Find = (reference: Reference | undefined) => Resource | undefined;

const listOf = <T>(value: T | T[] | undefined): T[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
const join = (texts: string[]): string => [...new Set(texts.filter(Boolean))].join(', ');
const concepts = (value: CodeableConcept | CodeableConcept[] | undefined): string => join(listOf(value).map(plainConcept));
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const SEXES: Record<string, string> = { female: 'Female', male: 'Male', other: 'Other' };
const DANGERS: Record<string, string> = { high: 'Can be dangerous', low: 'Usually not dangerous' };
const PROGRESS: Record<string, string> = { 'in-progress': 'On the way', improving: 'Getting better', worsening: 'Getting worse', 'no-change': 'No change', achieved: 'Reached', sustaining: 'Reached and kept', 'not-achieved': 'Not reached' };

function addressText({ text, line, city, state, postalCode, country }: Address): string {
  return text ?? [line?.join(', '), [postalCode, city].filter(Boolean).join(' '), state, country].filter(Boolean).join(', ');
}

const reach = (r: Resource, system: string): string => join((r.telecom ?? []).filter((one) => one.system === system).map((one) => one.value ?? ''));
const placed = (r: Resource): Fact[] => [['Address', listOf(r.address).map(addressText).join('; ')], ['Phone', reach(r, 'phone')], ['E-mail', reach(r, 'email')]];
const where = (r: Resource): string => displayOf(r.serviceProvider) || join(listOf(r.location).map((one) => displayOf(one.location ?? one)));

const ofPatient = (r: Resource): Fact[] => [
  ['Born', r.birthDate ? day(r.birthDate) : ''],
  ['Sex', SEXES[r.gender ?? ''] ?? ''],
  ...placed(r),
  ['Language', join((r.communication ?? []).map((one) => conceptText(one.language)))],
  ['Family status', conceptText(r.maritalStatus)],
  ['Family doctor', join((r.generalPractitioner ?? []).map(displayOf))],
  ['Died', r.deceasedDateTime ? day(r.deceasedDateTime) : ''],
];

const reactionText = ({ manifestation, severity }: NonNullable<Resource['reaction']>[0]): string =>
  [join((manifestation ?? []).map(plainConcept)), severity].filter(Boolean).join(', ');

const activityText = ({ detail }: NonNullable<Resource['activity']>[0]): string => {
  const state = stateWord(detail?.status);
  return [plainConcept(detail?.code) || detail?.description, state && `(${state})`].filter(Boolean).join(' ');
};

const memberText = ({ member, role }: NonNullable<Resource['participant']>[0]): string => {
  const [name, does] = [displayOf(member), concepts(role).toLowerCase()];
  return name && does ? `${name} (${does})` : name || does;
};

const BY_TYPE: Record<string, (r: Resource, find: Find) => Fact[]> = {
  Patient: ofPatient,
  Condition: (r) => [['State', capital(clinicalWord(r))], ['How certain', capital(certaintyWord(r))], ['How bad', plainConcept(r.severity)], ['Body part', concepts(r.bodySite)]],
  AllergyIntolerance: (r) => [
    ['State', capital(clinicalWord(r))],
    ['How certain', capital(certaintyWord(r))],
    ['Danger', DANGERS[r.criticality ?? ''] ?? ''],
    ['Reaction', (r.reaction ?? []).map(reactionText).join('; ')],
  ],
  MedicationRequest: (r) => [['State', capital(medicineWord(r))], ['How to take it', dosageText(r.dosageInstruction)]],
  MedicationStatement: (r) => [['State', capital(medicineWord(r))], ['How to take it', dosageText(r.dosage)]],
  Immunization: (r) => [['Dose', String(r.protocolApplied?.[0]?.doseNumberPositiveInt ?? '')], ['Where', where(r)], ['Body part', plainConcept(r.site)], ['Batch', r.lotNumber ?? '']],
  Procedure: (r) => [['State', capital(stateWord(r.status))], ['Where', where(r)], ['Body part', concepts(r.bodySite)], ['Outcome', typeof r.outcome === 'object' ? plainConcept(r.outcome) : '']],
  Encounter: (r) => [['State', capital(stateWord(r.status))], ['Where', where(r)]],
  DiagnosticReport: (r, find) => [['State', capital(stateWord(r.status))], ['Results', join((r.result ?? []).map((one) => (find(one) ? '' : displayOf(one))))]],
  CarePlan: (r) => [['State', capital(stateWord(r.status))], ['What to do', join((r.activity ?? []).map(activityText))], ['For', join((r.addresses ?? []).map(displayOf))]],
  CareTeam: (r) => [['State', capital(stateWord(r.status))], ['Who', join((r.participant ?? []).map(memberText))]],
  Goal: (r) => [['State', capital(stateWord(r.lifecycleStatus))], ['Progress', PROGRESS[r.achievementStatus?.coding?.[0]?.code ?? ''] ?? ''], ['By when', r.target?.[0]?.dueDate ? day(r.target[0].dueDate) : '']],
  Claim: (r) => [['For', capital(billedFor(r))], ['Billed', totalOf(r)], ['Insurance', insurance(r)]],
  ExplanationOfBenefit: (r) => [['For', capital(billedFor(r))], ['Billed', totalOf(r)], ['Insurance paid', paidOf(r)], ['Insurance', displayOf(r.insurer) || insurance(r)]],
  Coverage: (r) => [['Insurance', join((r.payor ?? []).map(displayOf))], ['Member number', r.subscriberId ?? ''], ['Kind', concepts(r.type)]],
  ImagingStudy: (r) => [['Pictures', r.numberOfInstances ? counted(r.numberOfInstances, 'picture', 'pictures') : '']],
  Device: (r) => [['State', capital(stateWord(r.status))], ['Maker', typeof r.manufacturer === 'string' ? r.manufacturer : displayOf(r.manufacturer)], ['Model', r.modelNumber ?? ''], ['Serial number', r.serialNumber ?? ''], ['Batch', r.lotNumber ?? ''], ['Use until', r.expirationDate ? day(r.expirationDate) : '']],
  Organization: placed,
  Location: placed,
  Practitioner: placed,
  Provenance: (r) => [['Who', join((r.agent ?? []).map((one) => displayOf(one.who)))], ['For', join((r.agent ?? []).map((one) => displayOf(one.onBehalfOf)))]],
  DocumentReference: (r) => [['State', capital(stateWord(r.status === 'current' ? '' : r.status))]],
  FamilyMemberHistory: (r) => [['Illnesses', join((r.condition ?? []).map((one) => plainConcept(one.code)))]],
};

const insurance = (r: Resource): string => join((r.insurance ?? []).map((one) => displayOf(one.coverage)));

function reasons(r: Resource, find: Find): string {
  const named = (r.reasonReference ?? []).map((one) => displayOf(one) || (find(one) ? describe(find(one)!).title : ''));
  return join([...(r.reasonCode ?? []).map(plainConcept), ...named]);
}

/** The end, where it is another day than the beginning. */
function until(r: Resource): string {
  const end = r.abatementDateTime ?? r.period?.end ?? r.performedPeriod?.end;
  const start = r.onsetDateTime ?? r.period?.start ?? r.performedPeriod?.start;
  return end && (!start || day(start) !== day(end)) ? day(end) : '';
}

/** Empty values are left out by whoever shows them. */
export function factsOf(resource: Resource, find: Find = () => undefined): Fact[] {
  const medical = conceptText(resource.code ?? resource.medicationCodeableConcept ?? resource.vaccineCode);
  const mistake = isMistake(resource);
  const own = BY_TYPE[resource.resourceType]?.(resource, find) ?? [];
  return [
    ['Note', mistake ? 'Entered by mistake. It is kept here because nothing is erased, but it does not count.' : ''],
    ...own.filter(([name]) => !mistake || name !== 'State'),
    ['Until', until(resource)],
    ['By', peopleOf(resource).join(', ')],
    ['Reason', reasons(resource, find)],
    ['Medical name', medical],
  ];
}

/** Looks a reference up among `resources`, whichever way it is written. */
export function finder(resources: Resource[]): Find {
  const byId = new Map(resources.map((one) => [`${one.resourceType}/${one.id}`, one]));
  const byUuid = new Map(resources.map((one) => [one.id, one]));
  return (reference) => {
    const text = reference?.reference?.replace(/\/_history.*$/, '') ?? '';
    return text.startsWith('urn:uuid:') ? byUuid.get(text.slice(9)) : byId.get(text);
  };
}

export interface AttachedFile {
  name: string;
  type: string;
  /** Base64. */
  data: string;
}

const ENDINGS: Record<string, string> = { 'application/pdf': 'pdf', 'image/jpeg': 'jpg', 'image/png': 'png', 'application/xml': 'xml', 'application/dicom': 'dcm' };

/** Attachments that are no text: to be saved, not shown. */
export function filesOf(resource: Resource): AttachedFile[] {
  const all = [...(resource.presentedForm ?? []), ...(resource.content ?? []).map((one) => one.attachment ?? one)];
  return all.flatMap(({ data, contentType = 'application/octet-stream', title }) => {
    if (!data || contentType.startsWith('text/')) return [];
    return [{ name: title ?? `document.${ENDINGS[contentType] ?? 'bin'}`, type: contentType, data }];
  });
}

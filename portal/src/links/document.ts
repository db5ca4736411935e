/** What a link holds: a FHIR document in the form of the International Patient Summary, of what the person chose. */
import type { Coding, Resource } from '../api/fhirTypes';
import type { Category } from '../crypto/formats';

export interface Chosen {
  resource: Resource;
  category: Category;
  /** The name of the organisation that made it. */
  source: string;
}
interface Entry {
  fullUrl: string;
  resource: Resource;
}
export interface FhirDocument {
  resourceType: 'Bundle';
  type: 'document';
  timestamp: string;
  identifier: { system: string; value: string };
  entry: Entry[];
}

/** Sections of the IPS, by what falls into them; what has none comes last. */
const SECTIONS: [string, string, string[]][] = [
  ['48765-2', 'Allergies', ['AllergyIntolerance']],
  ['10160-0', 'Medicines', ['MedicationRequest', 'MedicationStatement', 'MedicationAdministration', 'MedicationDispense']],
  ['11450-4', 'Diagnoses', ['Condition']],
  ['11369-6', 'Vaccines', ['Immunization']],
  ['47519-4', 'Procedures', ['Procedure']],
  ['46264-8', 'Devices', ['Device', 'DeviceUseStatement']],
  ['30954-2', 'Results', ['Observation', 'DiagnosticReport', 'ImagingStudy']],
  ['18776-5', 'Plans', ['CarePlan', 'CareTeam', 'Goal']],
];
const OTHERS: [string, string] = ['46240-8', 'Visits and others'];
const LOINC = 'http://loinc.org';
const SUMMARY: Coding = { system: LOINC, code: '60591-5', display: 'Patient summary Document' };

/** 42 CFR 2.32 (a)(2): goes with every disclosure of records of treatment for substance use. */
export const REDISCLOSURE = '42 CFR part 2 prohibits unauthorized use or disclosure of these records.';
const NO_REDISCLOSURE: Coding = { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'NORDSCLCD', display: 'no redisclosure without consent directive' };

const urlOf = (id: string) => `urn:uuid:${id}`;

/** A bundle of what was chosen; `name` and `born` say whose it is, and nothing else does. */
export function documentOf(who: { name: string; birthDate?: string }, chosen: Chosen[], nowMs: number): FhirDocument {
  const patient: Resource & Record<string, unknown> = { resourceType: 'Patient', id: crypto.randomUUID(), name: [{ text: who.name }], ...(who.birthDate && { birthDate: who.birthDate }) };
  const records = chosen.filter(({ resource }) => resource.resourceType !== 'Patient').map((one) => ({ ...one, id: crypto.randomUUID() }));
  const places = new Map(records.map(({ resource, id }) => [`${resource.resourceType}/${resource.id}`, urlOf(id)]));
  const entries = records.map(({ resource, source, id }) => ({ id, resource: moved(resource, id, urlOf(patient.id!), places, source) }));
  const protectedSome = chosen.some(({ category }) => category === 'substance-use');
  const composition = compositionOf(patient.id!, entries, nowMs, protectedSome, [...new Set(chosen.map(({ source }) => source))]);
  const all = [composition, patient, ...entries.map(({ resource }) => resource)];
  return {
    resourceType: 'Bundle',
    type: 'document',
    timestamp: new Date(nowMs).toISOString(),
    identifier: { system: 'urn:ietf:rfc:3986', value: urlOf(crypto.randomUUID()) },
    entry: all.map((resource) => ({ fullUrl: urlOf(resource.id!), resource })),
  };
}

function compositionOf(patient: string, entries: { id: string; resource: Resource }[], nowMs: number, noted: boolean, sources: string[]): Resource {
  const placed = new Map<string, { id: string }[]>();
  for (const { id, resource } of entries) {
    const code = SECTIONS.find(([, , types]) => types.includes(resource.resourceType))?.[0] ?? OTHERS[0];
    placed.set(code, [...(placed.get(code) ?? []), { id }]);
  }
  const section = [...SECTIONS.map(([code, title]) => [code, title] as const), OTHERS].flatMap(([code, title]) => {
    const within = placed.get(code);
    return within ? [{ title, code: { coding: [{ system: LOINC, code }] }, entry: within.map(({ id }) => ({ reference: urlOf(id) })) }] : [];
  });
  const notice = noted ? [{ title: 'Notice', code: { coding: [{ system: LOINC, code: OTHERS[0] }] }, text: { status: 'additional', div: `<div xmlns="http://www.w3.org/1999/xhtml">${REDISCLOSURE}</div>` } }] : [];
  const composition = {
    resourceType: 'Composition',
    id: crypto.randomUUID(),
    status: 'final',
    type: { coding: [SUMMARY] },
    subject: { reference: urlOf(patient) },
    date: new Date(nowMs).toISOString(),
    author: [{ reference: urlOf(patient) }],
    title: 'Chosen by the patient',
    custodian: { display: sources.join(', ') },
    section: [...notice, ...section],
    ...(noted && { meta: { security: [NO_REDISCLOSURE] } }),
  };
  return composition as unknown as Resource;
}

/** References within are to what is within; all others are words, so that nothing else of the record is named. */
function moved(resource: Resource, id: string, patient: string, places: Map<string, string>, source: string): Resource {
  const empty = (value: unknown) => value !== null && typeof value === 'object' && Object.keys(value).length === 0;
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk).filter((one) => !empty(one));
    if (value === null || typeof value !== 'object') return value;
    const fields = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
      if (name !== 'reference' || typeof inner !== 'string' || inner.startsWith('#')) return [[name, walk(inner)]];
      const [type, bare] = inner.replace(/\/_history.*$/, '').split('/').slice(-2);
      if (type === 'Patient') return [['reference', patient]];
      const place = places.get(`${type}/${bare}`);
      return place ? [['reference', place]] : [];
    });
    // A reference without words to what is not in it leaves nothing.
    return Object.fromEntries(fields.filter(([, inner]) => !empty(inner)));
  };
  const { text: _narrative, ...kept } = resource;
  const own = walk(kept) as Resource;
  return { ...own, id, meta: { source, ...(resource.meta?.security && { security: resource.meta.security }) } };
}

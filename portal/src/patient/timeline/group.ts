/** The timeline: entries by month, and within it by visit where the record names one. */
import { describe, dateOf, visitOf, type Described } from '../../ui/fhir/describe';
import { monthOf, msOf, UNDATED_MS } from '../../ui/fhir/dates';
import { conceptText } from '../../ui/fhir/text';
import type { RecordItem } from '../session/sync';

export interface Entry {
  record: RecordItem;
  described: Described;
  ms: number;
}
export interface Visit {
  key: string;
  ms: number;
  /** The visit itself, if it is among the entries. */
  head: Entry | null;
  entries: Entry[];
}
export interface Month {
  name: string;
  visits: Visit[];
}

/** Who the person is, and bills, are no events of a medical history. */
const NO_EVENT = new Set(['Patient', 'Claim', 'ExplanationOfBenefit', 'Coverage', 'CareTeam', 'Practitioner', 'Organization', 'Location', 'Provenance', 'PractitionerRole', 'Medication', 'Device', 'Goal']);

export function entriesOf(records: RecordItem[]): Entry[] {
  return records.map((record) => ({ record, described: describe(record.resource), ms: msOf(dateOf(record.resource)) }));
}

const STANDS_OUT = new Set(['low', 'high', 'slightly-low', 'slightly-high', 'unusual']);
const WEIGHT: Record<string, number> = { Condition: 6, AllergyIntolerance: 6, Procedure: 5, MedicationRequest: 5, Immunization: 4, DocumentReference: 3, DiagnosticReport: 2 };
const weight = (entry: Entry) => (STANDS_OUT.has(entry.described.standing) ? 4 : 0) + (WEIGHT[entry.record.resource.resourceType] ?? 1);

export function timeline(entries: Entry[]): Month[] {
  const visits = new Map<string, Visit>();
  for (const entry of entries) {
    if (NO_EVENT.has(entry.record.resource.resourceType)) continue;
    const visit = visitOf(entry.record.resource);
    const key = visit ? `${entry.record.source}/${visit}` : `${entry.record.source}/${entry.record.key}`;
    const known = visits.get(key) ?? { key, ms: entry.ms, head: null, entries: [] };
    if (entry.record.resource.resourceType === 'Encounter') {
      known.head = entry;
      known.ms = entry.ms;
    } else {
      known.entries.push(entry);
    }
    visits.set(key, known);
  }
  const months = new Map<string, Month>();
  for (const visit of [...visits.values()].sort((a, b) => b.ms - a.ms)) {
    visit.entries.sort((a, b) => weight(b) - weight(a));
    const name = visit.ms !== UNDATED_MS ? monthOf(new Date(visit.ms)) : 'Without a date';
    const month = months.get(name) ?? { name, visits: [] };
    month.visits.push(visit);
    months.set(name, month);
  }
  return [...months.values()];
}

/** In the order given, so newest first stays newest first. */
export function byYear(entries: Entry[]): [year: string, entries: Entry[]][] {
  const years = new Map<string, Entry[]>();
  for (const entry of entries) {
    const year = entry.ms !== UNDATED_MS ? String(new Date(entry.ms).getFullYear()) : 'Without a date';
    years.set(year, [...(years.get(year) ?? []), entry]);
  }
  return [...years];
}

/** Finds plain words and the medical ones that a letter uses. */
export function matches(entry: Entry, words: string): boolean {
  const { code, medicationCodeableConcept, vaccineCode } = entry.record.resource;
  const medical = conceptText(code ?? medicationCodeableConcept ?? vaccineCode);
  const text = `${entry.described.title} ${entry.described.detail} ${entry.described.kind} ${medical}`.toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

import { expect, it } from 'vitest';
import type { Resource } from '../../api/fhirTypes';
import type { RecordItem } from '../session/sync';
import { byYear, entriesOf, matches, timeline } from './group';

const record = (source: string, resource: Resource): RecordItem => ({ key: `${source}${resource.id}`, source, resource, category: 'labs', content: 'fhir' }) as RecordItem;
const visit = { reference: 'Encounter/v' };
const entries = entriesOf([
  record('a', { resourceType: 'Encounter', id: 'v', period: { start: '2026-03-04T10:00:00Z' } }),
  record('a', { resourceType: 'Observation', id: '1', encounter: visit, effectiveDateTime: '2026-03-04', code: { text: 'Iron' } }),
  record('a', { resourceType: 'Condition', id: '2', encounter: visit, onsetDateTime: '2026-03-04', code: { text: 'Anaemia' } }),
  record('b', { resourceType: 'Observation', id: '3', encounter: visit, effectiveDateTime: '2025-01-01', code: { text: 'Zinc' } }),
  record('a', { resourceType: 'Claim', id: '4', created: '2026-03-04' }),
]);

it('a visit gathers its entries, the weightiest first, and never those of another source', () => {
  const months = timeline(entries);
  expect(months).toHaveLength(2);
  const [first] = months[0]!.visits;
  expect(first!.head?.record.resource.id).toBe('v');
  expect(first!.entries.map((entry) => entry.record.resource.id)).toEqual(['2', '1']);
  expect(months[1]!.visits[0]!.entries.map((entry) => entry.record.resource.id)).toEqual(['3']);
});

it('bills are no events, but are found', () => {
  expect(timeline(entries).flatMap((month) => month.visits).flatMap((one) => one.entries).some((entry) => entry.record.resource.resourceType === 'Claim')).toBe(false);
  expect(entries.filter((entry) => matches(entry, 'bill')).length).toBe(1);
  expect(entries.filter((entry) => matches(entry, 'anaemia diag')).length).toBe(1);
  const [report] = entriesOf([record('a', { resourceType: 'DiagnosticReport', id: '5', code: { coding: [{ system: 'http://loinc.org', code: '57698-3' }], text: 'Lipid Panel' } })]);
  expect(matches(report!, 'lipid') && matches(report!, 'cholesterol')).toBe(true);
});

it('a long list falls into years', () => {
  const newestFirst = [...entries].sort((a, b) => b.ms - a.ms);
  expect(byYear(newestFirst).map(([year, group]) => `${year} ${group.length}`)).toEqual(['2026 4', '2025 1']);
});

it('what is older than 1970 has a date, and what has none comes last', () => {
  const old = entriesOf([record('a', { resourceType: 'Condition', id: '1' }), record('a', { resourceType: 'Condition', id: '2', onsetDateTime: '1951-03-04' })]);
  expect(timeline(old).map((month) => month.name)).toEqual(['March 1951', 'Without a date']);
  expect(byYear(old).map(([year]) => year)).toEqual(['Without a date', '1951']);
});

import { describe as group, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { themeCss } from '../../../scripts/theme-css';
import type { Resource } from '../../api/fhirTypes';
import { describe, dosageText, visitOf } from './describe';
import { ageAt, toDate } from './dates';
import { setPerson } from './person';
import { seriesOf } from './series';
import { humanName, narrativeText } from './text';

const lab = (value: number, extra: Partial<Resource> = {}): Resource => ({
  resourceType: 'Observation',
  category: [{ coding: [{ code: 'laboratory' }] }],
  code: { coding: [{ system: 'http://loinc.org', code: '4548-4', display: 'Hemoglobin A1c' }] },
  valueQuantity: { value, unit: '%' },
  effectiveDateTime: '2026-03-04',
  ...extra,
});

const line = (resource: Resource) => `${describe(resource).title} | ${describe(resource).detail}`.replace(/\u00a0/g, ' ');

group('one line says it in plain words', () => {
  const cases: [string, Resource, string][] = [
    ['a little high', lab(5.9), 'Long-term blood sugar (HbA1c) | 5.9 % – a little above the usual range'],
    ['high', lab(8.1), 'Long-term blood sugar (HbA1c) | 8.1 % – above the usual range'],
    ['usual', lab(5), 'Long-term blood sugar (HbA1c) | 5 % – in the usual range'],
    ['the record’s own range wins', lab(6.5, { referenceRange: [{ high: { value: 7 } }] }), 'Long-term blood sugar (HbA1c) | 6.5 % – in the usual range'],
    ['another unit has no range of ours', lab(48, { valueQuantity: { value: 48, unit: 'mmol/mol' } }), 'Long-term blood sugar (HbA1c) | 48 mmol/mol'],
    ['blood pressure', { resourceType: 'Observation', code: { text: 'BP' }, component: [
      { code: { coding: [{ code: '8480-6' }] }, valueQuantity: { value: 128.4, unit: 'mm[Hg]' } },
      { code: { coding: [{ code: '8462-4' }] }, valueQuantity: { value: 80, unit: 'mm[Hg]' } },
    ] }, 'Blood pressure | 128 / 80 mmHg – in the usual range'],
    ['a diagnosis', { resourceType: 'Condition', code: { coding: [{ system: 'http://snomed.info/sct', code: '44054006', display: 'Diabetes' }] }, clinicalStatus: { coding: [{ code: 'active' }] } }, 'Diabetes type 2 | current'],
    ['an unknown code keeps its own words', { resourceType: 'Condition', code: { text: 'Laceration of foot (disorder)' } }, 'Laceration of foot | '],
    ['an unknown type', { resourceType: 'NutritionOrder' }, 'Nutrition order | '],
    ['next to nothing', { resourceType: 'Observation' }, 'Observation | '],
  ];
  it.each(cases)('%s', (_name, resource, expected) => expect(line(resource)).toBe(expected));
});

it('the ranges of adults say nothing about a child', () => {
  setPerson('2015-01-01');
  expect(line(lab(8.1))).toBe('Long-term blood sugar (HbA1c) | 8.1 %');
  setPerson(undefined);
  expect(line(lab(8.1))).toContain('above');
});

group('dates and names', () => {
  it('keep a day a day in every time zone', () => {
    expect(toDate('2026-03-04')?.getDate()).toBe(4);
    expect(toDate('nonsense')).toBeNull();
    expect(ageAt('2000-06-15', new Date(2026, 5, 14))).toBe(25);
    expect(ageAt('2000-06-15', new Date(2026, 5, 15))).toBe(26);
  });
  it('leave out what machines added', () => {
    expect(humanName([{ given: ['Adolfo33'], family: 'Marquardt5' }])).toBe('Adolfo Marquardt');
    expect(narrativeText('<div><p>One &lt;b&gt;</p><script>x</script></div>')).toContain('One <b>');
  });
  it('read a dosage and a visit', () => {
    expect(dosageText([{ timing: { repeat: { frequency: 2, period: 1, periodUnit: 'd' } }, doseAndRate: [{ doseQuantity: { value: 1, unit: 'tablet' } }] }]).replace(/\u00a0/g, ' ')).toBe('1 tablet, 2 times a day');
    expect(visitOf(lab(5, { encounter: { reference: 'urn:uuid:7' } }))).toBe('Encounter/7');
  });
});

group('a series', () => {
  it('is in order of time and in one unit', () => {
    const series = seriesOf([lab(6, { effectiveDateTime: '2026-01-01' }), lab(7, { effectiveDateTime: '2025-01-01' }), lab(48, { effectiveDateTime: '2025-06-01', valueQuantity: { value: 48, unit: 'mmol/mol' } })], '4548-4');
    expect(series?.points.map((point) => point.values[0])).toEqual([7, 6]);
    expect(series?.series[0]?.range).toMatchObject({ low: 4, high: 5.6 });
  });
});

it('the style sheet of the theme is current', () => {
  expect(readFileSync(new URL('../theme.generated.css', import.meta.url), 'utf8')).toBe(themeCss());
});

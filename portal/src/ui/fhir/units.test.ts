import { describe as group, expect, it } from 'vitest';
import type { Quantity, Resource } from '../../api/fhirTypes';
import { readingOf } from './observation';
import { chartable, seriesOf } from './series';
import { conceptText } from './text';
import { inUnit, unitOf, unitText, unitWords } from './units';

const ucum = (value: number, code: string, unit = code): Quantity => ({ value, unit, system: 'http://unitsofmeasure.org', code });
const measured = (code: string, at: string, valueQuantity: Quantity, extra: Partial<Resource> = {}): Resource => ({
  resourceType: 'Observation', code: { coding: [{ system: 'http://loinc.org', code }] }, effectiveDateTime: at, valueQuantity, ...extra,
});
const drawn = (resources: Resource[], code: string) => seriesOf(resources, code).map((one) => ({ unit: one.unitWords, values: one.points.map((point) => point.values) }));

group('a value in another unit', () => {
  const cases: [number, string, string, number | undefined][] = [
    [1, 'g/dL', 'g/L', 10],
    [98.6, '[degF]', 'Cel', 37],
    [37, 'Cel', '[degF]', 98.6],
    [154, '[lb_av]', 'kg', 69.85322498],
    [5, '10*3/uL', '10*9/L', 5],
    [16, 'kPa', 'mm[Hg]', 120.0102009],
    [70, '{beats}/min', '/min', 70],
    [5, 'mmol/L', 'mg/dL', undefined],
    [90, 'mg/dL', 'mmol/L', undefined],
    [1, 'meq/L', 'mmol/L', undefined],
    [1, '[IU]/L', 'U/L', undefined],
    [6, '%', 'mmol/mol', undefined],
    [1, 'widgets', 'kg', undefined],
    [1, 'widgets', 'widgets', 1],
  ];
  it.each(cases)('%d %s in %s', (value, from, to, expected) => expect(inUnit(value, from, to)).toBe(expected));
});

group('the unit of a quantity', () => {
  const cases: [string, Quantity, string | undefined, string][] = [
    ['by its code', ucum(1, 'mm[Hg]', 'millimetres'), 'mm[Hg]', 'mmHg'],
    ['by its spelling', { value: 1, unit: 'mmHg' }, 'mm[Hg]', 'mmHg'],
    ['by a spelling that calls itself UCUM', ucum(1, 'mmHg'), 'mm[Hg]', 'mmHg'],
    ['by its own words', ucum(1, '{tbl}', 'tablets'), '{tbl}', 'tablets'],
    ['none', { value: 1 }, undefined, ''],
    ['unknown', { value: 1, unit: 'widgets' }, 'widgets', 'widgets'],
    ['a number alone', ucum(1, '1'), '1', ''],
    ['units of activity', ucum(1, 'm[IU]/L'), 'm[IU]/L', 'mIU/L'],
    ['micro', ucum(1, 'umol/L'), 'umol/L', 'µmol/L'],
  ];
  it.each(cases)('%s', (_name, quantity, code, words) => expect([unitOf(quantity), unitWords(quantity)]).toEqual([code, words]));
  it('has no brackets of codes in it', () => {
    for (const code of ['mg/g{creat}', 'k[IU]/L', '{cells}/uL', '10*5/L', 'ug/dL', 'uL']) expect(unitText(code)).not.toMatch(/[[\]{}*]|^u/);
  });
});

group('a chart draws one unit', () => {
  it('and converts what can be converted', () => {
    const weights = [measured('29463-7', '2024-01-01', ucum(154, '[lb_av]', 'lbs')), measured('29463-7', '2025-01-01', ucum(72, 'kg')), measured('29463-7', '2025-06-01', { value: 71, unit: 'kg' })];
    expect(drawn(weights, '29463-7')).toEqual([{ unit: 'kg', values: [[69.85322498], [72], [71]] }]);
  });
  it('and never mixes milligrams with moles', () => {
    const sugar = [measured('2339-0', '2024-01-01', ucum(90, 'mg/dL')), measured('2339-0', '2024-06-01', ucum(0.95, 'g/L')), measured('2339-0', '2025-01-01', ucum(5.2, 'mmol/L')), measured('2339-0', '2025-02-01', { value: 5 })];
    expect(drawn(sugar, '2339-0')).toEqual([{ unit: '', values: [[5]] }, { unit: 'mmol/L', values: [[5.2]] }, { unit: 'g/L', values: [[0.9], [0.95]] }]);
    expect(chartable(sugar)).toEqual(['2339-0']);
  });
  it('of blood pressure, too', () => {
    const pressure = (at: string, upper: Quantity, lower: Quantity): Resource => ({
      resourceType: 'Observation', effectiveDateTime: at, code: { coding: [{ system: 'http://loinc.org', code: '85354-9' }] },
      component: [{ code: { coding: [{ code: '8480-6' }] }, valueQuantity: upper }, { code: { coding: [{ code: '8462-4' }] }, valueQuantity: lower }],
    });
    expect(drawn([pressure('2024-01-01', ucum(16, 'kPa'), ucum(10, 'kPa')), pressure('2025-01-01', ucum(120, 'mm[Hg]'), ucum(80, 'mm[Hg]'))], '85354-9'))
      .toEqual([{ unit: 'mmHg', values: [[120.0102009, 75.00637554], [120, 80]] }]);
    // Two units of two kinds within one measurement are no measurement.
    expect(drawn([pressure('2024-01-01', ucum(16, 'kPa'), ucum(10, 'kg'))], '85354-9')).toEqual([]);
  });
});

group('a range is in the unit of its value', () => {
  const range = (resource: Resource) => readingOf(resource).range;
  it('if it can be', () => {
    expect(range(measured('718-7', '2025-01-01', ucum(140, 'g/L'), { referenceRange: [{ low: ucum(12, 'g/dL'), high: ucum(17, 'g/dL') }] }))).toEqual({ low: 120, high: 170, from: 'record' });
    expect(range(measured('8310-5', '2025-01-01', ucum(98.6, '[degF]')))).toEqual({ low: 96.8, high: 99.5, from: 'common' });
  });
  it('and else says nothing', () => {
    expect(range(measured('2339-0', '2025-01-01', ucum(5, 'mmol/L'), { referenceRange: [{ low: ucum(70, 'mg/dL') }] }))).toBeUndefined();
    expect(range(measured('2339-0', '2025-01-01', ucum(5, 'mmol/L')))).toBeUndefined();
    expect(range(measured('2339-0', '2025-01-01', { value: 90 }))).toBeUndefined();
  });
});

it('a code without a display is said in words', () => {
  expect(conceptText({ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' }] })).toBe('Stay in hospital');
  expect(conceptText({ coding: [{ system: 'http://elsewhere.example', code: 'IMP' }] })).toBe('IMP');
  expect(conceptText({ coding: [{ code: 'x' }, { system: 'http://loinc.org', code: 'y', display: 'The words' }] })).toBe('The words');
});

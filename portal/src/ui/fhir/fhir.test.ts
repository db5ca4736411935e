import { describe as group, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { themeCss } from '../../../scripts/theme-css';
import type { Resource } from '../../api/fhirTypes';
import { describe, dosageText, visitOf } from './describe';
import { ageAt, day, toDate } from './dates';
import { factsOf, filesOf, finder, type Find } from './facts';
import { setPerson } from './person';
import { seriesOf } from './series';
import { isCurrent } from './status';
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
    ['a mistake does not count', lab(8.1, { status: 'entered-in-error' }), 'Long-term blood sugar (HbA1c) | entered by mistake, does not count'],
    ['an allergy that was ruled out', { resourceType: 'AllergyIntolerance', code: { text: 'Allergy to aspirin' }, verificationStatus: { coding: [{ code: 'refuted' }] } }, 'Allergy: aspirin | ruled out'],
    ['a medicine without shorthand', { resourceType: 'MedicationRequest', status: 'active', medicationCodeableConcept: { text: '60 ACTUAT Fluticasone 0.25 MG/ACTUAT Inhaler' } }, '60 puffs, Fluticasone 0.25 mg/puff Inhaler | current'],
    ['an insurance statement tells paid from billed', { resourceType: 'ExplanationOfBenefit', item: [{ productOrService: { text: 'Check-up' } }], total: [{ amount: { value: 704, currency: 'EUR' } }], payment: { amount: { value: 120, currency: 'EUR' } } }, 'Insurance statement: check-up | paid €120.00 of €704.00'],
    ['a bill', { resourceType: 'Claim', type: { coding: [{ code: 'pharmacy' }] }, total: { value: 5, currency: 'EUR' } }, 'Bill: pharmacy | €5.00'],
    ['an X-ray', { resourceType: 'ImagingStudy', numberOfInstances: 1, series: [{ modality: { code: 'DX' }, bodySite: { display: 'Clavicle' } }] }, 'X-ray: clavicle | 1 picture'],
    ['an allergy test', { resourceType: 'Observation', code: { text: 'Peanut IgE Ab in Serum' }, valueQuantity: { value: 5, unit: 'kU/L' } }, 'Allergy test: Peanut | 5 kU/L'],
    ['a hospital', { resourceType: 'Organization', name: 'Northmere Medical Center' }, 'Northmere Medical Center | '],
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
    expect(dosageText([{ timing: { repeat: { frequency: 2, period: 1, periodUnit: 'd' } }, doseAndRate: [{ doseQuantity: { value: 1, unit: 'tablet' } }] }]).replace(/\u00a0/g, ' ')).toBe('1 tablet, twice a day');
    expect(visitOf(lab(5, { encounter: { reference: 'urn:uuid:7' } }))).toBe('Encounter/7');
  });
});

group('a series', () => {
  it('is in order of time and in one unit', () => {
    const series = seriesOf([lab(6, { effectiveDateTime: '2026-01-01' }), lab(7, { effectiveDateTime: '2025-01-01' }), lab(48, { effectiveDateTime: '2025-06-01', valueQuantity: { value: 48, unit: 'mmol/mol' } })], '4548-4');
    expect(series.map((one) => [one.unit, one.points.map((point) => point.values[0])])).toEqual([['%', [7, 6]], ['mmol/mol', [48]]]);
    expect(series[0]?.series[0]?.range).toMatchObject({ low: 4, high: 5.6 });
    expect(series[1]?.series[0]?.range).toBeUndefined();
  });
});

it('the style sheet of the theme is current', () => {
  expect(readFileSync(new URL('../theme.generated.css', import.meta.url), 'utf8')).toBe(themeCss());
});

group('the page about an entry', () => {
  const facts = (resource: Resource, find?: Find) => factsOf(resource, find).filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value.replace(/\u00a0/g, ' ')}`);
  const cases: [string, Resource, string[]][] = [
    ['a person', { resourceType: 'Patient', birthDate: '1964-03-12', gender: 'female', address: [{ line: ['1 High St'], city: 'Ely', postalCode: 'CB7' }], telecom: [{ system: 'phone', value: '555' }] }, [`Born: ${day('1964-03-12')}`, 'Sex: Female', 'Address: 1 High St, CB7 Ely', 'Phone: 555']],
    ['an allergy', { resourceType: 'AllergyIntolerance', criticality: 'high', clinicalStatus: { coding: [{ code: 'active' }] }, reaction: [{ manifestation: [{ text: 'Hives' }], severity: 'moderate' }] }, ['State: Current', 'Danger: Can be dangerous', 'Reaction: Hives, moderate']],
    ['a care plan', { resourceType: 'CarePlan', status: 'active', activity: [{ detail: { code: { text: 'Diabetic diet' }, status: 'in-progress' } }] }, ['State: Current', 'What to do: Diabetic diet (going on)']],
    ['a care team', { resourceType: 'CareTeam', participant: [{ member: { display: 'Dr. Ana4 Kub22' }, role: [{ text: 'Doctor' }] }] }, ['Who: Dr. Ana Kub (doctor)']],
    ['a goal', { resourceType: 'Goal', lifecycleStatus: 'accepted', achievementStatus: { coding: [{ code: 'in-progress' }] } }, ['State: Current', 'Progress: On the way']],
    ['an implant', { resourceType: 'Device', serialNumber: '12', expirationDate: '2044-04-01' }, ['Serial number: 12', `Use until: ${day('2044-04-01')}`]],
    ['a visit of one day has no end', { resourceType: 'Encounter', period: { start: '2026-03-04T10:00:00', end: '2026-03-04T11:00:00' }, serviceProvider: { display: 'Northmere' } }, ['Where: Northmere']],
    ['a mistake', { resourceType: 'Condition', verificationStatus: { coding: [{ code: 'entered-in-error' }] } }, ['Note: Entered by mistake. It is kept here because nothing is erased, but it does not count.']],
  ];
  it.each(cases)('tells about %s', (_name, resource, expected) => expect(facts(resource)).toEqual(expected));
  it('names the reason that a reference means, however it is written', () => {
    const find = finder([{ resourceType: 'Condition', id: '7', code: { text: 'Asthma' } }]);
    for (const reference of ['Condition/7', 'urn:uuid:7', 'Condition/7/_history/2']) expect(facts({ resourceType: 'Procedure', reasonReference: [{ reference }] }, find)).toEqual(['Reason: Asthma']);
  });
  it('offers files that are no text, and only those', () => {
    const content = [{ attachment: { contentType: 'application/pdf', data: 'JVBERg==' } }, { attachment: { contentType: 'text/plain', data: 'aGk=' } }];
    expect(filesOf({ resourceType: 'DocumentReference', content }).map((file) => file.name)).toEqual(['document.pdf']);
  });
});

group('what counts now', () => {
  const condition = (part: Partial<Resource>): Resource => ({ resourceType: 'Condition', ...part });
  const state = (code: string) => ({ coding: [{ code }] });
  it.each([
    ['a problem without a state', condition({}), true],
    ['one that has ended', condition({ abatementDateTime: '2020' }), false],
    ['one that is over', condition({ clinicalStatus: state('resolved') }), false],
    ['one that came back', condition({ clinicalStatus: state('relapse') }), true],
    ['one entered by mistake', condition({ clinicalStatus: state('active'), verificationStatus: state('entered-in-error') }), false],
    ['one that was ruled out', condition({ verificationStatus: state('refuted') }), false],
    ['a medicine that is taken', { resourceType: 'MedicationRequest', status: 'active' }, true],
    ['a medicine that was stopped', { resourceType: 'MedicationRequest', status: 'stopped' }, false],
  ] as [string, Resource, boolean][])('%s', (_name, resource, expected) => expect(isCurrent(resource)).toBe(expected));
});

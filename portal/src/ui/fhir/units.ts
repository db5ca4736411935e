/**
 * Units of measure: UCUM's codes in words, and values in another unit of the same kind.
 *
 * The table is small and of units that are met in records. Between kinds nothing is converted: from `mmol/L` to `mg/dL` it
 * takes the molar mass of what was measured, which no unit tells. A test of `crates/feeds` holds the table against UCUM.
 */
import type { Quantity } from '../../api/fhirTypes';
import table from './units.json';

const UCUM = 'http://unitsofmeasure.org';

/** A value in the kind's first unit is `value * factor + offset`. */
interface Scale {
  kind: string;
  factor: number;
  offset: number;
}

const scales = new Map<string, Scale>(
  Object.entries(table as Record<string, Record<string, number[]>>).flatMap(([kind, units]) =>
    Object.entries(units).map(([code, [factor, offset]]) => [code, { kind, factor: factor!, offset: offset ?? 0 }] as const)),
);

/** What people write where no code is given. */
const SPELLINGS: Record<string, string> = {
  mmHg: 'mm[Hg]', 'mm Hg': 'mm[Hg]', cmH2O: 'cm[H2O]',
  '°C': 'Cel', 'deg C': 'Cel', degC: 'Cel', '°F': '[degF]', 'deg F': '[degF]', degF: '[degF]',
  lb: '[lb_av]', lbs: '[lb_av]', oz: '[oz_av]', in: '[in_i]', inches: '[in_i]', ft: '[ft_i]',
  bpm: '/min', 'beats/min': '/min', 'beats/minute': '/min', 'breaths/min': '/min', 'breaths/minute': '/min',
  'µg/L': 'ug/L', 'μg/L': 'ug/L', 'mcg/L': 'ug/L', 'µg/dL': 'ug/dL', 'mcg/dL': 'ug/dL', 'µg/mL': 'ug/mL', 'mcg/mL': 'ug/mL',
  'µmol/L': 'umol/L', 'μmol/L': 'umol/L', 'mEq/L': 'meq/L',
  'K/uL': '10*3/uL', 'K/µL': '10*3/uL', 'x10^3/uL': '10*3/uL', '10^3/uL': '10*3/uL', 'M/uL': '10*6/uL', '10^6/uL': '10*6/uL',
  '10^9/L': '10*9/L', 'x10^9/L': '10*9/L', '10^12/L': '10*12/L', 'x10^12/L': '10*12/L',
  'IU/L': '[IU]/L', 'IU/mL': '[IU]/mL', 'mIU/L': 'm[IU]/L', 'mIU/mL': 'm[IU]/mL', 'uIU/mL': 'u[IU]/mL', 'µIU/mL': 'u[IU]/mL',
};

/** The unit of a quantity, as a UCUM code where it is one; `undefined`: it has none. */
export function unitOf(quantity: Quantity | undefined): string | undefined {
  if (!quantity) return undefined;
  const coded = quantity.code && (quantity.system === UCUM || scales.has(quantity.code));
  const written = coded ? quantity.code : (quantity.unit ?? quantity.code);
  // Some systems call a spelling of their own UCUM.
  return written === undefined ? undefined : (SPELLINGS[written] ?? written);
}

/** A value in another unit; `undefined` where the units are not of one kind. */
export function inUnit(value: number, from: string | undefined, to: string | undefined): number | undefined {
  if (from === to) return value;
  const [a, b] = [scales.get(from ?? ''), scales.get(to ?? '')];
  if (!a || !b || a.kind !== b.kind) return undefined;
  if (a.factor === b.factor && a.offset === b.offset) return value;
  // What binary fractions add is no part of a measurement.
  return Number(((value * a.factor + a.offset - b.offset) / b.factor).toPrecision(10));
}

const WORDS: Record<string, string> = {
  'mm[Hg]': 'mmHg',
  'cm[H2O]': 'cmH₂O',
  Cel: '°C',
  '[degF]': '°F',
  '/min': 'per minute',
  '/s': 'per second',
  '{beats}/min': 'beats per minute',
  '{Beats}/min': 'beats per minute',
  '{breaths}/min': 'breaths per minute',
  '{Breaths}/min': 'breaths per minute',
  'kg/m2': 'kg/m²',
  '/uL': 'per µL',
  '{cells}/uL': 'cells per µL',
  '{#}/uL': 'per µL',
  '/[HPF]': 'per field of view',
  '10*3/uL': 'thousand per µL',
  '10*6/uL': 'million per µL',
  '10*6/L': 'million per L',
  '10*9/L': 'billion per L',
  '10*12/L': 'trillion per L',
  '{score}': '',
  '(score)': '',
  '{T-score}': '',
  '{INR}': '',
  '[pH]': '',
  '{ratio}': '',
  'mL/min/{1.73_m2}': 'mL/min',
  'mg/g{creat}': 'mg per g of creatinine',
  'ug/mg{creat}': 'µg per mg of creatinine',
  '[lb_av]': 'lb',
  '[oz_av]': 'oz',
  '[in_i]': 'in',
  '[ft_i]': 'ft',
  a: 'years',
  mo: 'months',
  wk: 'weeks',
  d: 'days',
  h: 'hours',
  min: 'minutes',
  meq: 'mEq',
  'meq/L': 'mEq/L',
  '1': '',
};

/** The unit of a quantity as people write it: our words, else its own, else its code. */
export function unitWords(quantity: Quantity | undefined): string {
  const unit = unitOf(quantity);
  return unit !== undefined && unit in WORDS ? WORDS[unit]! : unitText(quantity?.unit ?? unit);
}

/** A unit as people write it. */
export const unitText = (unit: string | undefined): string =>
  unit === undefined ? '' : (WORDS[unit] ?? unit.replace(/[{}[\]]/g, '').replace(/\bu(?=(g|mol|L|m|U|IU)\b)/g, 'µ').replace(/10\*/g, '10^'));

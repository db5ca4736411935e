/** Numbers of an observation: value, usual range, and where the value lies. */
import type { CodeableConcept, ObservationComponent, Quantity, ReferenceRange, Resource } from '../../api/fhirTypes';
import { wasAdult } from './person';
import { INTERPRETATIONS, measureOf, type Measure } from './codes';
import { conceptText, loinc, number, plainName, quantityText } from './text';
import { inUnit, unitOf, unitWords } from './units';

export type Standing = 'usual' | 'low' | 'high' | 'slightly-low' | 'slightly-high' | 'unusual' | 'unknown';

export interface Range {
  low?: number;
  high?: number;
  /** From the record, or the usual range of adults. */
  from: 'record' | 'common';
}

export interface Reading {
  name: string;
  code?: string;
  about?: string;
  quantity?: Quantity;
  text: string;
  range?: Range;
  standing: Standing;
}

type Measured = Pick<ObservationComponent, 'code' | 'valueQuantity' | 'valueCodeableConcept' | 'valueString' | 'interpretation' | 'referenceRange'>;

/** A range counts in the value's own unit only. */
function rangeOf(ranges: ReferenceRange[] | undefined, measure: Measure | undefined, quantity: Quantity | undefined, adult: boolean): Range | undefined {
  const unit = unitOf(quantity);
  const own = ranges?.find((range) => range.low?.value !== undefined || range.high?.value !== undefined);
  if (own) {
    // A limit without a unit is in that of the value.
    const limit = (end: Quantity | undefined) => (end?.value === undefined ? undefined : inUnit(end.value, unitOf(end) ?? unit, unit));
    const [low, high] = [limit(own.low), limit(own.high)];
    const lost = (low === undefined) !== (own.low?.value === undefined) || (high === undefined) !== (own.high?.value === undefined);
    return lost ? undefined : { low, high, from: 'record' };
  }
  if (!adult || !measure || (measure.low === undefined && measure.high === undefined)) return undefined;
  const limit = (end: number | undefined) => (end === undefined ? undefined : measure.unit === undefined ? end : inUnit(end, measure.unit, unit));
  const [low, high] = [limit(measure.low), limit(measure.high)];
  return low === undefined && high === undefined ? undefined : { low, high, from: 'common' };
}

/** "A little" is within a fifth of the limit. */
const SLIGHT = 0.2;

function standingOf(value: number | undefined, range: Range | undefined, interpretation: CodeableConcept[] | undefined): Standing {
  const said = INTERPRETATIONS[interpretation?.[0]?.coding?.[0]?.code ?? ''];
  if (value !== undefined && range) {
    const { low, high } = range;
    if (high !== undefined && value > high) return value <= high * (1 + SLIGHT) ? 'slightly-high' : 'high';
    if (low !== undefined && value < low) return value >= low * (1 - SLIGHT) ? 'slightly-low' : 'low';
    return said === 'unusual' ? 'unusual' : 'usual';
  }
  return said ?? 'unknown';
}

function reading(measured: Measured, adult: boolean): Reading {
  const code = loinc(measured.code);
  const measure = measureOf(code);
  const quantity = measured.valueQuantity;
  const range = rangeOf(measured.referenceRange, measure, quantity, adult);
  return {
    name: measure?.name ?? plainName(conceptText(measured.code)),
    code,
    about: measure?.about,
    quantity,
    text: quantityText(quantity) || conceptText(measured.valueCodeableConcept) || measured.valueString || '',
    range,
    standing: standingOf(quantity?.value, range, measured.interpretation),
  };
}

export function readingOf(resource: Resource): Reading {
  const main = reading(resource, wasAdult(resource.effectiveDateTime));
  if (!main.text && typeof resource.valueBoolean === 'boolean') main.text = resource.valueBoolean ? 'Yes' : 'No';
  if (!main.text && typeof resource.valueInteger === 'number') main.text = number(resource.valueInteger);
  return main;
}

export const partsOf = (resource: Resource): Reading[] => (resource.component ?? []).map((part) => reading(part, wasAdult(resource.effectiveDateTime))).filter((part) => part.text !== '');

const isUpper = (part: Reading) => part.code === '8480-6';
const isLower = (part: Reading) => part.code === '8462-4';

export interface Pressure {
  upper: Reading;
  lower: Reading;
}

export function pressureOf(resource: Resource): Pressure | null {
  const parts = partsOf(resource);
  const [upper, lower] = [parts.find(isUpper), parts.find(isLower)];
  return upper && lower ? { upper, lower } : null;
}

/** In the unit that everybody knows, where it can be. */
export function pressureText({ upper, lower }: Pressure): string {
  const inMmHg = ({ quantity }: Reading) => (quantity?.value === undefined ? undefined : inUnit(quantity.value, unitOf(quantity), 'mm[Hg]'));
  const [high, low] = [inMmHg(upper), inMmHg(lower)];
  return high === undefined || low === undefined ? `${upper.text} / ${lower.text}` : `${Math.round(high)} / ${Math.round(low)} mmHg`;
}

const RANK: Standing[] = ['unknown', 'usual', 'slightly-low', 'slightly-high', 'unusual', 'low', 'high'];
export const worst = (standings: Standing[]): Standing =>
  standings.reduce((a, b) => (RANK.indexOf(b) > RANK.indexOf(a) ? b : a), 'unknown' as Standing);

export const STANDING_WORDS: Record<Standing, string> = {
  usual: 'in the usual range',
  'slightly-low': 'a little below the usual range',
  'slightly-high': 'a little above the usual range',
  low: 'below the usual range',
  high: 'above the usual range',
  unusual: 'not as usual',
  unknown: '',
};

export function rangeText(range: Range | undefined, quantity?: Quantity): string {
  if (!range) return '';
  const unit = unitWords(quantity);
  const end = unit ? `\u00a0${unit}` : '';
  if (range.low !== undefined && range.high !== undefined) return `${number(range.low)} to ${number(range.high)}${end}`;
  return range.low !== undefined ? `${number(range.low)}${end} or more` : `up to ${number(range.high!)}${end}`;
}

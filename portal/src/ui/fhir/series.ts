/** Observations of one measure over time, for charts. */
import type { Quantity, Resource } from '../../api/fhirTypes';
import type { ChartPoint, ChartSeries } from '../Chart/Chart';
import { measureOf } from './codes';
import { toDate } from './dates';
import { dateOf } from './describe';
import { pressureOf, readingOf, type Range } from './observation';
import { isMistake } from './status';
import { loinc } from './text';
import { inUnit, unitOf, unitWords } from './units';

export interface Series {
  code: string;
  title: string;
  /** UCUM's code of the unit. */
  unit?: string;
  /** The unit as people write it. */
  unitWords: string;
  /** Why it is not on the line of another one. */
  note?: string;
  points: ChartPoint[];
  series: ChartSeries[];
}

const OTHER_UNIT = 'These were given in another unit. Do not compare them with the other curve.';

/** What was measured at one time: one value, or the two of a blood pressure. */
interface Measured {
  timeMs: number;
  quantities: (Quantity | undefined)[];
  ranges: (Range | undefined)[];
}

/**
 * One series for each kind of unit, the one with the latest value first. Within it every value is in one unit, that of its
 * latest value; what cannot be converted to it stands in a series of its own, and never on the same line.
 */
export function seriesOf(observations: Resource[], code: string): Series[] {
  const same = observations
    .filter((resource) => resource.resourceType === 'Observation' && loinc(resource.code) === code && toDate(dateOf(resource)) && !isMistake(resource))
    .map((resource) => ({ resource, timeMs: toDate(dateOf(resource))!.getTime() }))
    .sort((a, b) => a.timeMs - b.timeMs);
  const last = same.at(-1)?.resource;
  if (!last) return [];
  if (pressureOf(last)) {
    const measured = same.flatMap(({ resource, timeMs }) => {
      const pressure = pressureOf(resource);
      return pressure ? [{ timeMs, quantities: [pressure.upper.quantity, pressure.lower.quantity], ranges: [pressure.upper.range, pressure.lower.range] }] : [];
    });
    return byUnit(measured, { code, title: 'Blood pressure', names: ['Upper', 'Lower'] });
  }
  const measured = same.map(({ resource, timeMs }) => {
    const { quantity, range } = readingOf(resource);
    return { timeMs, quantities: [quantity], ranges: [range] };
  });
  const { name } = readingOf(last);
  return byUnit(measured, { code, title: name, names: [name] });
}

function byUnit(measured: Measured[], { code, title, names }: { code: string; title: string; names: string[] }): Series[] {
  const found: Series[] = [];
  let open = measured.filter(({ quantities }) => quantities.some((quantity) => quantity?.value !== undefined));
  while (open.length > 0) {
    const latest = open.at(-1)!;
    const first = latest.quantities.find((quantity) => quantity?.value !== undefined);
    const unit = unitOf(first);
    const points: ChartPoint[] = [];
    const others: Measured[] = [];
    for (const one of open) {
      const values = one.quantities.map((quantity) => (quantity?.value === undefined ? undefined : inUnit(quantity.value, unitOf(quantity), unit)));
      const whole = values.every((value, at) => value !== undefined || one.quantities[at]?.value === undefined);
      if (whole) points.push({ timeMs: one.timeMs, values });
      else others.push(one);
    }
    // Two numbers of one measurement in units of two kinds are no measurement.
    if (points.length === 0) break;
    found.push({ code, title, unit, unitWords: unitWords(first), note: found.length > 0 ? OTHER_UNIT : undefined, points, series: names.map((name, at) => ({ name, range: latest.ranges[at] })) });
    open = others;
  }
  return found;
}

/** Measures with enough points to draw, most useful first. */
export function chartable(observations: Resource[], pointsMin = 2): string[] {
  const counts = new Map<string, number>();
  for (const resource of observations) {
    const code = resource.resourceType === 'Observation' && !isMistake(resource) ? loinc(resource.code) : undefined;
    const drawable = code && (resource.valueQuantity?.value !== undefined || pressureOf(resource));
    if (drawable) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const first = ['55284-4', '85354-9', '4548-4', '29463-7', '2339-0', '8867-4', '33914-3', '38483-4', '18262-6', '39156-5'];
  const rank = (code: string) => (first.includes(code) ? first.indexOf(code) : first.length + (measureOf(code) ? 0 : 100));
  return [...counts].filter(([, count]) => count >= pointsMin).map(([code]) => code).sort((a, b) => rank(a) - rank(b));
}

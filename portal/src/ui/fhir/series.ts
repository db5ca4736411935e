/** Observations of one measure over time, for charts. */
import type { Resource } from '../../api/fhirTypes';
import type { ChartPoint, ChartSeries } from '../Chart/Chart';
import { measureOf } from './codes';
import { toDate } from './dates';
import { dateOf } from './describe';
import { pressureOf, readingOf } from './observation';
import { isMistake } from './status';
import { loinc } from './text';

export interface Series {
  code: string;
  title: string;
  unit?: string;
  points: ChartPoint[];
  series: ChartSeries[];
}

/** Points of a measure are comparable only in one unit: the latest one's. */
export function seriesOf(observations: Resource[], code: string): Series | null {
  const same = observations
    .filter((resource) => resource.resourceType === 'Observation' && loinc(resource.code) === code && toDate(dateOf(resource)) && !isMistake(resource))
    .map((resource) => ({ resource, timeMs: toDate(dateOf(resource))!.getTime() }))
    .sort((a, b) => a.timeMs - b.timeMs);
  const last = same.at(-1)?.resource;
  if (!last) return null;
  if (pressureOf(last)) return pressureSeries(code, same);
  const latest = readingOf(last);
  const unit = latest.quantity?.unit ?? latest.quantity?.code;
  const points = same.flatMap(({ resource, timeMs }) => {
    const { quantity } = readingOf(resource);
    const comparable = quantity?.value !== undefined && (quantity.unit ?? quantity.code) === unit;
    return comparable ? [{ timeMs, values: [quantity.value] }] : [];
  });
  return { code, title: latest.name, unit, points, series: [{ name: latest.name, range: latest.range }] };
}

function pressureSeries(code: string, same: { resource: Resource; timeMs: number }[]): Series {
  const readings = same.flatMap(({ resource, timeMs }) => {
    const pressure = pressureOf(resource);
    return pressure ? [{ pressure, timeMs }] : [];
  });
  const last = readings.at(-1)!.pressure;
  return {
    code,
    title: 'Blood pressure',
    unit: 'mm[Hg]',
    points: readings.map(({ pressure, timeMs }) => ({ timeMs, values: [pressure.upper.quantity?.value, pressure.lower.quantity?.value] })),
    series: [
      { name: 'Upper', range: last.upper.range },
      { name: 'Lower', range: last.lower.range },
    ],
  };
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

import {
  CartesianGrid, Line, LineChart, ReferenceArea, ResponsiveContainer, Tooltip, XAxis, YAxis,
} from 'recharts';
import { useId } from 'react';
import { dayOfMs, monthShort } from '../fhir/dates';
import { rangeText, type Range } from '../fhir/observation';
import { number } from '../fhir/text';
import { unitText } from '../fhir/units';
import css from './Chart.module.css';

export interface ChartPoint {
  timeMs: number;
  values: (number | undefined)[];
}
export interface ChartSeries {
  name: string;
  range?: Range;
}
interface Props {
  title: string;
  unit?: string;
  /** What a reader should know of these values. */
  note?: string;
  points: ChartPoint[];
  series: ChartSeries[];
}

const STROKES = ['var(--salus-accent)', 'var(--salus-shared)'];
const DASHES = [undefined, '6 4'];

/** Four to seven round numbers that hold both ends. */
export function niceTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const first = Math.floor(low / step) * step;
  const count = Math.ceil((high - first) / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, at) => Number((first + at * step).toPrecision(8)));
}

/** Values over time with the usual range as a band, and the same numbers as a table for whoever cannot see it. */
export default function Chart({ title, unit, note, points, series }: Props) {
  const id = useId();
  const data = points.map((point) => ({ timeMs: point.timeMs, v0: point.values[0], v1: point.values[1] }));
  const numbers = points.flatMap((point) => point.values.filter((value) => value !== undefined));
  const limits = series.flatMap(({ range }) => [range?.low, range?.high]).filter((value) => value !== undefined);
  const near = limits.filter((limit) => limit >= Math.min(...numbers) * 0.6 && limit <= Math.max(...numbers) * 1.5);
  const [low, high] = [Math.min(...numbers, ...near), Math.max(...numbers, ...near)];
  const pad = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 0.1);
  const ticks = niceTicks(Math.max(0, low - pad), high + pad);
  const domain: [number, number] = [ticks[0]!, ticks.at(-1)!];
  const words = unitText(unit);
  return (
    <figure className={css.figure} aria-labelledby={id}>
      <figcaption id={id} className={css.caption}>
        <span>{title}{words ? `, ${words}` : ''}</span>
        {series.map(({ name, range }, at) => (
          <span key={name} className={css.key}>
            {series.length > 1 && <span className={at === 0 ? css.line : css.dashed} aria-hidden="true" />}
            {series.length > 1 && name}
            {range && <span className={css.range}><span className={css.band} aria-hidden="true" />usual: {rangeText(range)}</span>}
          </span>
        ))}
        {note && <span className={css.key}>{note}</span>}
      </figcaption>
      <div className={css.plot} aria-hidden="true">
        <ResponsiveContainer width="100%" height="100%" minWidth={0} initialDimension={{ width: 320, height: 220 }}>
          <LineChart data={data} margin={{ top: 8, right: 12, bottom: 4, left: 0 }} accessibilityLayer={false}>
            <CartesianGrid stroke="var(--salus-line)" vertical={false} />
            {series.map(({ range }, at) => range && (
              <ReferenceArea key={at} y1={Math.max(domain[0], range.low ?? domain[0])} y2={Math.min(domain[1], range.high ?? domain[1])} fill={STROKES[at]} fillOpacity={0.1} stroke="none" ifOverflow="hidden" />
            ))}
            <XAxis dataKey="timeMs" type="number" scale="time" domain={['dataMin', 'dataMax']} tickFormatter={monthShort} tick={{ fill: 'var(--mantine-color-dimmed)', fontSize: 13 }} stroke="var(--salus-line-strong)" minTickGap={36} tickMargin={8} />
            <YAxis domain={domain} ticks={ticks} interval={0} width={48} tick={{ fill: 'var(--mantine-color-dimmed)', fontSize: 13 }} stroke="none" tickFormatter={(value: number) => number(value)} />
            <Tooltip
              labelFormatter={(label) => dayOfMs(Number(label))}
              formatter={(value, _name, item) => [`${number(Number(value))} ${words}`, series[item.dataKey === 'v1' ? 1 : 0]?.name]}
              contentStyle={{ background: 'var(--salus-paper)', border: '1px solid var(--salus-line)', borderRadius: 12, color: 'var(--mantine-color-text)', maxWidth: 210, whiteSpace: 'normal' }}
            />
            {series.map((one, at) => (
              <Line key={one.name} dataKey={`v${at}`} stroke={STROKES[at]} strokeWidth={2.5} strokeDasharray={DASHES[at]} dot={{ r: points.length > 40 ? 0 : 4, fill: 'var(--salus-paper)', strokeWidth: 2, strokeDasharray: 'none' }} activeDot={{ r: 6 }} isAnimationActive={false} connectNulls />
            ))}
          </LineChart>
        </ResponsiveContainer>
      </div>
      <details className={css.table}>
        <summary>Show as a table</summary>
        <div className={css.scroll} tabIndex={0} role="region" aria-label={`${title} as a table`}>
          <table>
            <thead>
              <tr><th scope="col">Date</th>{series.map((one) => <th key={one.name} scope="col">{one.name}{words ? ` (${words})` : ''}</th>)}</tr>
            </thead>
            <tbody>
              {points.toReversed().map((point, at) => (
                <tr key={at}><th scope="row">{dayOfMs(point.timeMs)}</th>{series.map((one, i) => <td key={one.name}>{point.values[i] === undefined ? '' : number(point.values[i])}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

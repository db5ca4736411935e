/** The rules of a network in words. Ranges are those of `crates/types/src/genesis.rs`. */
import type { Network } from './votes';
import type { Parameters } from '../../api/staff';
import { counted, number } from '../../ui/fhir/text';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_DAYS = 365.25;

export type ParameterName = keyof Parameters;

interface Rule {
  name: string;
  about: string;
  unit: 'transactions' | 'blocks' | 'ms' | 'version';
  least: number;
  most: number;
}

export const RULES: Record<ParameterName, Rule> = {
  votingPeriodMs: { name: 'Time to vote', about: 'How long a proposal is open for votes.', unit: 'ms', least: MINUTE_MS, most: 366 * DAY_MS },
  epochBlocks: { name: 'Length of an epoch', about: 'What is accepted takes effect when the current epoch ends.', unit: 'blocks', least: 4, most: 10_000_000 },
  grantPeriodMsMax: { name: 'Longest grant', about: 'For how long patients can share with an organisation at most.', unit: 'ms', least: DAY_MS, most: 100 * 366 * DAY_MS },
  transactionLifetimeBlocksMax: { name: 'Longest wait for a block', about: 'An entry that has found no block by then is dropped, and must be made again.', unit: 'blocks', least: 16, most: 1_000_000 },
  blockTransactionsMax: { name: 'Largest block', about: 'How many entries fit into one block.', unit: 'transactions', least: 1, most: 8_192 },
  blocksRetained: { name: 'Blocks kept', about: 'Every node keeps this many of the newest blocks. What is in force stays whatever its age.', unit: 'blocks', least: 1_024, most: 1_000_000_000_000 },
  protocol: { name: 'Rules of the software', about: 'The next version can follow once every member’s node knows it. The ledger stands still at a node that does not.', unit: 'version', least: 1, most: 4_294_967_295 },
};
export const RULE_NAMES = Object.keys(RULES) as ParameterName[];
export const isRule = (field: string): field is ParameterName => field in RULES;

const UNITS: [number, string, string][] = [[DAY_MS, 'day', 'days'], [HOUR_MS, 'hour', 'hours'], [MINUTE_MS, 'minute', 'minutes']];

/** Exact: "14 days", "90 minutes", "3,660 days (about 10 years)". */
export function periodText(ms: number): string {
  const [length, one, many] = UNITS.find(([unit]) => ms >= unit && ms % unit === 0) ?? [1_000, 'second', 'seconds'];
  const count = ms / length;
  const years = ms / DAY_MS / YEAR_DAYS;
  return `${counted(count, one, many)}${length === DAY_MS && years >= 0.99 ? ` (about ${counted(Math.round(years), 'year', 'years')})` : ''}`;
}

/** Rounded: "12 minutes", "3 hours". */
export function roughly(ms: number): string {
  if (ms < 1.5 * MINUTE_MS) return 'a minute';
  if (ms < 1.5 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} minutes`;
  if (ms < 36 * HOUR_MS) return counted(Math.round(ms / HOUR_MS), 'hour', 'hours');
  return counted(Math.round(ms / DAY_MS), 'day', 'days');
}

export function ruleText(name: ParameterName, value: number, { blockMs }: Pick<Network, 'blockMs'>): string {
  const { unit } = RULES[name];
  if (unit === 'ms') return periodText(value);
  if (unit === 'version') return `version ${number(value)}`;
  if (unit === 'transactions') return counted(value, 'entry', 'entries');
  return `${counted(value, 'block', 'blocks')}${blockMs > 0 ? `, about ${roughly(value * blockMs)}` : ''}`;
}

/** In what a rule is written down in a form: "days" for fourteen days. */
export interface Measure {
  label: string;
  size: number;
}
const COUNTED_IN = { blocks: 'in blocks', transactions: 'in entries', version: 'version' };
export function measureOf(name: ParameterName, value: number): Measure {
  const { unit } = RULES[name];
  if (unit !== 'ms') return { label: COUNTED_IN[unit], size: 1 };
  const [size, , many] = UNITS.find(([length]) => value % length === 0) ?? UNITS.at(-1)!;
  return { label: `in ${many}`, size };
}

/** What was written, as a value of the rule; words if it cannot be one. */
export function readRule(name: ParameterName, written: string, { size }: Measure): { value: number } | { problem: string } {
  const { least, most, unit } = RULES[name];
  const value = /^\s*\d+([.,]\d+)?\s*$/.test(written) ? Math.round(Number(written.replace(',', '.')) * size * 1_000) / 1_000 : NaN;
  if (!Number.isInteger(value)) return { problem: unit === 'ms' ? 'Please write a number.' : 'Please write a whole number.' };
  const words = (bound: number) => (unit === 'ms' ? periodText(bound) : number(bound));
  if (value < least || value > most) return { problem: `Please write something between ${words(least)} and ${words(most)}.` };
  return { value };
}

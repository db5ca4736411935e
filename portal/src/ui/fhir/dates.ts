/** FHIR dates as people of the browser's locale write them. A FHIR date may be a year or a month only. */

const locale = () => (typeof navigator === 'undefined' ? 'en-GB' : navigator.language);
const formats = new Map<string, Intl.DateTimeFormat>();

function format(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const known = formats.get(key) ?? new Intl.DateTimeFormat(locale(), options);
  formats.set(key, known);
  return known;
}

/** A date without a time is a day on the calendar, not midnight somewhere. */
export function toDate(fhir: string | undefined): Date | null {
  if (!fhir) return null;
  const match = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(fhir);
  if (match) return new Date(Number(match[1]), Number(match[2] ?? 1) - 1, Number(match[3] ?? 1), 12);
  const date = new Date(fhir);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Sorts after everything that has a date, also what is older than 1970. */
export const UNDATED_MS = Number.MIN_SAFE_INTEGER;
export const msOf = (fhir: string | undefined): number => toDate(fhir)?.getTime() ?? UNDATED_MS;

export function day(fhir: string | undefined): string {
  const date = toDate(fhir);
  if (!date || !fhir) return 'Date not known';
  if (/^\d{4}$/.test(fhir)) return fhir;
  if (/^\d{4}-\d{2}$/.test(fhir)) return format('month', { month: 'long', year: 'numeric' }).format(date);
  return format('day', { day: 'numeric', month: 'long', year: 'numeric' }).format(date);
}

export function shortDay(fhir: string | undefined): string {
  const date = toDate(fhir);
  return date ? format('short', { day: 'numeric', month: 'short', year: 'numeric' }).format(date) : '';
}

export const monthOf = (date: Date): string => format('month', { month: 'long', year: 'numeric' }).format(date);
export const monthShort = (ms: number): string => format('ms', { month: 'short', year: 'numeric' }).format(ms);
export const dayOfMs = (ms: number): string => format('day', { day: 'numeric', month: 'long', year: 'numeric' }).format(ms);
export const timeOfMs = (ms: number): string =>
  format('time', { day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(ms);
export const clockOfMs = (ms: number): string => format('clock', { hour: '2-digit', minute: '2-digit' }).format(ms);

/** "today", "3 days ago", "in 2 months". */
export function fromNow(ms: number, nowMs = Date.now()): string {
  const days = Math.round((ms - nowMs) / 86_400_000);
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  if (Math.abs(days) < 45) return relative.format(days, 'day');
  if (Math.abs(days) < 540) return relative.format(Math.round(days / 30.4), 'month');
  return relative.format(Math.round(days / 365.25), 'year');
}

export function ageAt(birthDate: string | undefined, now = new Date()): number | null {
  const born = toDate(birthDate);
  if (!born) return null;
  const before = now.getMonth() < born.getMonth() || (now.getMonth() === born.getMonth() && now.getDate() < born.getDate());
  return now.getFullYear() - born.getFullYear() - (before ? 1 : 0);
}

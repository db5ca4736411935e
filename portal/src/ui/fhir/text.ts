/** Codes, quantities and names in words. */
import type { CodeableConcept, HumanName, Quantity, Reference } from '../../api/fhirTypes';
import { termOf } from './terms';
import { unitWords } from './units';

const locale = () => (typeof navigator === 'undefined' ? 'en-GB' : navigator.language);

/** SNOMED's "(disorder)" and the like say nothing to a person. */
const tidy = (text: string): string =>
  text
    .replace(/\u200b/g, '')
    .replace(/\s*\((disorder|finding|procedure|situation|regime\/therapy|substance|product|observable entity|event|morphologic abnormality|physical object|body structure|record artifact)\)\s*$/i, '')
    .trim();

export function conceptText(concept: CodeableConcept | undefined): string {
  const codings = concept?.coding ?? [];
  const text = concept?.text ?? codings.find((coding) => coding.display)?.display ?? codings.map(({ system, code }) => termOf(system, code)).find(Boolean) ?? codings[0]?.code;
  return text ? tidy(text) : '';
}

/** Units and forms as people write them: "60 ACTUAT … 0.25 MG/ACTUAT" is pharmacists' shorthand. */
export function medicineText(concept: CodeableConcept | undefined): string {
  return conceptText(concept)
    .replace(/^NDA\d+ /, '')
    .replace(/^(\d+) ACTUAT\b/, '$1 puffs,')
    .replace(/\bACTUAT\b/g, 'puff')
    .replace(/^(\d+) HR\b/, '$1-hour')
    .replace(/\bHR\b/g, 'hour')
    .replace(/\bMG\b/g, 'mg')
    .replace(/\bML\b/g, 'mL')
    .replace(/\bUNT\b/g, 'units');
}

/** Words of a name that follow a pattern. */
export const plainName = (text: string): string => text.replace(/^(.+) IgE Ab in Serum(?: or Plasma)?$/i, 'Allergy test: $1').replace(/ \[US Standard Certificate of Death\]$/i, '');

export const codeOf = (concept: CodeableConcept | undefined, system: RegExp): string | undefined =>
  concept?.coding?.find((coding) => !coding.system || system.test(coding.system))?.code;
export const loinc = (concept: CodeableConcept | undefined) => codeOf(concept, /loinc/);
export const snomed = (concept: CodeableConcept | undefined) => codeOf(concept, /snomed/);

export function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

export function quantityText(quantity: Quantity | undefined): string {
  if (quantity?.value === undefined) return '';
  const unit = unitWords(quantity);
  return `${quantity.comparator ?? ''}${number(quantity.value)}${unit ? `\u00a0${unit}` : ''}`;
}

/** Synthetic data adds digits to names; people have none. */
export function humanName(names: HumanName[] | string | undefined): string {
  if (typeof names === 'string') return names;
  const [name] = names ?? [];
  if (!name) return '';
  return (name.text ?? [...(name.prefix ?? []), ...(name.given ?? []), name.family].filter(Boolean).join(' ')).replace(/\d+/g, '');
}

export const displayOf = (reference: Reference | undefined): string => (reference?.display ?? '').replace(/\d+/g, '').trim();

export function money(amount: unknown): string {
  const { value, currency } = (amount ?? {}) as { value?: number; currency?: string };
  return value === undefined ? '' : new Intl.NumberFormat(locale(), { style: 'currency', currency: currency ?? 'USD' }).format(value);
}

export const counted = (count: number, one: string, many: string): string => `${new Intl.NumberFormat(locale()).format(count)} ${count === 1 ? one : many}`;

/** The words of a narrative, without trusting its HTML: it is parsed, never inserted. */
export function narrativeText(div: string | undefined): string {
  if (!div) return '';
  return div
    .replace(/<(br|\/p|\/div|\/li|\/tr|\/h\d)[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;|&apos;/g, "'")
    .replace(/&nbsp;/g, ' ')
    .replace(/&amp;/g, '&')
    .replace(/\n\s*\n+/g, '\n\n')
    .trim();
}

/** Text of an attachment that is text; others are named only. */
export function attachmentText(data: string | undefined, type: string | undefined): string {
  if (!data || !/^text\//.test(type ?? '')) return '';
  try {
    const raw = atob(data);
    const text = new TextDecoder().decode(Uint8Array.from(raw, (letter) => letter.charCodeAt(0)));
    return /html/.test(type ?? '') ? narrativeText(text) : text;
  } catch {
    return '';
  }
}

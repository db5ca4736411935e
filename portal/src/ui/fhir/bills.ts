/** Claims and what the insurance made of them. A statement names several sums; the one paid is not the one billed. */
import type { Resource } from '../../api/fhirTypes';
import { conceptOf } from './codes';
import { conceptText, money, snomed } from './text';

const KINDS: Record<string, string> = { institutional: 'hospital or practice', professional: 'doctor', pharmacy: 'pharmacy', oral: 'dentist', vision: 'glasses or lenses' };

const first = <T>(value: T | T[] | undefined): T | undefined => (Array.isArray(value) ? value[0] : value);

/** What it was for, or else from what kind of place it came. */
export function billedFor(resource: Resource): string {
  const service = resource.item?.map((one) => conceptOf(snomed(one.productOrService)) ?? conceptText(one.productOrService)).find(Boolean);
  const type = first(resource.type);
  const text = service ?? KINDS[type?.coding?.[0]?.code ?? ''] ?? conceptText(type);
  return text.charAt(0).toLowerCase() + text.slice(1);
}

export function totalOf(resource: Resource): string {
  const total = first(resource.total as { amount?: unknown } | { amount?: unknown }[] | undefined);
  return money(total?.amount ?? total);
}

export const paidOf = (resource: Resource): string => money(resource.payment?.amount);

export function paidBy(resource: Resource): string {
  const [billed, paid] = [totalOf(resource), paidOf(resource)];
  if (paid) return billed ? `paid ${paid} of ${billed}` : `paid ${paid}`;
  return billed && `billed ${billed}`;
}

/** The organisation's own FHIR API, in a chart session (session cookie and `x-salus-chart`). */
import { getJson } from './http';
import type { Bundle, Resource } from './fhirTypes';

const PAGES_MAX = 40;

/** Everything about one patient, page after page; `onPage` sees each page as it arrives. */
export async function everything(
  patient: string,
  chart: string,
  onPage: (resources: Resource[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  let next: string | undefined = `/fhir/Patient/${encodeURIComponent(patient)}/$everything?_count=500`;
  for (let page = 0; next && page < PAGES_MAX; page++) {
    const bundle: Bundle = await getJson<Bundle>(next, { headers: { 'x-salus-chart': chart, accept: 'application/fhir+json' }, signal });
    onPage((bundle.entry ?? []).flatMap((entry) => (entry.resource ? [entry.resource] : [])));
    next = ownPath(bundle.link?.find((link) => link.relation === 'next')?.url);
  }
}

/** Links of a server name its public address, which need not be the one in the address bar. */
function ownPath(url: string | undefined): string | undefined {
  if (!url) return undefined;
  const { pathname, search } = new URL(url, 'https://localhost');
  const at = pathname.indexOf('/fhir/');
  return at < 0 ? undefined : pathname.slice(at) + search;
}

export const readResource = (reference: string, chart: string): Promise<Resource> =>
  getJson<Resource>(`/fhir/${reference}`, { headers: { 'x-salus-chart': chart } });
export const readProof = <T>(reference: string, chart: string): Promise<T> =>
  getJson<T>(`/fhir/${reference}/$proof`, { headers: { 'x-salus-chart': chart } });

/** What a code says, by this organisation's node; `null` where nobody knows it. */
export async function lookUpCode(system: string, code: string, signal?: AbortSignal): Promise<string | null> {
  const query = new URLSearchParams({ system, code });
  const answer = await getJson<{ parameter?: { name: string; valueString?: string }[] }>(`/fhir/CodeSystem/$lookup?${query}`, { headers: { accept: 'application/fhir+json' }, signal });
  const display = answer.parameter?.find((one) => one.name === 'display')?.valueString;
  return display && display !== code ? display : null;
}

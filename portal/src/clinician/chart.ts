/** A chart's records, own and shared, and what the summary shows of them. */
import { useEffect, useRef, useState } from 'react';
import { plainWords } from '../api/http';
import { everything } from '../api/fhir';
import type { Chart, ChartSource } from '../api/staff';
import type { Resource } from '../api/fhirTypes';
import { dateOf, describe, type Described } from '../ui/fhir/describe';
import { msOf } from '../ui/fhir/dates';
import { setPerson } from '../ui/fhir/person';

const SHARE_SYSTEM = 'https://salus.network/fhir/share';

export interface ChartEntry {
  key: string;
  resource: Resource;
  described: Described;
  ms: number;
  /** `null`: our own. */
  source: ChartSource | null;
}

/** An imported copy carries the grant it came by; the source of that grant is where it comes from. */
export function sourceOf(resource: Resource, sources: ChartSource[]): ChartSource | null {
  const codes = (resource.meta?.security ?? []).filter((label) => label.system === SHARE_SYSTEM).map((label) => label.code);
  if (!codes.includes('shared')) return null;
  const named = /^urn:salus:([a-z0-9-]+)/.exec(resource.meta?.source ?? '')?.[1];
  const found = sources.find((source) => source.organisation === named) ?? sources.find((source) => source.grant && codes.includes(source.grant));
  return found ?? { organisation: named ?? 'another organisation', state: 'shared' };
}

const HIDDEN = new Set(['Provenance', 'Organization', 'Location', 'Practitioner', 'PractitionerRole', 'Patient', 'OperationOutcome', 'CareTeam', 'Medication']);

export function entriesOf(resources: Resource[], sources: ChartSource[]): ChartEntry[] {
  setPerson(resources.find((resource) => resource.resourceType === 'Patient')?.birthDate);
  return resources
    .filter((resource) => !HIDDEN.has(resource.resourceType))
    .map((resource) => ({
      key: `${resource.resourceType}/${resource.id ?? ''}`,
      resource,
      described: describe(resource),
      ms: msOf(dateOf(resource)),
      source: sourceOf(resource, sources),
    }))
    .sort((a, b) => b.ms - a.ms);
}

export interface ChartRecords {
  resources: Resource[];
  loading: boolean;
  error: string | null;
}

/** Loads page after page, so that the first rows show at once; again whenever `round` changes, when what is there stays until all is. */
export function useChartRecords(chart: Chart | null, round: number): ChartRecords {
  const [state, setState] = useState<ChartRecords>({ resources: [], loading: true, error: null });
  const shown = useRef<Chart | null>(null);
  useEffect(() => {
    if (!chart) return;
    const abort = new AbortController();
    const found = new Map<string, Resource>();
    const again = shown.current === chart;
    const take = (resources: Resource[]) => {
      for (const resource of resources) found.set(`${resource.resourceType}/${resource.id}`, resource);
      if (!abort.signal.aborted && !again) setState({ resources: [...found.values()], loading: true, error: null });
    };
    const all = [chart, ...(chart.also ?? [])];
    Promise.all(all.map(async (one) => everything(one.patient.replace(/^Patient\//, ''), one.chart, take, abort.signal))).then(
      () => {
        if (abort.signal.aborted) return;
        shown.current = chart;
        setState({ resources: [...found.values()], loading: false, error: null });
      },
      (error: unknown) => !abort.signal.aborted && setState((known) => ({ resources: again ? known.resources : [...found.values()], loading: false, error: plainWords(error) })),
    );
    return () => abort.abort();
  }, [chart, round]);
  return state;
}

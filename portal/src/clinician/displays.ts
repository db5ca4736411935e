/**
 * Words for codings that a chart's records carry without a display. The node of the organisation is asked, which holds these
 * records; a patient's own pages ask nobody.
 */
import { useEffect, useMemo, useState } from 'react';
import { lookUpCode } from '../api/fhir';
import type { CodeableConcept, Coding, Resource } from '../api/fhirTypes';
import { conceptOf, measureOf } from '../ui/fhir/codes';
import { termOf } from '../ui/fhir/terms';

/** Codes that are asked for in one chart, and at once. */
const CODES_MAX = 100;
const AT_ONCE = 6;

const keyOf = ({ system, code }: Coding): string => `${system}|${code}`;
const isSilent = (concept: CodeableConcept): boolean => !concept.text && !concept.coding!.some(({ display, system, code }) => display || termOf(system, code) || conceptOf(code) || measureOf(code));

/** Does something with every concept in a resource that has codes and no words. */
function visit(value: unknown, found: (concept: CodeableConcept) => void): void {
  if (Array.isArray(value)) for (const one of value) visit(one, found);
  else if (value && typeof value === 'object') {
    const concept = value as CodeableConcept;
    if (Array.isArray(concept.coding)) {
      if (isSilent(concept)) found(concept);
    } else for (const one of Object.values(value)) visit(one, found);
  }
}

/** The codes that nothing here has words for, each once. */
export function silentCodes(resources: Resource[]): Coding[] {
  const codes = new Map<string, Coding>();
  for (const resource of resources) visit(resource, ({ coding }) => coding!.forEach((one) => one.system && one.code && codes.set(keyOf(one), one)));
  return [...codes.values()];
}

/** The same resources with what is known now; those that need nothing stay the same objects. */
export function withDisplays(resources: Resource[], known: ReadonlyMap<string, string>): Resource[] {
  if (known.size === 0) return resources;
  return resources.map((resource) => {
    if (!silentCodes([resource]).some((code) => known.has(keyOf(code)))) return resource;
    const copy = structuredClone(resource);
    visit(copy, (concept) => { concept.coding = concept.coding!.map((one) => ({ ...one, display: known.get(keyOf(one)) })); });
    return copy;
  });
}

/** A chart's records with words where the node has some. What it does not know stays a code, and is no error. */
export function useDisplays(resources: Resource[], loading: boolean): Resource[] {
  const [known, setKnown] = useState<ReadonlyMap<string, string>>(new Map());
  const [asked] = useState(() => new Set<string>());
  useEffect(() => {
    if (loading) return;
    const abort = new AbortController();
    const open = silentCodes(resources).filter((code) => !asked.has(keyOf(code))).slice(0, CODES_MAX);
    const found = new Map<string, string>();
    const work = async () => {
      for (let code = open.shift(); code && !abort.signal.aborted; code = open.shift()) {
        asked.add(keyOf(code));
        const display = await lookUpCode(code.system!, code.code!, abort.signal).catch(() => null);
        if (display) found.set(keyOf(code), display);
        else if (abort.signal.aborted) asked.delete(keyOf(code));
      }
    };
    // What was found stays true when the records are loaded again meanwhile.
    void Promise.all(Array.from({ length: AT_ONCE }, work)).then(() => {
      if (found.size > 0) setKnown((before) => new Map([...before, ...found]));
    });
    return () => abort.abort();
  }, [resources, loading, asked]);
  return useMemo(() => withDisplays(resources, known), [resources, known]);
}

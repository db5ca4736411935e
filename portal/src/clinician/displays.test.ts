// @vitest-environment jsdom
import { renderHook, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Resource } from '../api/fhirTypes';
import { silentCodes, useDisplays, withDisplays } from './displays';

const condition = (coding: object[], extra: object = {}): Resource => ({ resourceType: 'Condition', code: { coding, ...extra } });
const SILENT = condition([{ system: 'http://elsewhere.example', code: 'x1' }]);
const SPEAKING = condition([{ system: 'http://elsewhere.example', code: 'x2', display: 'Said' }]);

afterEach(() => vi.unstubAllGlobals());

it('only codes that nothing has words for are looked up, each once', () => {
  const codes = silentCodes([SILENT, SILENT, SPEAKING, condition([{ system: 'http://elsewhere.example', code: 'x3' }], { text: 'Said' }), condition([{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' }]), condition([{ code: 'none' }])]);
  expect(codes.map((one) => one.code)).toEqual(['x1']);
});

it('words are put into copies, and what needs none stays as it is', () => {
  const [named, same] = withDisplays([SILENT, SPEAKING], new Map([['http://elsewhere.example|x1', 'Found']]));
  expect(named!.code!.coding![0]!.display).toBe('Found');
  expect(same).toBe(SPEAKING);
  expect(SILENT.code!.coding![0]!.display).toBeUndefined();
});

it('the node is asked once for each code, by system and code alone, and its silence is no error', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', vi.fn(async (url: string | URL | Request) => {
    asked.push(String(url instanceof Request ? url.url : url));
    const body = asked.length === 1 ? { parameter: [{ name: 'display', valueString: 'Found' }] } : { resourceType: 'OperationOutcome' };
    return new Response(JSON.stringify(body), { status: asked.length === 1 ? 200 : 404, headers: { 'content-type': 'application/fhir+json' } });
  }));
  const records = [SILENT, condition([{ system: 'http://elsewhere.example', code: 'x9' }])];
  const { result, rerender } = renderHook(({ of }) => useDisplays(of, false), { initialProps: { of: records } });
  await waitFor(() => expect(result.current[0]!.code!.coding![0]!.display).toBe('Found'));
  rerender({ of: [...records] });
  expect(asked).toHaveLength(2);
  expect(asked[0]).toContain('/fhir/CodeSystem/$lookup?system=http%3A%2F%2Felsewhere.example&code=x1');
});

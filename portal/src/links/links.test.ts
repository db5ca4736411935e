import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromUtf8, randomBytes, utf8 } from '../crypto';
import { fromBase64Url, toBase64Url } from './base64url';
import { documentOf, REDISCLOSURE, type Chosen } from './document';
import { cardDigits, readCard } from './healthCard';
import { decrypt, encrypt, inflate } from './jwe';
import { readShlink, shlinkOf, viewerLink } from './shlink';
import spec from './testdata/spec.json' with { type: 'json' };

const key = fromBase64Url(spec.payload.key);
const TEXT = JSON.stringify({ resourceType: 'Bundle', note: 'Überweisung ✓'.repeat(500) });

describe('a file of a link', () => {
  it('opens as the specification’s own example, and holds a health card', async () => {
    const { text, contentType } = await decrypt(key, spec.jwe);
    expect(contentType).toBe(spec.contentType);
    const [card] = (JSON.parse(text) as { verifiableCredential: string[] }).verifiableCredential;
    expect(readCard(card!)?.resources.map(({ resourceType }) => resourceType)).toContain('Immunization');
  });
  it('made here opens with jose, and made by jose opens here', async () => {
    const own = await encrypt(key, TEXT);
    expect(decodeProtectedHeader(own)).toEqual({ alg: 'dir', enc: 'A256GCM', cty: 'application/fhir+json', zip: 'DEF' });
    const opened = await compactDecrypt(own, key).catch(() => null);
    // A jose without `zip` refuses the header; one with it has inflated already.
    if (opened) expect(fromUtf8(opened.plaintext)).toBe(TEXT);
    for (const zip of [undefined, 'DEF'] as const) {
      const plain = zip ? new Uint8Array(deflateRawSync(TEXT)) : utf8(TEXT);
      const [head, iv] = [toBase64Url(utf8(JSON.stringify({ alg: 'dir', enc: 'A256GCM', ...(zip && { zip }) }))), randomBytes(12)];
      const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(head) }, await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']), plain));
      const jwe = [head, '', toBase64Url(iv), toBase64Url(sealed.subarray(0, -16)), toBase64Url(sealed.subarray(-16))].join('.');
      expect((await decrypt(key, jwe)).text).toBe(TEXT);
    }
    const theirs = await new CompactEncrypt(utf8(TEXT)).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'application/fhir+json' }).encrypt(key);
    expect((await decrypt(key, theirs)).text).toBe(TEXT);
  });
  it('differs each time, and opens under no other key and after no change', async () => {
    const jwe = await encrypt(key, TEXT);
    expect(await encrypt(key, TEXT)).not.toBe(jwe);
    await expect(decrypt(randomBytes(32), jwe)).rejects.toThrow();
    for (const at of [0, 1, 2, 3, 4]) {
      const parts = jwe.split('.');
      parts[at] = at === 1 ? 'AA' : `${parts[at]!.slice(0, -2)}${parts[at]!.endsWith('AA') ? 'BB' : 'AA'}`;
      await expect(decrypt(key, parts.join('.')), `part ${at}`).rejects.toThrow();
    }
    await expect(decrypt(key, `${jwe}.AA`)).rejects.toThrow();
    for (const head of [{ alg: 'none', enc: 'A256GCM' }, { alg: 'dir', enc: 'A128GCM' }, { alg: 'dir', enc: 'A256GCM', zip: 'GZ' }, { alg: 'dir', enc: 'A256GCM', crit: ['x'] }]) {
      await expect(decrypt(key, [toBase64Url(utf8(JSON.stringify(head))), ...jwe.split('.').slice(1)].join('.'))).rejects.toThrow('unknown way');
    }
  });
  it('unfolds up to a limit and not when it broke off', () => {
    const packed = new Uint8Array(deflateRawSync(Buffer.alloc(3_000_000)));
    expect(inflate(packed, 3_000_000).length).toBe(3_000_000);
    expect(() => inflate(packed, 2_999_999)).toThrow('too large');
    expect(() => inflate(packed.subarray(0, packed.length - 1))).toThrow();
  });
});

describe('the text of a link', () => {
  it('is the specification’s, with and without a viewer before it', () => {
    for (const text of [spec.link, `https://viewer.example.org#${spec.link}`, ` ${spec.link}\n`]) expect(readShlink(text)).toEqual(spec.payload);
    expect(readShlink(shlinkOf(spec.payload))).toEqual(spec.payload);
    expect(viewerLink(spec.payload)).toBe(`https://ehr.example.org/shared#${shlinkOf(spec.payload)}`);
  });
  it('is refused when it is none', () => {
    const of = (change: object) => `shlink:/${toBase64Url(utf8(JSON.stringify({ ...spec.payload, ...change })))}`;
    for (const text of ['', 'https://x.example', 'shlink:/', 'shlink:/%%%', `${spec.link.slice(0, -3)}`, of({ key: 'AA' }), of({ url: 'javascript:alert(1)' }), of({ url: 7 }), of({ url: `https://x.example/${'a'.repeat(128)}` }), of({ v: 2 })]) {
      expect(readShlink(text), text).toBeNull();
    }
  });
});

describe('what a link holds', () => {
  const chosen: Chosen[] = [
    { category: 'labs', source: 'St. Anna', resource: { resourceType: 'Observation', id: 'o1', subject: { reference: 'Patient/p1' }, encounter: { reference: 'Encounter/e1' }, text: { div: '<div>x</div>' }, meta: { versionId: '3', source: '#x' } } as Chosen['resource'] },
    { category: 'substance-use', source: 'St. Anna', resource: { resourceType: 'Condition', id: 'c1', subject: { reference: 'Patient/p1' }, evidence: [{ detail: [{ reference: 'Observation/o1/_history/2' }] }] } as Chosen['resource'] },
  ];
  const bundle = documentOf({ name: 'Ann', birthDate: '1980-05-01' }, chosen, 0);
  const text = JSON.stringify(bundle);
  const [composition, patient, observation, condition] = bundle.entry;
  it('is a document whose references are to what is in it, and that names no other record', () => {
    expect([bundle.type, composition?.resource.resourceType, patient?.resource.resourceType]).toEqual(['document', 'Composition', 'Patient']);
    expect(observation?.resource.subject?.reference).toBe(patient?.fullUrl);
    expect(text).not.toMatch(/"o1"|Observation\/|Encounter|Patient\/|<div>x|\{\}/);
    expect(JSON.stringify(condition)).toContain(observation!.fullUrl);
    const references = [...text.matchAll(/"reference":"([^"]+)"/g)].map((match) => match[1]);
    expect(references.every((one) => bundle.entry.some(({ fullUrl }) => fullUrl === one))).toBe(true);
  });
  it('says that it may not be passed on where the law says so', () => {
    expect(text).toContain(REDISCLOSURE);
    expect(composition?.resource.meta?.security?.[0]?.code).toBe('NORDSCLCD');
    expect(JSON.stringify(documentOf({ name: 'Ann' }, chosen.slice(0, 1), 0))).not.toContain(REDISCLOSURE);
  });
});

describe('a health card', () => {
  it('is two digits for each letter, as long as one code holds it', () => {
    expect(cardDigits('-.eyJ')).toBe('0001567629');
    expect(cardDigits('e'.repeat(1_195))).toHaveLength(2_390);
    expect(cardDigits('e'.repeat(1_196))).toBeNull();
  });
  it('that is none is nothing', () => {
    for (const text of ['', 'a.b.c', `a.${toBase64Url(new Uint8Array(deflateRawSync('{}')))}.c`]) expect(readCard(text)).toBeNull();
  });
});

import { afterEach, describe, expect, it, vi } from 'vitest';
import { relay } from '../../api/ledger';
import { LINK_BYTES_MAX } from '../../api/links';
import { sha256, toHex } from '../../crypto';
import { fromBase64Url } from '../../links/base64url';
import type { Chosen } from '../../links/document';
import { decrypt } from '../../links/jwe';
import { readShlink, viewerLink } from '../../links/shlink';
import type { CaseAnswers } from './cases';
import { Links, newPin, payloadOf, type LinkAsk, type Linking } from './links';
import { emptyProfile, mergeProfiles, type LinkRecord, type Profile } from './profile';

const PATIENT: Chosen = { category: 'demographics', source: 'St. Anna', resource: { resourceType: 'Patient', id: 'p', birthDate: '1980-05-01' } };
const LAB: Chosen = { category: 'labs', source: 'St. Anna', resource: { resourceType: 'Observation', id: 'o', subject: { reference: 'Patient/p' } } };

/** A session whose organisation makes what is asked. */
function linking(all: Chosen[] = [PATIENT, LAB]) {
  const asked: LinkAsk[] = [];
  const at = { profile: { ...emptyProfile('n'), organisations: [{ id: 'hospital-a', patient: 'p', name: 'Ann', joinedMs: 0 }] } as Profile };
  const session: Linking = {
    profile: () => at.profile,
    save: (profile) => Promise.resolve(void (at.profile = profile)),
    ask: (_, what) => {
      asked.push(what);
      const made = what.ask === 'make-link' ? { link: 'id', url: 'https://a.example/links/x' } : null;
      return Promise.resolve({ cases: [], links: [], made } as CaseAnswers);
    },
    keeper: () => 'hospital-a',
    chosen: (categories) => all.filter(({ category }) => categories.includes(category)),
  };
  return { links: new Links(() => session), asked, at };
}
const NEW = { label: 'For Dr. Ada', categories: ['labs' as const], untilMs: 1_000_000, pin: '123456', renews: true };

afterEach(() => vi.restoreAllMocks());

describe('a link', () => {
  it('is announced by the hash of what is deposited, opens with the key that stays here, and is in the profile before anything is kept', async () => {
    const { links, asked, at } = linking();
    let file: Uint8Array = new Uint8Array();
    vi.spyOn(relay, 'deposit').mockImplementation((_, bytes) => {
      expect(at.profile.links).toHaveLength(1);
      file = bytes;
      return Promise.resolve(new Response());
    });
    const link = await links.make(NEW);
    expect(asked).toEqual([{ ask: 'make-link', digest: toHex(sha256(file)), bytes: file.length, untilMs: 1_000_000, pin: '123456', renews: true }]);
    expect(JSON.stringify(asked)).not.toMatch(new RegExp(`${link.key}|Ada`));
    const { text } = await decrypt(fromBase64Url(link.key), new TextDecoder().decode(file));
    expect(text).toContain('1980-05-01');
    expect(text).toContain('"name":[{"text":"Ann"}]');
    expect(readShlink(viewerLink(payloadOf(link)))).toEqual({ url: link.url, key: link.key, exp: 1_000, flag: 'LP', label: 'For Dr. Ada' });
    await links.renew(link);
    expect(asked[1]).toMatchObject({ ask: 'renew-link', link: 'id', digest: toHex(sha256(file)) });
  });
  it('that would be too large is not asked for', async () => {
    // Letters by chance: nothing that packing makes small.
    const noise = () => Array.from(crypto.getRandomValues(new Uint8Array(60_000)), (byte) => String.fromCharCode(33 + (byte % 90))).join('');
    const many = Array.from({ length: Math.ceil(LINK_BYTES_MAX / 45_000) }, (_, at): Chosen => ({ ...LAB, resource: { ...LAB.resource, id: `o${at}`, valueString: noise() } }));
    const { links, asked } = linking(many);
    await expect(links.make(NEW)).rejects.toThrow('too much for one link');
    expect(asked).toEqual([]);
  });
  it('of one device is known on the other', () => {
    const of = (id: string, createdMs: number) => ({ id, createdMs }) as LinkRecord;
    const merged = mergeProfiles({ ...emptyProfile('n'), links: [of('a', 1)] }, { ...emptyProfile('n'), links: [of('a', 1), of('b', 2)] });
    expect(merged.links?.map(({ id }) => id)).toEqual(['b', 'a']);
  });
});

it('a PIN has six digits', () => {
  for (let round = 0; round < 200; round++) expect(newPin()).toMatch(/^\d{6}$/);
});

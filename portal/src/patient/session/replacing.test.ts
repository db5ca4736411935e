/** All keys are replaced, also when the page closes in between, and also with the thief at the same time. */
import { beforeEach, afterEach, expect, it, vi } from 'vitest';
import { ledger, relay } from '../../api/ledger';
import { ApiError } from '../../api/http';
import { encode, grantIdOf, randomBytes, signTransaction, stateKey, toHex } from '../../crypto';
import { Genesis, SealedEnvelope } from '../../crypto/formats';
import { MockChain } from '../../testing/chain';
import { MockRecovery } from '../../testing/recovery';
import { readGenesis } from '../../verify/network';
import type { Granting } from './grants';
import { grantKeys, pairwiseKeys } from './keys';
import type { Surroundings } from './network';
import { emptyProfile, mergeProfiles, type FormerKeys, type GrantRecord, type Profile } from './profile';
import { goOn, profileAfter } from './replacing';

const HOME = ['hospital-a', 'hospital-b'];
let chain: MockChain;
let around: Surroundings;
let profile: Profile;
/** The key that stands, by organisation. */
let standing: Map<string, string>;
let away: Set<string>;
let oldRoot: Uint8Array;
let newRoot: Uint8Array;

const granting = (): Granting => ({ root: newRoot, around, profile, keysOf: (id) => pairwiseKeys(newRoot, id), compartmentsOf: () => new Map() });
const note = async (former: FormerKeys) => void (profile = { ...profile, former });
const keyAt = async (root: Uint8Array, id: string) => toHex((await pairwiseKeys(root, id)).publicKey);
const grantOf = (counter: number) => toHex(stateKey.grant(grantIdOf(grantKeys(oldRoot, 'hospital-a', counter).publicKey)));

beforeEach(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  around = { genesis: new Uint8Array(), network: readGenesis(encode(Genesis, chain.genesis)), organisations: [] };
  [oldRoot, newRoot] = [randomBytes(32), randomBytes(32)];
  standing = new Map();
  for (const id of HOME) standing.set(id, await keyAt(oldRoot, id));
  away = new Set();
  const grants: GrantRecord[] = [];
  for (const counter of [0, 1]) {
    const { seed } = grantKeys(oldRoot, 'hospital-a', counter);
    chain.submit(signTransaction(chain.id, seed, 1_000, { kind: 'Grant', terms: new Uint8Array(32), scope: new Uint8Array(32), expiryMs: Date.now() + 86_400_000 }));
    grants.push({ id: `g${counter}`, source: 'hospital-a', counter, state: 'active' } as GrantRecord);
  }
  profile = profileAfter({ ...emptyProfile('n'), organisations: HOME.map((id) => ({ id, patient: 'p', name: 'Una', joinedMs: 1 })), grants }, oldRoot);
  vi.spyOn(relay, 'recovery').mockImplementation(async (id, envelope) => {
    if (away.has(id)) throw new ApiError('unavailable');
    const organisations = new MockRecovery(chain, async (old, fresh) => {
      if (standing.get(id) !== toHex(old)) return standing.get(id) === toHex(fresh);
      standing.set(id, toHex(fresh));
      return true;
    });
    const answer = await organisations.answer(id, envelope);
    if (!answer) throw new ApiError('refused');
    return encode(SealedEnvelope, answer) as Uint8Array<ArrayBuffer>;
  });
  vi.spyOn(ledger, 'head').mockImplementation(async () => ({ height: chain.head().height, timeMs: chain.nowMs(), digest: '' }));
  vi.spyOn(ledger, 'submit').mockImplementation(async (transaction) => ({ id: chain.submit(transaction) }));
  vi.spyOn(ledger, 'status').mockImplementation(async () => ({ status: 'final', height: 1 }));
  vi.spyOn(ledger, 'state').mockImplementation(async (codec, key) => {
    const bytes = chain.state.get(toHex(key));
    return bytes ? (await import('../../crypto')).decodeCanonical(codec, bytes) : null;
  });
});
afterEach(() => void vi.restoreAllMocks());

it('every organisation gets the new key, every grant of the old root ends, and then the old root is forgotten', async () => {
  await goOn(profile.former!, granting(), note);
  for (const id of HOME) expect(standing.get(id)).toBe(await keyAt(newRoot, id));
  for (const counter of [0, 1]) expect(chain.grantEntry(grantIdOf(grantKeys(oldRoot, 'hospital-a', counter).publicKey))?.revoked).not.toBeNull();
  expect(profile.former).toEqual({ root: '', left: [], grants: [] });
  expect(JSON.stringify(profile)).not.toContain(toHex(oldRoot));
  expect(grantOf(0)).not.toBe(grantOf(1));
});

it('who does not answer gets it later, and what was done is not undone by a copy on another device', async () => {
  away.add('hospital-b');
  const before = profile;
  await goOn(profile.former!, granting(), note);
  expect(profile.former).toMatchObject({ root: toHex(oldRoot), left: ['hospital-b'] });
  expect(standing.get('hospital-b')).toBe(await keyAt(oldRoot, 'hospital-b'));
  for (const merged of [mergeProfiles(before, profile), mergeProfiles(profile, before)]) {
    expect(merged.former?.left).toEqual(['hospital-b']);
    expect(merged.former?.grants.every(({ state }) => state === 'revoked')).toBe(true);
  }
  away.clear();
  await goOn(profile.former!, granting(), note);
  expect(standing.get('hospital-b')).toBe(await keyAt(newRoot, 'hospital-b'));
  for (const merged of [mergeProfiles(before, profile), mergeProfiles(profile, before)]) expect(merged.former?.root).toBe('');
});

it('repeated it changes nothing, and a thief who was quicker keeps the keys from being taken for done', async () => {
  await goOn(profile.former!, granting(), note);
  const again = { root: toHex(oldRoot), left: [...HOME], grants: [] };
  await goOn(again, granting(), note);
  expect(profile.former?.root).toBe('');
  const thief = await keyAt(randomBytes(32), 'hospital-a');
  standing.set('hospital-a', thief);
  await goOn(again, granting(), note);
  expect(profile.former).toMatchObject({ left: ['hospital-a'] });
  expect(standing.get('hospital-a')).toBe(thief);
});

it('shares that stood are shown as ended from the first moment', () => {
  expect(profile.grants.map(({ state }) => state)).toEqual(['revoked', 'revoked']);
  expect(profile.recovery).toBeUndefined();
});

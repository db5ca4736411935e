/** The root in three parts: given out, put together, and those who have one part, an old one, or another device. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { account } from '../../api/account';
import { ledger, relay } from '../../api/ledger';
import { ApiError } from '../../api/http';
import { encode, randomBytes, signTransaction, toHex } from '../../crypto';
import { Genesis } from '../../crypto/formats';
import { MockChain, RECOVERY_DELAY_MS } from '../../testing/chain';
import { MockRecovery } from '../../testing/recovery';
import { readGenesis } from '../../verify/network';
import type { run } from '../../verify/run';
import { pairwiseKeys } from './keys';
import type { Surroundings } from './network';
import { emptyProfile, mergeProfiles, type Profile } from './profile';
import { askShare, cancelSeed, newDevice, paperText, partOf, putTogether, readPaper, recoveryOf, shareRoot, type NewDevice, type Part } from './recovery';
import * as recovering from './recovering';

vi.mock('../../verify/client', async () => {
  const verify = await import('../../verify/run');
  return { check: async (job: Parameters<typeof run>[0]['job']) => verify.run({ job, handovers: [] }) };
});

let chain: MockChain;
let organisations: MockRecovery;
let around: Surroundings;
let root: Uint8Array;
let profile: Profile;
let slot: { sealed: string; locator: string } | null;

const person = (): recovering.Recovering => ({
  root, around, profile,
  keysOf: (organisation) => pairwiseKeys(root, organisation),
  save: async (change) => void (profile = { ...profile, ...change }),
});
const code = async (organisation: string, text: string) => organisations.giveCode(organisation, (await pairwiseKeys(root, organisation)).publicKey, text);
const ask = (organisation: string, text: string, device: NewDevice) => askShare(around.network, organisation, text, device);
const paper = (text: string): Part => {
  const share = readPaper(text);
  if (typeof share === 'string') throw new Error(share);
  return { share };
};
const attempts = () => recovering.findAttempts(root, around, profile.recovery);

beforeEach(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  organisations = new MockRecovery(chain);
  const genesis = encode(Genesis, chain.genesis);
  around = { genesis, network: readGenesis(genesis), organisations: [] };
  root = randomBytes(32);
  profile = emptyProfile('network');
  slot = null;
  vi.spyOn(relay, 'recovery').mockImplementation(async (id, envelope) => {
    const answer = await organisations.answer(id, envelope);
    if (!answer) throw new ApiError('not-found');
    return encode((await import('../../crypto/formats')).SealedEnvelope, answer) as Uint8Array<ArrayBuffer>;
  });
  vi.spyOn(ledger, 'stateProof').mockImplementation(async (key) => chain.proveState(Uint8Array.from(key)));
  vi.spyOn(ledger, 'head').mockImplementation(async () => ({ height: chain.head().height, timeMs: chain.nowMs(), digest: '' }));
  vi.spyOn(ledger, 'submit').mockImplementation(async (transaction) => ({ id: chain.submit(transaction) }));
  vi.spyOn(ledger, 'status').mockImplementation(async () => ({ status: 'final', height: 1 }));
  vi.spyOn(account, 'keepShares').mockImplementation(async (sealed, locator) => ((slot = { sealed, locator }), new Response()));
  vi.spyOn(account, 'dropShares').mockImplementation(async () => ((slot = null), new Response()));
  vi.spyOn(account, 'recovery').mockImplementation(async (locator) => {
    if (slot?.locator !== locator) throw new ApiError('not-found');
    return { sealed: slot.sealed };
  });
});
afterEach(() => void vi.restoreAllMocks());

it('any two of three parts give the root back, and one gives nothing', () => {
  const shares = shareRoot(root);
  for (const [a, b] of [[0, 1], [0, 2], [1, 2]] as const) expect(putTogether([{ share: shares[a]! }, { share: shares[b]! }])).toEqual(root);
  expect(putTogether(shares.map((share) => ({ share })))).toEqual(root);
  for (const parts of [[], [shares[0]!], [shares[0]!, shares[0]!]]) expect(() => putTogether(parts.map((share) => ({ share })))).toThrow('do not belong together');
  // Whatever the missing part were, some root would fit: one part says nothing about any of them.
  const values = new Set(Array.from({ length: 64 }, () => toHex(shareRoot(root)[0]!.value)));
  expect(values.size).toBe(64);
});

it('a part on paper survives being typed, and says what is wrong with it', () => {
  for (const share of [1, 2, 3].map((index) => ({ index, value: new Uint8Array(32).fill(7 * index) }))) {
    const text = paperText(share);
    expect(text).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(readPaper(text.toLowerCase().replace(/-/g, ' ').replace(/1/g, 'l').replace(/0/g, 'o'))).toEqual(share);
    expect(readPaper(text.slice(0, -1))).toBe('short');
    expect(readPaper(`${text}A`)).toBe('long');
    expect(readPaper(text.replace(/.$/, '!'))).toBe('letter');
    let slips = 0;
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '-') continue;
      if (readPaper(text.slice(0, at) + (text[at] === '7' ? '8' : '7') + text.slice(at + 1)) !== 'check') slips++;
    }
    expect(slips).toBe(0);
  }
});

it('a hospital’s part and the paper open the account on a new device, after two days of the ledger’s time', async () => {
  const [own] = (await recovering.setUp(person(), ['hospital-a', 'hospital-b'])).slice(-1);
  expect(profile.recovery).toMatchObject({ counter: 0, done: true, papers: [3], holders: [{ organisation: 'hospital-a', index: 1 }, { organisation: 'hospital-b', index: 2 }] });
  expect(await attempts()).toEqual([]);
  await code('hospital-a', 'DESK');
  const phone = newDevice();
  expect(await ask('hospital-a', 'DESK', phone)).toMatchObject({ state: 'waiting', number: 0 });
  expect(await attempts()).toMatchObject([{ organisation: 'hospital-a', number: 0, cancelled: false }]);
  chain.aheadMs += RECOVERY_DELAY_MS - 60_000;
  expect((await ask('hospital-a', 'DESK', phone)).share).toBeUndefined();
  chain.aheadMs += 120_000;
  const ready = await ask('hospital-a', 'DESK', phone);
  const part = partOf('hospital-a', ready)!;
  expect(await recovering.openWith([part, paper(own!.text)])).toEqual(root);
});

it('two organisations’ parts are enough, and neither learns the other’s name for it', async () => {
  await recovering.setUp(person(), ['hospital-a', 'hospital-b']);
  const phone = { 'hospital-a': newDevice(), 'hospital-b': newDevice() };
  const parts: Part[] = [];
  for (const id of ['hospital-a', 'hospital-b'] as const) {
    await code(id, 'DESK');
    await ask(id, 'DESK', phone[id]);
  }
  chain.aheadMs += RECOVERY_DELAY_MS + 1_000;
  const answers = [];
  for (const id of ['hospital-a', 'hospital-b'] as const) {
    const answer = await ask(id, 'DESK', phone[id]);
    answers.push(answer);
    parts.push(partOf(id, answer)!);
  }
  expect(new Set(answers.map(({ recovery }) => recovery)).size).toBe(2);
  expect(await recovering.openWith(parts)).toEqual(root);
});

it('every device sees who recovers and cancels it with one touch; then the thief gets nothing, however long they wait', async () => {
  await recovering.setUp(person(), ['hospital-a']);
  await code('hospital-a', 'DESK');
  const thief = newDevice();
  await ask('hospital-a', 'DESK', thief);
  const [seen] = await attempts();
  await recovering.cancel(root, around, seen!);
  expect(await attempts()).toMatchObject([{ number: 0, cancelled: true }]);
  chain.aheadMs += 10 * RECOVERY_DELAY_MS;
  expect(await ask('hospital-a', 'DESK', thief)).toMatchObject({ state: 'cancelled' });
  expect((await ask('hospital-a', 'DESK', thief)).share).toBeUndefined();
  // Another code is another attempt, and is seen as well.
  await code('hospital-a', 'DESK2');
  await ask('hospital-a', 'DESK2', newDevice());
  expect(await attempts()).toMatchObject([{ cancelled: true }, { number: 1, cancelled: false }]);
});

it('nobody else cancels, and another device gets nothing with the same code', async () => {
  await recovering.setUp(person(), ['hospital-a']);
  await code('hospital-a', 'DESK');
  await ask('hospital-a', 'DESK', newDevice());
  chain.aheadMs += 2 * RECOVERY_DELAY_MS;
  await expect(ask('hospital-a', 'DESK', newDevice())).rejects.toThrow();
  const recovery = recoveryOf(root, 'hospital-a', 0);
  const forged = signTransaction(chain.id, cancelSeed(randomBytes(32), 'hospital-a', 0), 1_000, { kind: 'CancelRecovery', recovery, number: 0 });
  expect(() => chain.submit(forged)).toThrow();
});

it('new parts make the old ones worthless, and parts that were taken back are gone', async () => {
  const [, old] = await recovering.setUp(person(), ['hospital-a']);
  const [, fresh] = await recovering.setUp(person(), ['hospital-a']);
  expect(profile.recovery?.counter).toBe(1);
  await code('hospital-a', 'DESK');
  const phone = newDevice();
  await ask('hospital-a', 'DESK', phone);
  chain.aheadMs += RECOVERY_DELAY_MS + 1_000;
  const part = partOf('hospital-a', await ask('hospital-a', 'DESK', phone))!;
  await expect(recovering.openWith([part, paper(old!.text)])).rejects.toThrow('do not belong together');
  expect(await recovering.openWith([part, paper(fresh!.text)])).toEqual(root);
  await recovering.takeBack(person());
  await expect(ask('hospital-a', 'DESK', phone)).rejects.toThrow();
  await expect(recovering.openWith([part, paper(fresh!.text)])).rejects.toThrow('open no record here');
  expect(await attempts()).toEqual([]);
});

it('two papers of one day open the account, two of different days do not', async () => {
  const first = await recovering.setUp(person(), ['hospital-a']);
  const second = await recovering.setUp(person(), ['hospital-a']);
  expect(await recovering.openWith(second.map(({ text }) => paper(text)))).toEqual(root);
  await expect(recovering.openWith([paper(first[0]!.text), paper(second[1]!.text)])).rejects.toThrow('open no record here');
});

it('a deposit that did not reach everybody is known to be unfinished', async () => {
  vi.mocked(account.keepShares).mockRejectedValueOnce(new ApiError('unavailable'));
  await expect(recovering.setUp(person(), ['hospital-a'])).rejects.toThrow();
  expect(profile.recovery).toMatchObject({ counter: 0, done: false });
  await recovering.setUp(person(), ['hospital-a']);
  expect(profile.recovery).toMatchObject({ counter: 1, done: true });
});

it('a node that says falsely that nobody recovers is not believed', async () => {
  await recovering.setUp(person(), ['hospital-a']);
  await code('hospital-a', 'DESK');
  await ask('hospital-a', 'DESK', newDevice());
  vi.mocked(ledger.stateProof).mockImplementation(async (key) => ({ ...chain.proveState(Uint8Array.from(key)), value: null }));
  await expect(attempts()).rejects.toThrow('could not be checked');
});

it('two devices agree on the newest sharing and the newest names', () => {
  const setup = (counter: number, done = true, madeMs = 1) => ({ counter, madeMs, holders: [], papers: [], done });
  const merged = (a: Partial<Profile>, b: Partial<Profile>) => mergeProfiles({ ...emptyProfile('n'), ...a }, { ...emptyProfile('n'), ...b });
  expect(merged({ recovery: setup(2) }, { recovery: setup(1) }).recovery?.counter).toBe(2);
  expect(merged({}, { recovery: setup(1) }).recovery?.counter).toBe(1);
  expect(merged({ recovery: setup(1, false) }, { recovery: setup(1, true) }).recovery?.done).toBe(true);
  expect(merged({ recovery: setup(1, false, 9) }, { recovery: setup(1, true, 1) }).recovery?.done).toBe(false);
  expect(merged({ deviceNames: { a: { name: 'old', atMs: 1 } } }, { deviceNames: { a: { name: 'new', atMs: 2 } } }).deviceNames?.a?.name).toBe('new');
  expect(merged({ ownRecoveries: ['x'] }, { ownRecoveries: ['y'] }).ownRecoveries).toEqual(['x', 'y']);
});

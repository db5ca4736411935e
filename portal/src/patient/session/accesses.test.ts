import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { ledger } from '../../api/ledger';
import { credentialCommitment, emergencyId, emergencyTarget, encode, signTransaction, toHex, wordsCommitment, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { MockChain } from '../../testing/chain';
import { run } from '../../verify/run';
import { numbersOf, readAccesses, type AccessView, type LogEntry } from './accesses';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import { emptyProfile, mergeProfiles } from './profile';

const log = vi.hoisted(() => ({ entries: [] as unknown[] }));
vi.mock('./requests', () => ({ askAccessLog: async () => log }));
vi.mock('../../verify/client', () => ({ check: async (job: Parameters<typeof run>[0]['job']) => run({ job, handovers: [] }) }));

const credential: f.PractitionerCredential = { organisation: 'hospital-b', practitioner: 'bo', name: 'Dr. Bo Lind', role: 'clinician', salt: new Uint8Array(32).fill(1) };
const [salt, compartment, wordsSalt] = [2, 3, 4].map((one) => new Uint8Array(32).fill(one)) as [Bytes, Bytes, Bytes];
const WORDS = 'found on the street';
let chain: MockChain;
let action: f.BreakGlassAction;

const submit = (one: f.Action) => chain.submit(signTransaction(chain.id, chain.organisation('hospital-b').seed, 1_000_000, one));
const evidence = () => ({ event: toHex(emergencyId(action)), salt: toHex(salt), compartment: toHex(compartment), credential: toHex(encode(f.PractitionerCredential, credential)), words: { text: WORDS, salt: toHex(wordsSalt) } });
const entry = (change: Partial<LogEntry> = {}): LogEntry => ({ timeMs: Date.now(), action: 'break-glass', by: 'hospital-b', name: credential.name, role: credential.role, reason: WORDS, emergency: evidence(), ...change });

async function told(...entries: LogEntry[]): Promise<AccessView[]> {
  log.entries = entries;
  const around = { genesis: encode(f.Genesis, chain.genesis) } as Surroundings;
  const profile = { ...emptyProfile('network'), organisations: [{ id: 'hospital-a', name: 'Una Able' }] } as Parameters<typeof readAccesses>[1];
  return (await readAccesses(around, profile, async () => ({}) as PairwiseKeys)).accesses;
}

beforeAll(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  vi.spyOn(ledger, 'stateProof').mockImplementation(async (key) => chain.proveState(Uint8Array.from(key)));
  action = { kind: 'BreakGlass', organisation: 'hospital-b', target: emergencyTarget(salt, 'hospital-a', compartment), practitioner: credentialCommitment(credential), ground: 'unconscious', statement: wordsCommitment(wordsSalt, WORDS), beganMs: null, nonce: new Uint8Array(16) };
  submit(action);
});
afterEach(() => {
  log.entries = [];
});

it('an emergency is what the shared record says, and name and reason are those committed to before', async () => {
  const [view] = await told(entry());
  expect(view).toMatchObject({ organisation: 'hospital-b', name: 'Dr. Bo Lind', confirmed: true, nameConfirmed: true, reason: WORDS });
  expect(view!.emergency).toMatchObject({ source: 'hospital-a', ground: 'unconscious', reasonConfirmed: true, review: null });
});

it('what the log says falsely is not confirmed', async () => {
  const other = toHex(new Uint8Array(32).fill(9));
  const [elsewhere] = await told(entry({ emergency: { ...evidence(), salt: other } }));
  expect(elsewhere!.confirmed, 'about somebody else').toBe(false);
  const [words] = await told(entry({ reason: 'routine' }));
  expect(words!.emergency!.reasonConfirmed).toBe(false);
  const renamed = toHex(encode(f.PractitionerCredential, { ...credential, name: 'Dr. Al' }));
  const [named] = await told(entry({ name: 'Dr. Al', emergency: { ...evidence(), credential: renamed } }));
  expect(named!.nameConfirmed).toBe(false);
  const [unknown] = await told(entry({ emergency: { ...evidence(), event: other } }));
  expect(unknown).toMatchObject({ action: 'break-glass', organisation: 'hospital-b' });
  expect(unknown!.confirmed).toBeUndefined();
});

it('what a holder told first and the opener later is one line, with the name', async () => {
  const { event, salt: opened, compartment: at } = evidence();
  const first = entry({ name: '', role: '', reason: '', emergency: { event, salt: opened, compartment: at } });
  const views = await told(first, entry());
  expect(views.map((view) => view.name)).toEqual(['Dr. Bo Lind']);
  const [alone] = await told(first);
  expect(alone).toMatchObject({ confirmed: true, nameConfirmed: false });
  expect(alone!.name).toBeUndefined();
});

it('the review is read from the shared record', async () => {
  submit({ kind: 'Review', organisation: 'hospital-b', event: emergencyId(action), justified: false, reviewer: new Uint8Array(32), statement: new Uint8Array(32) });
  const [view] = await told(entry());
  expect(view).toMatchObject({ confirmed: true, emergency: { review: { justified: false, late: false } } });
});

it('numbers that are missing show: in the middle, at the end, and against what was seen before', () => {
  const full = Array.from({ length: 1_000 }, (_, at) => 1_500 - at);
  for (const [what, numbers, seen, expected] of [
    ['nothing yet', [], 0, [0, 0, 0]],
    ['all are there', [3, 2, 1], 0, [3, 0, 0]],
    ['the first is missing', [3, 2], 0, [3, 1, 0]],
    ['two in the middle are missing', [5, 2, 1], 2, [5, 2, 0]],
    ['the end was cut off', [2, 1], 5, [5, 3, 0]],
    ['everything is gone', [], 4, [4, 4, 0]],
    ['one is there twice', [2, 2, 1], 2, [2, 0, 1]],
    ['one has no number', [1, undefined], 0, [1, 0, 1]],
    ['no number is 0', [1, 0], 0, [1, 0, 1]],
    ['the oldest are on no page', full, 1_400, [1_500, 0, 0]],
  ] as [string, (number | undefined)[], number, number[]][]) {
    const { highest, missing, doubtful } = numbersOf(numbers.map((number) => ({ number })), seen);
    expect([highest, missing, doubtful], what).toEqual(expected);
  }
});

it('a list with a gap is reported with its organisation, and the highest number is remembered', async () => {
  log.entries = [entry({ action: 'read', emergency: undefined, number: 4 }), entry({ action: 'read', emergency: undefined, number: 1 })];
  const around = { genesis: encode(f.Genesis, chain.genesis) } as Surroundings;
  const profile = { ...emptyProfile('network'), organisations: [{ id: 'hospital-a', name: 'Una Able' }], seenNumbers: { 'hospital-a': 5 } } as unknown as Parameters<typeof readAccesses>[1];
  const report = await readAccesses(around, profile, async () => ({}) as PairwiseKeys);
  expect(report.gaps).toEqual([{ organisation: 'hospital-a', missing: 3, doubtful: 0 }]);
  expect(report.numbers).toEqual({ 'hospital-a': 5 });
  expect(mergeProfiles({ ...profile, seenNumbers: { 'hospital-a': 7 } }, profile).seenNumbers, 'no device forgets').toEqual({ 'hospital-a': 7 });
});

/** Somebody acts for a person: from the invitation to the end, against a network in memory, and those who try to cheat. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { account } from '../../api/account';
import { ApiError } from '../../api/http';
import { ledger, relay } from '../../api/ledger';
import { addressOf, consentIsByOwner, decodeCanonical, encode, fromHex, label, mandateCommitment, publicKey, randomBytes, signMandate, stateKey, toHex } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope } from '../../crypto/hpke';
import { MockChain } from '../../testing/chain';
import { homeHistory, mockPatients } from '../../testing/data';
import { MockProxies } from '../../testing/proxies';
import { MockVault, type Holding } from '../../testing/vault';
import { readGenesis } from '../../verify/network';
import * as acting from './acting';
import * as appointing from './appointing';
import type { OpenCompartment } from './directory';
import type { Granting } from './grants';
import { pairwiseKeys, proxyKeys } from './keys';
import { act, askerOf } from './mandated';
import type { Surroundings } from './network';
import { emptyProfile, isEnding, mergeProfiles, type AppointmentRecord, type Profile } from './profile';

const DAY_MS = 86_400_000;
let chain: MockChain;
let vault: MockVault;
let proxies: MockProxies;
let around: Surroundings;
let holding: Holding;
let profile: Profile;
let una: Uint8Array;
let maria: Uint8Array;

const signal = new AbortController().signal;
const wish = (change: Partial<appointing.Wish> = {}): appointing.Wish => ({ name: 'Maria', categories: ['labs'], shares: false, asks: false, untilMs: Date.now() + 60 * DAY_MS, ...change });
const granting = (): Granting => ({
  root: una,
  around,
  profile,
  keysOf: (organisation) => pairwiseKeys(una, organisation),
  compartmentsOf: (source) => new Map([...holding.compartments.values()].map((one): [string, OpenCompartment] => [toHex(one.id), { ...one, source, epoch: 0, predecessor: null }])),
});
const note = async (record: AppointmentRecord) => void (profile = { ...profile, appointments: [record] });

beforeEach(async () => {
  chain = await MockChain.start(Date.now() - DAY_MS);
  vault = new MockVault(chain);
  proxies = new MockProxies(chain, vault);
  const genesis = encode(f.Genesis, chain.genesis);
  const organisations = chain.organisations.map(({ info }) => ({ ...info, nodeKey: '', kemKey: '' }));
  around = { genesis, network: readGenesis(genesis), organisations } as unknown as Surroundings;
  [una, maria] = [randomBytes(32), randomBytes(32)];
  const [patient] = mockPatients('a', Date.now(), homeHistory);
  holding = await vault.add('hospital-a', patient!);
  vault.keep(holding, (await pairwiseKeys(una, 'hospital-a')).publicKey);
  profile = { ...emptyProfile('n'), organisations: [{ id: 'hospital-a', patient: 'a-1', name: 'Una', joinedMs: 1 }] };
  vi.spyOn(account, 'leaveLetter').mockImplementation(async (locator, sealed) => {
    proxies.leave(Buffer.from(JSON.stringify({ locator, sealed })));
    return new Response();
  });
  vi.spyOn(account, 'readLetter').mockImplementation(async (locator) => (proxies.letter(Buffer.from(JSON.stringify({ locator }))).json as { sealed: string | null }).sealed);
  vi.spyOn(relay, 'proxy').mockImplementation(async (organisation, request) => {
    const answer = await proxies.answer(organisation, request);
    if (!answer) throw new ApiError('refused');
    return answer as Uint8Array<ArrayBuffer>;
  });
  vi.spyOn(ledger, 'head').mockImplementation(async () => ({ height: chain.head().height, timeMs: chain.nowMs(), digest: '' }));
  vi.spyOn(ledger, 'submit').mockImplementation(async (transaction) => ({ id: chain.submit(transaction) }));
  vi.spyOn(ledger, 'status').mockImplementation(async () => ({ status: 'final', height: 1 }));
  vi.spyOn(ledger, 'state').mockImplementation(async (codec, key) => {
    const bytes = chain.state.get(toHex(key));
    return bytes ? decodeCanonical(codec, bytes) : null;
  });
});

afterEach(() => vi.restoreAllMocks());

/** Una invites, Maria answers, Una confirms, Maria has the mandates. */
async function appointed(change: Partial<appointing.Wish> = {}) {
  await note(await appointing.invite(granting(), wish(change)));
  const code = fromHex(profile.appointments![0]!.code);
  const accepted = await acting.accept(maria, code, await acting.readOffer(code), 'Maria');
  const answer = await appointing.find<appointing.Answer>(code, 'answer');
  expect(appointing.checkNumber(answer!)).toBe(appointing.checkNumber(accepted.answer));
  expect(await acting.collect(maria, around, accepted.record)).toBeNull();
  await appointing.confirm(granting(), profile.appointments![0]!, answer!, note);
  expect(profile.appointments![0]!.state).toBe('done');
  return (await acting.collect(maria, around, accepted.record))!;
}

it('who was invited, answered and was confirmed reads what was chosen, and the person sees it', async () => {
  const record = await appointed();
  const { records, silent, ended } = await acting.read(maria, around, record, signal);
  expect(new Set(records.map((one) => one.category))).toEqual(new Set(['labs']));
  expect(records.length).toBe(holding.patient.records.filter((one) => one.category === 'labs').length);
  expect([silent, ended]).toEqual([[], []]);
  const done = await appointing.doneForMe(profile.appointments!);
  expect(done).toMatchObject([{ name: 'Maria', what: 'read', count: records.length }]);
});

it('from the end on nothing opens, and nothing more can be done', async () => {
  const record = await appointed();
  await acting.read(maria, around, record, signal);
  await appointing.end(granting(), profile.appointments![0]!);
  const after = await acting.read(maria, around, record, signal);
  expect(after).toMatchObject({ records: [], ended: ['hospital-a'] });
  const [mandate] = acting.mandatesOf(record);
  const keys = await proxyKeys(maria, 'hospital-a', new Uint8Array(16));
  await expect(act({ network: around.network, mandate: mandate!, keys }, { kind: 'ProxyRead', versionsRoot: randomBytes(32), count: 1 })).rejects.toThrow();
  await appointing.end(granting(), profile.appointments![0]!);
});

it('who acts lays it down, too', async () => {
  const record = await appointed();
  await acting.layDown(maria, around, record);
  const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(fromHex(profile.appointments![0]!.parts[0]!.id)));
  expect(entry!.ended).not.toBeNull();
});

it('a mandate that is enlarged, forged or used by another opens nothing', async () => {
  const record = await appointed();
  const [signed] = acting.mandatesOf(record);
  const code = fromHex(record.code);
  const own = await pairwiseKeys(maria, 'hospital-a');
  const everything = { ...signed!.mandate, compartments: [...holding.compartments.values()].map((one) => one.id) };
  const hash = (await import('../../crypto')).hash('salus/proxy/invitation/v1', code).slice(0, 16);
  const keys = await proxyKeys(maria, 'hospital-a', hash);
  const tries: [string, f.SignedMandate, typeof keys][] = [
    ['enlarged', { ...signed!, mandate: everything }, keys],
    ['signed by the one who acts', signMandate(everything, keys.seed), keys],
    ['for another owner', signMandate({ ...everything, owner: addressOf(own.publicKey) }, own.seed), keys],
    ['prolonged', { ...signed!, mandate: { ...signed!.mandate, expiryMs: signed!.mandate.expiryMs + f.PROXY_GRAIN_MS } }, keys],
    ['with other keys', signed!, await proxyKeys(una, 'hospital-a', hash)],
  ];
  for (const [name, mandate, pair] of tries) {
    const asker = askerOf({ network: around.network, mandate, keys: pair });
    await expect(asker.compartments([], signal), name).rejects.toThrow();
    await expect(asker.versions('regulator', signal), name).rejects.toThrow();
  }
  const good = askerOf({ network: around.network, mandate: signed!, keys });
  const versions = (await good.versions('regulator', signal)).map((one) => one.version);
  await expect(good.release('regulator', versions, true, signal), 'not on the ledger first').rejects.toThrow();
  await good.before(versions);
  await expect(good.release('regulator', versions.slice(1), true, signal), 'other versions').rejects.toThrow();
});

it('of two who answer the first is the one, and the number tells them apart', async () => {
  await note(await appointing.invite(granting(), wish()));
  const code = fromHex(profile.appointments![0]!.code);
  const offer = await acting.readOffer(code);
  const thief = await acting.accept(randomBytes(32), code, offer, 'Maria');
  await expect(acting.accept(maria, code, offer, 'Maria')).rejects.toThrow();
  const seen = appointing.checkNumber((await appointing.find<appointing.Answer>(code, 'answer'))!);
  expect(seen).toBe(appointing.checkNumber(thief.answer));
  expect(seen).toMatch(/^\d{6}$/);
});

it('a mandate that is not for these keys is not taken', async () => {
  const record = await appointed();
  expect(await acting.collect(maria, around, record)).toMatchObject({ mandates: record.mandates });
  await expect(acting.collect(randomBytes(32), around, record)).rejects.toThrow('does not fit');
});

it('who may share does so in the person’s name, says so, and stops it; the person stops it, too', async () => {
  profile = { ...profile, organisations: [...profile.organisations, { id: 'hospital-b', patient: 'b-1', name: 'Una', joinedMs: 1 }] };
  const letters: [string, f.SealedEnvelope][] = [];
  vi.spyOn(relay, 'letter').mockImplementation(async (organisation, envelope) => {
    letters.push([organisation, envelope]);
    return new Uint8Array();
  });
  const record = await appointed({ shares: true });
  const order = { grantee: 'hospital-b', categories: ['labs', 'notes'] as f.Category[], purpose: 'treatment' as const, days: 400 };
  const [granted, ...others] = await acting.share(maria, around, record, order);
  expect(others).toEqual([]);
  expect(granted!.untilMs).toBeLessThanOrEqual(record.untilMs);
  expect(letters.map(([to]) => to)).toEqual(['hospital-a', 'hospital-b']);
  const opened = await openEnvelope(chain.organisation('hospital-b').kem, hpkeInfo(label.hpkeLetter, chain.id), letters[1]![1], letters[1]![1].sender);
  const letter = decodeCanonical(f.Letter, opened);
  expect(letter.patient).toBe('b-1');
  expect(letter.keys.map((one) => one.category), 'no more than may be seen').toEqual(['labs']);
  expect(consentIsByOwner(letter.terms, letter.consent)).toBe(true);
  expect(consentIsByOwner(letter.terms, { ...letter.consent, mandate: null }), 'not as the person').toBe(false);
  expect(chain.grantEntry(letter.terms.grant)!.byProxy).toMatchObject({ appointment: fromHex(profile.appointments![0]!.parts[0]!.id) });
  const [done] = await appointing.doneForMe(profile.appointments!);
  expect(done).toMatchObject({ name: 'Maria', what: 'shared' });
  await acting.stop(maria, around, record, granted!);
  expect(chain.grantEntry(letter.terms.grant)!.revoked).not.toBeNull();
  const [again] = await acting.share(maria, around, record, order);
  await appointing.end(granting(), profile.appointments![0]!);
  const standing = (await appointing.doneForMe(profile.appointments!)).find((one) => one.grant);
  expect(toHex(standing!.grant!)).toBe(again!.id);
  await appointing.stop(granting(), standing!.part, standing!.grant!);
  expect(chain.grantEntry(standing!.grant!)!.revoked).not.toBeNull();
});

it('who may not share, or asks for somebody unknown, shares nothing', async () => {
  const record = await appointed({ shares: false });
  const order = { grantee: 'hospital-b', categories: ['labs'] as f.Category[], purpose: 'treatment' as const, days: 30 };
  await expect(acting.share(maria, around, record, order)).rejects.toThrow('does not know them');
  await expect(acting.share(maria, around, { ...record, at: [{ id: 'hospital-b', patient: 'b-1' }] }, order)).rejects.toThrow('nothing');
  await expect(acting.ask(maria, around, record, 'hospital-a', { ask: 'list' })).rejects.toThrow();
});

it('a parent with a desk’s code reads the child’s record', async () => {
  const child = await vault.add('hospital-b', mockPatients('b', Date.now(), homeHistory)[0]!);
  proxies.giveCode(child, 'K7Q2MX9PK7Q2MX9P');
  vi.spyOn(relay, 'guardian').mockImplementation(async (organisation, envelope) => encode(f.SealedEnvelope, (await proxies.guardian(organisation, envelope))!) as Uint8Array<ArrayBuffer>);
  const record = await acting.acceptAtDesk(maria, around, { organisation: 'hospital-b', code: 'K7Q2MX9PK7Q2MX9P' });
  expect(record.name).toBe(child.patient.name);
  const { records } = await acting.read(maria, around, record, signal);
  expect(records.length).toBe(child.patient.records.length);
});

/** A child that both hospitals know, and a sister; a code of each desk. */
async function family() {
  const [kai, sister] = mockPatients('b', Date.now(), homeHistory);
  const atB = await vault.add('hospital-b', kai!);
  const atA = await vault.add('hospital-a', { ...mockPatients('a', Date.now(), homeHistory)[1]!, name: ` ${kai!.name.toUpperCase()}` });
  const sisterAtA = await vault.add('hospital-a', sister!);
  proxies.giveCode(atB, 'KAI-AT-B');
  proxies.giveCode(atA, 'KAI-AT-A');
  proxies.giveCode(sisterAtA, 'SISTER-AT-A');
  vi.spyOn(relay, 'guardian').mockImplementation(async (organisation, envelope) => encode(f.SealedEnvelope, (await proxies.guardian(organisation, envelope))!) as Uint8Array<ArrayBuffer>);
  const letters: [string, f.SealedEnvelope][] = [];
  vi.spyOn(relay, 'letter').mockImplementation(async (organisation, envelope) => {
    letters.push([organisation, envelope]);
    return new Uint8Array();
  });
  const first = await acting.acceptAtDesk(maria, around, { organisation: 'hospital-b', code: 'KAI-AT-B' });
  return { atA, atB, sisterAtA, first, letters };
}
const order = (change: Partial<acting.SharingOrder> = {}): acting.SharingOrder => ({ grantee: 'hospital-a', categories: ['labs'], purpose: 'treatment', days: 30, ...change });

it('a parent whose child two hospitals know shares between them by category, purpose and time, and stops it', async () => {
  const { atA, first, letters } = await family();
  await expect(acting.share(maria, around, first, order()), 'hospital A does not know the child yet').rejects.toThrow('does not know');
  const second = await acting.acceptAtDesk(maria, around, { organisation: 'hospital-a', code: 'KAI-AT-A' }, first);
  expect(acting.sameName(first, second), 'however it is written').toBe(true);
  const record = acting.join(first, second);
  const { records } = await acting.read(maria, around, record, signal);
  expect(new Set(records.map((one) => one.source))).toEqual(new Set(['hospital-a', 'hospital-b']));
  const granted = await acting.share(maria, around, record, order({ purpose: 'research', days: 7 }));
  expect(granted).toMatchObject([{ source: 'hospital-b', grantee: 'hospital-a', purpose: 'research' }]);
  expect(granted[0]!.untilMs).toBeLessThanOrEqual(Date.now() + 7 * DAY_MS);
  const [, [to, envelope]] = letters as [unknown, [string, f.SealedEnvelope]];
  const opened = await openEnvelope(chain.organisation(to).kem, hpkeInfo(label.hpkeLetter, chain.id), envelope, envelope.sender);
  const letter = decodeCanonical(f.Letter, opened);
  expect([to, letter.patient, letter.terms.purpose]).toEqual(['hospital-a', atA.patient.id, 'research']);
  expect(letter.keys.map((one) => one.category)).toEqual(['labs']);
  const appointment = acting.mandatesOf(first)[0]!.mandate.appointment;
  expect(chain.grantEntry(letter.terms.grant)!.byProxy!.appointment).toEqual(appointment);
  // Grown up, the person finds it by what the hospital logged, and nothing of other appointments twice.
  const logged = [{ organisation: 'hospital-b', appointment: toHex(appointment) }, { organisation: 'hospital-b', appointment: toHex(appointment) }, { organisation: 'hospital-b' }];
  expect(appointing.othersIn([], logged)).toHaveLength(1);
  const done = await appointing.doneBefore(appointing.othersIn([], logged));
  expect(done.map(({ what, grant, name }) => [what, grant, name])).toEqual([['shared', undefined, ''], ['read', undefined, '']]);
  await acting.stop(maria, around, record, granted[0]!);
  expect(chain.grantEntry(letter.terms.grant)!.revoked).not.toBeNull();
});

it('a parent shares nothing by another child, by a code of another, nor after the end', async () => {
  const { first } = await family();
  const sister = await acting.acceptAtDesk(maria, around, { organisation: 'hospital-a', code: 'SISTER-AT-A' });
  expect(() => acting.join(first, sister), 'another’s keys').toThrow('put together');
  const said = { ...first, at: [...first.at, ...sister.at], mandates: [...first.mandates, ...sister.mandates] };
  await expect(acting.share(maria, around, { ...said, mandates: sister.mandates }, order({ grantee: 'hospital-b' }))).rejects.toThrow();
  const wrong = await acting.acceptAtDesk(maria, around, { organisation: 'hospital-a', code: 'KAI-AT-A' }, first);
  expect(acting.sameName(first, { ...wrong, name: sister.name })).toBe(false);
  const record = acting.join(first, wrong);
  const [granted] = await acting.share(maria, around, record, order());
  await expect(acting.stop(maria, around, sister, granted!), 'with another child’s mandate').rejects.toThrow('not shared by you');
  await acting.layDown(maria, around, first);
  await expect(acting.share(maria, around, record, order()), 'hospital B’s mandate has ended').rejects.toThrow('nothing');
  const other = await acting.share(maria, around, record, order({ grantee: 'hospital-b' }));
  expect(other, 'hospital A’s has not').toMatchObject([{ source: 'hospital-a' }]);
});

it('a code is read from a link or by hand, and ends are whole weeks', () => {
  const code = randomBytes(15);
  const text = appointing.codeText(code);
  for (const typed of [text, text.toLowerCase().replaceAll('-', ' '), `https://x.example/act#${text}`]) expect(appointing.readCode(typed)).toEqual(code);
  for (const typed of ['', 'hospital-a.K7Q2', text.slice(1)]) expect(appointing.readCode(typed)).toBeNull();
  expect(appointing.wholeWeek(Date.now()) % f.PROXY_GRAIN_MS).toBe(0);
});

it('two devices know together what either knows', () => {
  const base: AppointmentRecord = { code: 'aa', name: 'Maria', categories: ['labs'], shares: false, asks: false, untilMs: 9, createdMs: 1, parts: [], state: 'invited' };
  const [a, b] = [{ ...emptyProfile('n'), appointments: [{ ...base, endAskedMs: 5 }] }, { ...emptyProfile('n'), appointments: [{ ...base, state: 'done' as const, parts: [{ source: 's', counter: 0, id: '00' }] }] }];
  for (const merged of [mergeProfiles(a, b), mergeProfiles(b, a)]) {
    expect(merged.appointments).toMatchObject([{ state: 'done', endAskedMs: 5 }]);
    expect(isEnding(merged.appointments![0]!)).toBe(true);
  }
  const person = { code: 'bb', name: 'Una', createdMs: 1, at: [], mandates: [], untilMs: 9 };
  const merged = mergeProfiles({ ...emptyProfile('n'), acting: [{ ...person, ended: true }] }, { ...emptyProfile('n'), acting: [{ ...person, mandates: ['ab'] }] });
  expect(merged.acting).toMatchObject([{ mandates: ['ab'], ended: true }]);
  const desks = ['a', 'b'].map((id) => ({ ...emptyProfile('n'), acting: [{ ...person, at: [{ id, patient: id }], mandates: [id] }] }));
  expect(mergeProfiles(desks[0]!, desks[1]!).acting).toMatchObject([{ at: [{ id: 'a' }, { id: 'b' }], mandates: ['a', 'b'] }]);
});

it('what the ledger commits to is the mandate that was signed', async () => {
  const record = await appointed();
  const [signed] = acting.mandatesOf(record);
  const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(signed!.mandate.appointment));
  expect(toHex(entry!.mandate)).toBe(toHex(mandateCommitment(signed!.mandate)));
  expect(toHex(signed!.key)).toBe(toHex(publicKey((await pairwiseKeys(una, 'hospital-a')).seed)));
});

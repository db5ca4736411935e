/**
 * Letting somebody act: the person invites with a code, the other answers with keys of their own, the person confirms, and the
 * ledger has it before the other gets the mandates. The letters between them lie at the portal, sealed under the code.
 */
import { account } from '../../api/account';
import { PlainError } from '../../api/http';
import { ledger, submitAndWait } from '../../api/ledger';
import { appointmentIdOf, decodeCanonical, derive, encode, fromBase64, fromHex, fromUtf8, hash, label, mandateCommitment, proxyGrant, publicKey, randomBytes, signMandate, signTransaction, stateKey, toBase64, toHex, utf8, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import type { OpenCompartment } from './directory';
import type { Granting } from './grants';
import { appointmentSeed, openUnder, sealUnder } from './keys';
import { letters, readLetters } from './letters';
import type { AppointmentPart, AppointmentRecord } from './profile';

const VALID_BLOCKS = 2_000;
const CODE_BYTES = 15;
const EMPTY = new Uint8Array();

export interface Offer {
  from: string;
  sources: { id: string; patient: string }[];
  categories: f.Category[];
  shares: boolean;
  asks: boolean;
  untilMs: number;
}
export interface Answer {
  name: string;
  keys: { source: string; key: string; kem: string }[];
}
export interface Wish {
  name: string;
  categories: f.Category[];
  shares: boolean;
  asks: boolean;
  untilMs: number;
}

type LetterKind = 'offer' | 'answer' | 'mandates';

const locatorOf = (code: Uint8Array, kind: LetterKind) => toHex(derive(label.proxyLocator, code, EMPTY, utf8(kind)));

export async function leave(code: Uint8Array, kind: LetterKind, what: unknown): Promise<void> {
  const sealed = await sealUnder(label.proxyLetter, code, utf8(JSON.stringify({ kind, what })));
  await account.leaveLetter(locatorOf(code, kind), toBase64(sealed));
}

export async function find<T>(code: Uint8Array, kind: LetterKind): Promise<T | null> {
  const sealed = await account.readLetter(locatorOf(code, kind));
  if (!sealed) return null;
  const letter = JSON.parse(fromUtf8(await openUnder(label.proxyLetter, code, fromBase64(sealed)))) as { kind: LetterKind; what: T };
  if (letter.kind !== kind) throw new PlainError('This is another letter than the one that was expected.');
  return letter.what;
}

export const codeText = (code: Uint8Array): string => letters(code);

/** A code as somebody typed it, or from a link. */
export function readCode(typed: string): Bytes | null {
  const read = readLetters(typed.replace(/^.*#/, ''), CODE_BYTES);
  return typeof read === 'string' ? null : read;
}

/** Six digits of what the other answered: read aloud, they show that nobody else did. */
export function checkNumber(answer: Answer): string {
  const digest = hash('salus/proxy/check/v1', utf8(JSON.stringify(answer.keys)));
  return String(((digest[0]! << 16) | (digest[1]! << 8) | digest[2]!) % 1_000_000).padStart(6, '0');
}

/** The end that the ledger takes: the last whole week. */
export const wholeWeek = (ms: number): number => Math.floor(ms / f.PROXY_GRAIN_MS) * f.PROXY_GRAIN_MS;

export async function invite(granting: Granting, wish: Wish): Promise<AppointmentRecord> {
  const code = randomBytes(CODE_BYTES);
  const untilMs = wholeWeek(wish.untilMs);
  if (untilMs <= Date.now()) throw new PlainError('Please choose a later end.');
  const sources = granting.profile.organisations.map(({ id, patient }) => ({ id, patient }));
  const from = granting.profile.organisations.find((one) => one.name)?.name ?? '';
  const { categories, shares, asks, name } = wish;
  await leave(code, 'offer', { from, sources, categories, shares, asks, untilMs } satisfies Offer);
  return { code: toHex(code), name, categories, shares, asks, untilMs, createdMs: Date.now(), parts: [], state: 'invited' };
}

/** The newest epoch of each category; it stands for all before and after it. */
function named(compartments: Map<string, OpenCompartment>, categories: f.Category[]): Bytes[] {
  const newest = new Map<f.Category, OpenCompartment>();
  for (const one of compartments.values()) {
    if (categories.includes(one.category) && (newest.get(one.category)?.epoch ?? -1) < one.epoch) newest.set(one.category, one);
  }
  return [...newest.values()].map((one) => one.id);
}

async function freeCounter(granting: Granting, source: string): Promise<number> {
  const known = (granting.profile.appointments ?? []).flatMap((one) => one.parts).filter((part) => part.source === source);
  for (let counter = Math.max(-1, ...known.map((part) => part.counter)) + 1; ; counter++) {
    const id = appointmentIdOf(publicKey(appointmentSeed(granting.root, source, counter)));
    if ((await ledger.state(f.AppointmentEntry, stateKey.appointment(id))) === null) return counter;
  }
}

/** The person confirms who answered. `note` runs after each step, so that what a closed phone interrupts can be ended. */
export async function confirm(granting: Granting, record: AppointmentRecord, answer: Answer, note: (record: AppointmentRecord) => Promise<void>): Promise<void> {
  const mandates: string[] = [];
  let now = record;
  for (const { source, key, kem } of answer.keys) {
    const compartments = named(granting.compartmentsOf(source), record.categories);
    if (compartments.length === 0 || !granting.profile.organisations.some((one) => one.id === source)) continue;
    const counter = await freeCounter(granting, source);
    const seed = appointmentSeed(granting.root, source, counter);
    const part: AppointmentPart = { source, counter, id: toHex(appointmentIdOf(publicKey(seed))) };
    const own = await granting.keysOf(source);
    const mandate: f.Mandate = {
      network: granting.around.network.id,
      appointment: fromHex(part.id),
      source,
      owner: own.address,
      proxy: fromHex(key),
      kemKey: fromBase64(kem),
      shares: record.shares,
      asks: record.asks,
      expiryMs: record.untilMs,
      compartments,
      salt: randomBytes(32),
    };
    // Known before it is on the ledger: it can be ended whatever happens.
    now = { ...now, state: 'confirmed', parts: [...now.parts, part] };
    await note(now);
    await submit(granting, seed, { kind: 'Appoint', mandate: mandateCommitment(mandate), proxy: mandate.proxy, shares: mandate.shares, expiryMs: mandate.expiryMs });
    mandates.push(toBase64(encode(f.SignedMandate, signMandate(mandate, own.seed))));
  }
  if (mandates.length === 0) throw new PlainError('There is nothing in these categories that could be seen yet.');
  await leave(fromHex(record.code), 'mandates', mandates);
  await note({ ...now, state: 'done' });
}

async function submit(granting: Granting, seed: Uint8Array, action: f.Action): Promise<void> {
  const head = await ledger.head();
  await submitAndWait(signTransaction(granting.around.network.id, seed, head.height + VALID_BLOCKS, action));
}

export async function end(granting: Granting, record: AppointmentRecord): Promise<void> {
  for (const { source, counter, id } of record.parts) {
    const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(fromHex(id)));
    if (entry && entry.ended === null) await submit(granting, appointmentSeed(granting.root, source, counter), { kind: 'EndAppointment', appointment: fromHex(id) });
  }
}

/** Ends what somebody shared for the person. */
export async function stop(granting: Granting, part: AppointmentPart, grant: Uint8Array): Promise<void> {
  await submit(granting, appointmentSeed(granting.root, part.source, part.counter), { kind: 'Revoke', grant: new Uint8Array(grant) });
}

/** Something that was done for the person. */
export interface Done {
  id: string;
  code: string;
  name: string;
  part: AppointmentPart;
  timeMs: number;
  what: 'read' | 'shared' | 'stopped';
  count?: number;
  /** For something shared that stands. */
  grant?: Bytes;
  untilMs?: number;
}

/** Everything that was done under the person's appointments: the ledger counts without gaps. */
export async function doneForMe(appointments: Pick<AppointmentRecord, 'code' | 'name' | 'parts'>[]): Promise<Done[]> {
  const all: Done[] = [];
  for (const { code, name, parts } of appointments) {
    for (const part of parts) {
      const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(fromHex(part.id)));
      for (let number = 0; number < (entry?.acts ?? 0); number++) all.push(await doneAt({ code, name }, part, number));
    }
  }
  return all.sort((a, b) => b.timeMs - a.timeMs);
}

/** An entry of an organisation's own log, which may name an appointment. */
export interface Logged {
  organisation: string;
  appointment?: string;
}

/** Appointments in the organisations' logs that the person did not make: those under which parents acted. */
export function othersIn(own: AppointmentRecord[], logged: Logged[]): AppointmentPart[] {
  const known = new Set(own.flatMap((one) => one.parts.map((part) => part.id)));
  const others = new Map<string, AppointmentPart>();
  for (const { organisation, appointment: id } of logged) if (id && !known.has(id)) others.set(id, { source: organisation, counter: 0, id });
  return [...others.values()];
}

/** What was done under them. It cannot be stopped with the person's keys, and need not: what was shared so ended with the keys of then. */
export async function doneBefore(parts: AppointmentPart[]): Promise<Done[]> {
  const done = await doneForMe([{ code: '', name: '', parts }]);
  return done.map(({ grant: _none, ...rest }) => rest);
}

async function doneAt(by: { code: string; name: string }, part: AppointmentPart, number: number): Promise<Done> {
  const appointment = fromHex(part.id);
  const entry = await ledger.state(f.ActEntry, stateKey.act(appointment, number));
  if (!entry) throw new PlainError('Something that was done for you is missing from the shared record. Please tell your hospital.');
  const done = { id: `${part.id}/${number}`, ...by, part, timeMs: entry.timeMs };
  if (entry.act.kind === 'ProxyRead') return { ...done, what: 'read', count: entry.act.count };
  if (entry.act.kind === 'ProxyRevoke') return { ...done, what: 'stopped' };
  const grant = proxyGrant(appointment, number);
  const stands = await ledger.state(f.GrantEntry, stateKey.grant(grant));
  const live = stands?.revoked === null && stands.expiryMs > Date.now();
  return { ...done, what: 'shared', ...(live ? { grant, untilMs: stands.expiryMs } : {}) };
}

/** Whether an encoded mandate is one of these. */
export const readMandate = (encoded: string): f.SignedMandate => decodeCanonical(f.SignedMandate, fromBase64(encoded));

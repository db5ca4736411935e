/** Acting for somebody: accepting an invitation, getting the mandates, reading the other person's record. */
import { PlainError } from '../../api/http';
import { ledger, relay, submitAndWait } from '../../api/ledger';
import { consentFor, decodeCanonical, encode, equal, fromHex, hash, label, mandateIsSigned, namespace, proxyGrant, randomBytes, scopeCommitment, sign, signTransaction, stateKey, termsCommitment, toBase64, toHex, utf8, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../../crypto/hpke';
import { find, leave, readMandate, type Answer, type Offer } from './appointing';
import { askCases, type CaseAsk } from './cases';
import type { OpenCompartment } from './directory';
import type { Invite } from './enrol';
import { withResource } from './evidence';
import { proxyKeys } from './keys';
import { act, askerOf, type Mandated } from './mandated';
import type { Surroundings } from './network';
import type { ActingRecord } from './profile';
import { syncSource, type RecordItem } from './sync';

const VALID_BLOCKS = 2_000;
const INVITATION_BYTES = 16;
const DAY_MS = 86_400_000;

/** What keys for acting are derived from, besides the root: the invitation. */
const invitationOf = (code: string): Uint8Array => hash('salus/proxy/invitation/v1', fromHex(code)).slice(0, INVITATION_BYTES);

const keysFor = (root: Uint8Array, { code, invitation }: ActingRecord, source: string) => proxyKeys(root, source, invitationOf(invitation ?? code));

export const readOffer = async (code: Uint8Array): Promise<Offer> => {
  const offer = await find<Offer>(code, 'offer');
  if (!offer) throw new PlainError('This invitation is not known here, or it is too old. Ask for a new one.');
  return offer;
};

/** Answers an invitation with keys of one's own, made for it alone. */
export async function accept(root: Uint8Array, code: Uint8Array, offer: Offer, name: string): Promise<{ record: ActingRecord; answer: Answer }> {
  const hex = toHex(code);
  const keys: Answer['keys'] = [];
  for (const { id } of offer.sources) {
    const pair = await proxyKeys(root, id, invitationOf(hex));
    keys.push({ source: id, key: toHex(pair.publicKey), kem: toBase64(pair.kem.publicKey) });
  }
  const answer = { name, keys };
  await leave(code, 'answer', answer);
  return { record: { code: hex, name: offer.from, createdMs: Date.now(), at: offer.sources, mandates: [], untilMs: offer.untilMs }, answer };
}

/** Looks whether the other has confirmed; the record with the mandates, or null. Nothing of it is trusted: it is the other's own keys that open. */
export async function collect(root: Uint8Array, around: Surroundings, record: ActingRecord): Promise<ActingRecord | null> {
  const found = await find<string[]>(fromHex(record.code), 'mandates');
  if (!found) return null;
  const mandates: string[] = [];
  for (const signed of found.map(readMandate)) {
    const { mandate } = signed;
    const pair = await keysFor(root, record, mandate.source);
    const fits = equal(mandate.network, around.network.id) && equal(mandate.proxy, pair.publicKey) && mandateIsSigned(signed);
    if (fits) mandates.push(toHex(encode(f.SignedMandate, signed)));
  }
  if (mandates.length === 0) throw new PlainError('What you got does not fit. Ask for a new invitation.');
  return { ...record, mandates };
}

export const mandatesOf = (record: ActingRecord): f.SignedMandate[] => record.mandates.map((hex) => decodeCanonical(f.SignedMandate, fromHex(hex)));

/** The mandates that count: of each source the newest. */
const newestOf = (record: ActingRecord): f.SignedMandate[] => [...new Map(mandatesOf(record).map((one) => [one.mandate.source, one])).values()];

/**
 * A code of a desk: acts for a child that is a patient there. `known` is the record of a child of whom the person says that it is
 * the same: then the keys follow from that one's code, so that the two can be joined.
 */
export async function acceptAtDesk(root: Uint8Array, around: Surroundings, { organisation, code }: Invite, known?: ActingRecord): Promise<ActingRecord> {
  const { network } = around;
  const member = network.byId.get(organisation);
  if (!member) throw new PlainError('This code is from an organisation that this network does not know.');
  const shared = toHex(hash('salus/proxy/desk/v1', utf8(organisation), utf8(code)));
  const invitation = known && (known.invitation ?? known.code);
  const pair = await proxyKeys(root, organisation, invitationOf(invitation ?? shared));
  const body = { network: network.id, organisation, invite: code, patient: pair.publicKey, kemKey: pair.kem.publicKey };
  const request = { ...body, signature: sign(pair.seed, namespace.enrolment, encode(f.EnrolmentBody, body)) };
  const sealed = await sealEnvelope(member.kemKey, hpkeInfo(label.hpkeGuardianRequest, network.id), encode(f.EnrolmentRequest, request), pair.seed);
  const answer = decodeCanonical(f.SealedEnvelope, await relay.guardian(organisation, sealed));
  const opened = await openEnvelope(pair.kem, hpkeInfo(label.hpkeGuardianAnswer, network.id), answer, member.nodeKey);
  const { mandate, patient, name } = decodeCanonical(f.GuardianAnswer, opened);
  const fits = equal(mandate.mandate.proxy, pair.publicKey) && mandate.mandate.source === organisation && mandateIsSigned(mandate);
  if (!fits) throw new PlainError('The answer does not fit. Please ask at the desk.');
  return { code: shared, ...(invitation ? { invitation } : {}), child: true, name, createdMs: Date.now(), at: [{ id: organisation, patient }], mandates: [toHex(encode(f.SignedMandate, mandate))], untilMs: mandate.mandate.expiryMs };
}

const plain = (name: string): string => name.trim().replace(/\s+/g, ' ').toLocaleLowerCase();
export const sameName = (a: ActingRecord, b: ActingRecord): boolean => plain(a.name) === plain(b.name);

/** Two records of one child: what one organisation has can be shared with the other. */
export function join(known: ActingRecord, found: ActingRecord): ActingRecord {
  if ((known.invitation ?? known.code) !== (found.invitation ?? found.code)) throw new PlainError('These cannot be put together. Ask at the desk for a new code.');
  const at = new Map([...known.at, ...found.at].map((one) => [one.id, one]));
  const mandates = [...new Set([...known.mandates, ...found.mandates])];
  return { ...known, at: [...at.values()], mandates, untilMs: Math.max(known.untilMs, found.untilMs) };
}

export interface OthersRecord {
  records: RecordItem[];
  /** Sources that did not answer. */
  silent: string[];
  /** Sources at which the appointment has ended. */
  ended: string[];
}

async function stands({ mandate }: f.SignedMandate): Promise<boolean> {
  const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(mandate.appointment));
  return entry?.ended === null && entry.expiryMs > Date.now();
}

/** Reads the other person's record, as far as the mandates reach. It is kept nowhere but in memory. */
export async function read(root: Uint8Array, around: Surroundings, record: ActingRecord, signal: AbortSignal): Promise<OthersRecord> {
  const answer: OthersRecord = { records: [], silent: [], ended: [] };
  for (const mandate of newestOf(record)) {
    const { source } = mandate.mandate;
    if (!(await stands(mandate))) {
      answer.ended.push(source);
      continue;
    }
    const keys = await keysFor(root, record, source);
    const asker = askerOf({ network: around.network, mandate, keys });
    try {
      const { records } = await syncSource({ around, source, asker, known: new Set(), signal, onProgress: () => undefined, onRecords: async () => undefined });
      answer.records.push(...records.flatMap(withResource));
    } catch (error) {
      if (signal.aborted) throw error;
      answer.silent.push(source);
    }
  }
  return answer;
}

export interface SharingOrder {
  grantee: string;
  categories: f.Category[];
  purpose: f.Purpose;
  days: number;
}
type Granted = NonNullable<ActingRecord['grants']>[number];

/** Shares for the other, from every source that allows it; what was made. */
export async function share(root: Uint8Array, around: Surroundings, record: ActingRecord, order: SharingOrder): Promise<Granted[]> {
  const patient = record.at.find((one) => one.id === order.grantee)?.patient;
  if (!patient) throw new PlainError('This organisation does not know them yet.');
  const made: Granted[] = [];
  for (const mandate of newestOf(record).filter((one) => one.mandate.shares && one.mandate.source !== order.grantee)) {
    const { source, owner } = mandate.mandate;
    if (!(await stands(mandate))) continue;
    const mandated = { network: around.network, mandate, keys: await keysFor(root, record, source) };
    const all = await askerOf(mandated).compartments([]);
    const chosen = [...all.values()].filter((one) => order.categories.includes(one.category)).sort((a, b) => b.epoch - a.epoch);
    const compartments = chosen.filter((one, at) => chosen.findIndex((other) => other.category === one.category) === at);
    if (compartments.length === 0) continue;
    const nowMs = (await ledger.head()).timeMs;
    const untilMs = Math.min(nowMs + order.days * DAY_MS, mandate.mandate.expiryMs);
    const terms = (grant: Bytes): f.Terms => ({
      network: around.network.id, grant, source, grantee: order.grantee, owner, purpose: order.purpose, notBeforeMs: Math.min(nowMs, Date.now()), expiryMs: untilMs,
      compartments: compartments.map((one) => one.id), future: true, practitioner: null, scopeSalt: randomBytes(32),
    });
    const grant = await send(mandated, terms, { compartments, patient });
    made.push({ id: toHex(grant), source, grantee: order.grantee, purpose: order.purpose, untilMs });
  }
  if (made.length === 0) throw new PlainError('There is nothing in these categories that could be shared.');
  return made;
}

/** The act on the ledger first, then the notice to the source and the letter to who may read. */
async function send(mandated: Mandated, termsOf: (grant: Bytes) => f.Terms, { compartments, patient }: { compartments: OpenCompartment[]; patient: string }): Promise<Bytes> {
  const { network, mandate, keys } = mandated;
  const { appointment } = mandate.mandate;
  const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(appointment));
  const grant = proxyGrant(appointment, entry?.acts ?? 0);
  const [terms, termsSalt] = [termsOf(grant), randomBytes(32)];
  await act(mandated, { kind: 'ProxyGrant', terms: termsCommitment(terms, termsSalt), scope: scopeCommitment(terms.grantee, terms.purpose, terms.scopeSalt), expiryMs: terms.expiryMs });
  const consent = consentFor(terms, keys.seed, mandate);
  const seal = (to: string, use: string, letter: Uint8Array) => sealEnvelope(network.byId.get(to)!.kemKey, hpkeInfo(use, network.id), letter, keys.seed);
  await relay.letter(terms.source, await seal(terms.source, label.hpkeSourceNotice, encode(f.SourceNotice, { terms, termsSalt, consent })));
  const letterKeys = compartments.map(({ id, category, key }) => ({ compartment: id, category, key }));
  await relay.letter(terms.grantee, await seal(terms.grantee, label.hpkeLetter, encode(f.Letter, { terms, termsSalt, consent, keys: letterKeys, patient })));
  return grant;
}

/** Stops what was shared for the other. */
export async function stop(root: Uint8Array, around: Surroundings, record: ActingRecord, granted: Granted): Promise<void> {
  // An appointment stops what was shared under it, and nothing else.
  const entry = await ledger.state(f.GrantEntry, stateKey.grant(fromHex(granted.id)));
  const mandate = mandatesOf(record).find((one) => entry?.byProxy && equal(one.mandate.appointment, entry.byProxy.appointment));
  if (!mandate) throw new PlainError('This was not shared by you, or is not known any more.');
  const keys = await keysFor(root, record, granted.source);
  await act({ network: around.network, mandate, keys }, { kind: 'ProxyRevoke', grant: fromHex(granted.id) });
}

/** Asks the organisation for something by the other's rights. */
export async function ask(root: Uint8Array, around: Surroundings, record: ActingRecord, organisation: string, what: CaseAsk): Promise<void> {
  const mandate = newestOf(record).find((one) => one.mandate.source === organisation && one.mandate.asks);
  if (!mandate) throw new PlainError('You were not asked to do this.');
  await askCases(around.network, organisation, await keysFor(root, record, organisation), what, mandate);
}

/** The person lays down what they were asked to do. */
export async function layDown(root: Uint8Array, around: Surroundings, record: ActingRecord): Promise<void> {
  for (const signed of mandatesOf(record)) {
    const { source, appointment } = signed.mandate;
    if (!(await stands(signed))) continue;
    const keys = await keysFor(root, record, source);
    const head = await ledger.head();
    await submitAndWait(signTransaction(around.network.id, keys.seed, head.height + VALID_BLOCKS, { kind: 'EndAppointment', appointment }));
  }
}

/** Acting for somebody: accepting an invitation, getting the mandates, reading the other person's record. */
import { PlainError } from '../../api/http';
import { ledger, relay, submitAndWait } from '../../api/ledger';
import { decodeCanonical, encode, equal, fromHex, hash, label, mandateIsSigned, namespace, sign, signTransaction, stateKey, toBase64, toHex, utf8 } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../../crypto/hpke';
import { find, leave, readMandate, type Answer, type Offer } from './appointing';
import type { Invite } from './enrol';
import { withResource } from './evidence';
import { proxyKeys } from './keys';
import { askerOf } from './mandated';
import type { Surroundings } from './network';
import type { ActingRecord } from './profile';
import { syncSource, type RecordItem } from './sync';

const VALID_BLOCKS = 2_000;
const INVITATION_BYTES = 16;

/** What keys for acting are derived from, besides the root: the invitation. */
const invitationOf = (code: string): Uint8Array => hash('salus/proxy/invitation/v1', fromHex(code)).slice(0, INVITATION_BYTES);

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
  return { record: { code: hex, name: offer.from, createdMs: Date.now(), mandates: [], untilMs: offer.untilMs }, answer };
}

/** Looks whether the other has confirmed; the record with the mandates, or null. Nothing of it is trusted: it is the other's own keys that open. */
export async function collect(root: Uint8Array, around: Surroundings, record: ActingRecord): Promise<ActingRecord | null> {
  const found = await find<string[]>(fromHex(record.code), 'mandates');
  if (!found) return null;
  const mandates: string[] = [];
  for (const signed of found.map(readMandate)) {
    const { mandate } = signed;
    const pair = await proxyKeys(root, mandate.source, invitationOf(record.code));
    const fits = equal(mandate.network, around.network.id) && equal(mandate.proxy, pair.publicKey) && mandateIsSigned(signed);
    if (fits) mandates.push(toHex(encode(f.SignedMandate, signed)));
  }
  if (mandates.length === 0) throw new PlainError('What you got does not fit. Ask for a new invitation.');
  return { ...record, mandates };
}

export const mandatesOf = (record: ActingRecord): f.SignedMandate[] => record.mandates.map((hex) => decodeCanonical(f.SignedMandate, fromHex(hex)));

/** A code of a desk: acts for a child that is a patient there. */
export async function acceptAtDesk(root: Uint8Array, around: Surroundings, { organisation, code }: Invite): Promise<ActingRecord> {
  const { network } = around;
  const member = network.byId.get(organisation);
  if (!member) throw new PlainError('This code is from an organisation that this network does not know.');
  const shared = toHex(hash('salus/proxy/desk/v1', utf8(organisation), utf8(code)));
  const pair = await proxyKeys(root, organisation, invitationOf(shared));
  const body = { network: network.id, organisation, invite: code, patient: pair.publicKey, kemKey: pair.kem.publicKey };
  const request = { ...body, signature: sign(pair.seed, namespace.enrolment, encode(f.EnrolmentBody, body)) };
  const sealed = await sealEnvelope(member.kemKey, hpkeInfo(label.hpkeGuardianRequest, network.id), encode(f.EnrolmentRequest, request), pair.seed);
  const answer = decodeCanonical(f.SealedEnvelope, await relay.guardian(organisation, sealed));
  const opened = await openEnvelope(pair.kem, hpkeInfo(label.hpkeGuardianAnswer, network.id), answer, member.nodeKey);
  const { mandate, name } = decodeCanonical(f.GuardianAnswer, opened);
  if (!equal(mandate.mandate.proxy, pair.publicKey) || !mandateIsSigned(mandate)) throw new PlainError('The answer does not fit. Please ask at the desk.');
  return { code: shared, name, createdMs: Date.now(), mandates: [toHex(encode(f.SignedMandate, mandate))], untilMs: mandate.mandate.expiryMs };
}

export interface OthersRecord {
  records: RecordItem[];
  /** Sources that did not answer. */
  silent: string[];
  /** Sources at which the appointment has ended. */
  ended: string[];
}

/** Reads the other person's record, as far as the mandates reach. It is kept nowhere but in memory. */
export async function read(root: Uint8Array, around: Surroundings, record: ActingRecord, signal: AbortSignal): Promise<OthersRecord> {
  const answer: OthersRecord = { records: [], silent: [], ended: [] };
  for (const mandate of mandatesOf(record)) {
    const { source, appointment } = mandate.mandate;
    const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(appointment));
    if (!entry || entry.ended !== null || entry.expiryMs <= Date.now()) {
      answer.ended.push(source);
      continue;
    }
    const keys = await proxyKeys(root, source, invitationOf(record.code));
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

/** The person lays down what they were asked to do. */
export async function layDown(root: Uint8Array, around: Surroundings, record: ActingRecord): Promise<void> {
  for (const { mandate } of mandatesOf(record)) {
    const { source, appointment } = mandate;
    const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(appointment));
    if (!entry || entry.ended !== null || entry.expiryMs <= Date.now()) continue;
    const keys = await proxyKeys(root, source, invitationOf(record.code));
    const head = await ledger.head();
    await submitAndWait(signTransaction(around.network.id, keys.seed, head.height + VALID_BLOCKS, { kind: 'EndAppointment', appointment }));
  }
}

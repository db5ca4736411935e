/** People who act for one another, at the mock node: the ledger's rules for it, requests with a mandate, letters, the desk. */
import { addressOf, appointmentIdOf, decodeCanonical, encode, equal, label, mandateCommitment, mandateIsSigned, merkleRootOf, namespace, proxyGrant, publicKey, randomBytes, signMandate, signTransaction, stateKey, toHex, verifySignature, type Bytes } from '../crypto';
import * as f from '../crypto/formats';
import { hpkeInfo, openEnvelope, sealEnvelope } from '../crypto/hpke';
import { refuse, type Answer } from './answer';
import type { MockChain, Put } from './chain';
import { mockSeed, type Holding, type MockVault } from './vault';

type Acts = Extract<f.Action, { kind: 'Appoint' | 'EndAppointment' | 'ProxyAct' }>;

function read<T>(state: Map<string, Bytes>, codec: Parameters<typeof decodeCanonical<T>>[0], key: Bytes): T | null {
  const bytes = state.get(toHex(key));
  return bytes ? decodeCanonical(codec, bytes) : null;
}

/** What the contract would do; `null` where it refuses. */
export function applyProxy(state: Map<string, Bytes>, put: Put, action: Acts, signer: Bytes, at: { height: number; timeMs: number }): Bytes | null {
  const appointment = action.kind === 'Appoint' ? appointmentIdOf(signer) : action.appointment;
  const key = stateKey.appointment(appointment);
  const entry = read(state, f.AppointmentEntry, key);
  if (action.kind === 'Appoint') {
    if (entry || action.expiryMs <= at.timeMs || action.expiryMs % f.PROXY_GRAIN_MS !== 0) return null;
    return put(key, f.AppointmentEntry, { mandate: action.mandate, proxy: action.proxy, shares: action.shares, expiryMs: action.expiryMs, ...at, ended: null, acts: 0 });
  }
  if (!entry || entry.ended !== null) return null;
  if (action.kind === 'EndAppointment') {
    if (!equal(appointmentIdOf(signer), appointment) && !equal(signer, entry.proxy)) return null;
    return put(key, f.AppointmentEntry, { ...entry, ended: at.height });
  }
  const { act, number } = action;
  if (!equal(signer, entry.proxy) || entry.expiryMs <= at.timeMs || number !== entry.acts) return null;
  if (act.kind === 'ProxyGrant') {
    if (!entry.shares || act.expiryMs > entry.expiryMs) return null;
    const { terms, scope, expiryMs } = act;
    put(stateKey.grant(proxyGrant(appointment, number)), f.GrantEntry, { terms, scope, expiryMs, height: at.height, revoked: null, accesses: 0, byProxy: { appointment, mandate: entry.mandate } });
  }
  if (act.kind === 'ProxyRevoke') {
    const grant = read(state, f.GrantEntry, stateKey.grant(act.grant));
    if (!grant || grant.revoked !== null || !grant.byProxy || !equal(grant.byProxy.appointment, appointment)) return null;
    put(stateKey.grant(act.grant), f.GrantEntry, { ...grant, revoked: at.height });
  }
  put(key, f.AppointmentEntry, { ...entry, acts: entry.acts + 1 });
  return put(stateKey.act(appointment, number), f.ActEntry, { act, ...at });
}

export class MockProxies {
  private readonly letters = new Map<string, string>();
  private readonly codes = new Map<string, Holding>();
  constructor(private readonly chain: MockChain, private readonly vault: MockVault) {}

  leave(body: Buffer): Answer {
    const { locator, sealed } = JSON.parse(body.toString()) as { locator: string; sealed: string };
    const known = this.letters.get(locator);
    if (known !== undefined && known !== sealed) return refuse(409, 'conflict', 'this has been answered already');
    this.letters.set(locator, sealed);
    return { status: 204 };
  }
  letter(body: Buffer): Answer {
    return { json: { sealed: this.letters.get((JSON.parse(body.toString()) as { locator: string }).locator) ?? null } };
  }

  /** The desk gives a code for a child. */
  giveCode(holding: Holding, code: string): void {
    this.codes.set(`${holding.source}.${code}`, holding);
  }

  /** `null` where the request is refused. */
  async answer(organisation: string, { body, signature }: f.ProxyRequest): Promise<Bytes | null> {
    const { mandate } = body.mandate;
    const entry = read(this.chain.state, f.AppointmentEntry, stateKey.appointment(mandate.appointment));
    const holding = this.vault.ownerOf(mandate.owner);
    const signed = mandateIsSigned(body.mandate) && verifySignature(mandate.proxy, namespace.proxyRequest, encode(f.ProxyRequestBody, body), signature);
    const stands = entry && equal(entry.mandate, mandateCommitment(mandate)) && entry.ended === null && entry.expiryMs > this.chain.nowMs();
    if (!signed || !stands || !holding || body.audience !== organisation || body.ask === 'access-log') return null;
    const reached = [...holding.compartments.values()].filter((one) => mandate.compartments.some((id) => equal(id, one.id)));
    const within = (compartment: Bytes) => reached.some((one) => equal(one.id, compartment));
    const { seed } = this.chain.organisation(organisation);
    if (body.ask === 'directory') {
      if (organisation !== holding.source) return null;
      const keys = reached.map(({ id, category, key }) => ({ compartment: id, epoch: 0, predecessor: null, category, key }));
      return encode(f.SealedEnvelope, await sealEnvelope(mandate.kemKey, hpkeInfo(label.hpkeProxyKeys, this.chain.id), encode(f.ProxyKeys, { keys }), seed));
    }
    const { sealed } = holding;
    if (body.ask === 'versions') return encode(f.VersionList, { versions: sealed.filter((one) => within(one.compartment)).map(({ compartment, version }) => ({ compartment, version })) });
    const act = body.act === null ? null : read(this.chain.state, f.ActEntry, stateKey.act(mandate.appointment, body.act));
    const announced = act?.act.kind === 'ProxyRead' && act.act.count === body.versions.length && equal(act.act.versionsRoot, merkleRootOf(body.versions));
    const found = sealed.filter((one) => body.versions.some((version) => equal(version, one.version)));
    if (!announced || !found.every((one) => within(one.compartment))) return null;
    return this.vault.release(organisation, found, mandate.kemKey, body.ask === 'release');
  }

  /** A parent shows the desk's code. The child's key is the organisation's. */
  async guardian(organisation: string, envelope: f.SealedEnvelope): Promise<f.SealedEnvelope | null> {
    const { seed, kem } = this.chain.organisation(organisation);
    const opened = await openEnvelope(kem, hpkeInfo(label.hpkeGuardianRequest, this.chain.id), envelope, envelope.sender);
    const request = decodeCanonical(f.EnrolmentRequest, opened);
    const holding = this.codes.get(`${organisation}.${request.invite}`);
    if (!holding || !verifySignature(request.patient, namespace.enrolment, encode(f.EnrolmentBody, request), request.signature)) return null;
    const [own, oneTime] = [mockSeed(`ward ${holding.patient.id}`), randomBytes(32)];
    const owner = publicKey(own);
    this.vault.keep(holding, owner);
    const mandate: f.Mandate = {
      network: this.chain.id, appointment: appointmentIdOf(publicKey(oneTime)), source: organisation, owner: addressOf(owner), proxy: request.patient, kemKey: request.kemKey, shares: true, asks: true,
      expiryMs: Math.floor(this.chain.nowMs() / f.PROXY_GRAIN_MS + 50) * f.PROXY_GRAIN_MS, compartments: [...holding.compartments.values()].map((one) => one.id), salt: randomBytes(32),
    };
    this.chain.submit(signTransaction(this.chain.id, oneTime, 1_000_000, { kind: 'Appoint', mandate: mandateCommitment(mandate), proxy: mandate.proxy, shares: true, expiryMs: mandate.expiryMs }));
    const answer = encode(f.GuardianAnswer, { mandate: signMandate(mandate, own), patient: holding.patient.id, name: holding.patient.name });
    return sealEnvelope(request.kemKey, hpkeInfo(label.hpkeGuardianAnswer, this.chain.id), answer, seed);
  }
}

/** A chain of one process that certifies its blocks with the real keys and formats of four organisations. */
import { concat, decodeCanonical, encode, equal, hash, networkId, publicKey, sign, stateKey, toHex, transactionId, transactionIsSigned, utf8, validatorsHash, accessId, appointmentIdOf, emergencyId, grantIdOf, headerDigest, recoveryIdOf, type Bytes } from '../crypto';
import { varint } from '../crypto/codec';
import * as f from '../crypto/formats';
import { kemKey, type KemKey } from '../crypto/hpke';
import { leafHash, merkleRoot } from '../crypto/merkle';
import { u64be } from '../crypto/bytes';
import { certificateMessage, finalizeNamespace } from '../verify/certificate';
import { compareKeys, quorum } from '../verify/network';
import type { StateProof } from '../verify/state';
import { applyProxy } from './proxies';
import { mockState } from './state';

export interface MockOrganisation {
  info: f.Organisation;
  seed: Bytes;
  kem: KemKey;
}

const PARTIES = [
  { id: 'hospital-a', name: 'St. Anna Hospital', class: 'provider', custodian: true },
  { id: 'hospital-b', name: 'Lakeside Clinic', class: 'provider', custodian: true },
  { id: 'insurer', name: 'Helvia Insurance', class: 'payer', custodian: false },
  { id: 'regulator', name: 'Health Authority', class: 'regulator', custodian: true },
] as const;

/** An organisation with keys of its own; it votes. */
export async function mockOrganisation(party: Pick<f.Organisation, 'id' | 'name' | 'class' | 'custodian'>): Promise<MockOrganisation> {
  const seed = hash('mock/seed', utf8(party.id));
  const kem = await kemKey(hash('mock/kem', utf8(party.id)));
  const info = { ...party, validator: true, nodeKey: publicKey(seed), kemKey: kem.publicKey, tlsCertificate: new Uint8Array(32), ledgerAddress: '', peerUrl: '', portalUrl: '' };
  return { seed, kem, info };
}

export const RECOVERY_DELAY_MS = 48 * 3_600_000;

export class Rejected extends Error {}

interface Placed {
  block: f.Block;
  certified: f.CertifiedHeader;
}

/** Writes an entry of the state; its key. */
export type Put = <T>(key: Bytes, codec: { write: (value: T, out: Uint8Array[]) => void }, value: T) => Bytes;

export class MockChain {
  readonly blocks: Placed[] = [];
  readonly state = new Map<string, Bytes>();
  readonly places = new Map<string, { height: number; entry: string }>();
  /** Each change of those who vote. */
  readonly handovers: f.Handover[] = [];
  /** How far the ledger's clock is ahead of this machine's. */
  aheadMs = 0;
  private epoch = 0;
  private voters: MockOrganisation[];
  private constructor(
    readonly organisations: MockOrganisation[],
    readonly genesis: f.Genesis,
    readonly id: Bytes,
  ) {
    this.voters = [...organisations];
  }

  static async start(nowMs: number): Promise<MockChain> {
    const organisations = await Promise.all(PARTIES.map(mockOrganisation));
    const genesis: f.Genesis = {
      name: 'Mock network',
      timeMs: nowMs - 3_600_000,
      parameters: { transactionLifetimeBlocksMax: 10_000, grantPeriodMsMax: 10 * 366 * 86_400_000, blockTransactionsMax: 4_096, epochBlocks: 1_024, votingPeriodMs: 14 * 86_400_000, blocksRetained: 500_000, protocol: 1 },
      organisations: organisations.map((one) => one.info),
    };
    const chain = new MockChain(organisations, genesis, networkId(genesis));
    chain.produce([], genesis.timeMs);
    return chain;
  }

  nowMs = (): number => Date.now() + this.aheadMs;
  organisation = (id: string): MockOrganisation => this.organisations.find((one) => one.info.id === id)!;
  head = (): f.Header => this.blocks.at(-1)!.block.header;

  private produce(transactions: f.Transaction[], timeMs: number, more: Partial<f.Header> = {}): void {
    const parent = this.blocks.at(-1)?.block.header;
    const none = new Uint8Array(32);
    const header: f.Header = {
      version: 1,
      network: this.id,
      height: this.blocks.length,
      timeMs: Math.max(timeMs, (parent?.timeMs ?? 0) + 1),
      parent: parent ? headerDigest(parent) : none,
      epoch: this.epoch,
      view: this.blocks.length + 1,
      parentView: this.blocks.length,
      leader: this.organisations[this.blocks.length % 4]!.info.nodeKey,
      transactionsRoot: merkleRoot(transactions.map((tx) => leafHash(encode(f.Transaction, tx)))),
      transactions: transactions.length,
      receiptsRoot: merkleRoot([]),
      stateRoot: none,
      syncRoot: none,
      syncStart: 0,
      syncEnd: 0,
      nextValidators: none,
      ...more,
    };
    this.blocks.push({ block: { header, transactions }, certified: { headers: [header], certificate: this.certify(header) } });
  }

  /** A certificate by as many as are needed; by those who vote now, in the round of the block, unless told otherwise. */
  certify(header: f.Header, voters = this.voters, round: Pick<f.Header, 'epoch' | 'view' | 'parentView'> = header): Bytes {
    const sorted = voters.toSorted((a, b) => compareKeys(a.info.nodeKey, b.info.nodeKey));
    const message = certificateMessage(round, headerDigest(header));
    const needed = quorum(sorted.length);
    const signatures = sorted.slice(0, needed).map((one) => sign(one.seed, finalizeNamespace(this.id), message));
    return concat(message, u64be(sorted.length), new Uint8Array([2 ** needed - 1]), varint(needed), ...signatures);
  }

  /** Shows what is under a key, in a new block whose state holds this one entry, or for what is not there another one. */
  proveState(key: Bytes): StateProof {
    const own = this.state.get(toHex(key));
    const [there, value] = own ? [key, own] : [hash('mock/other'), new Uint8Array([1])];
    const { root, shown } = mockState([[there, value]]);
    this.produce([], Date.now(), { stateRoot: root });
    const block = this.blocks.at(-1)!.certified;
    if (own) return { block, value, proof: concat(shown[0]!, there) };
    return { block, value: null, proof: concat(new Uint8Array([0]), shown[0]!, there, varint(value.length), value, there) };
  }

  /** Shows those anchors that are there, in a new block whose state holds nothing else. */
  proveAnchors(batches: f.BatchId[]): f.AnchorProofs {
    const found = batches.flatMap((batch) => {
      const key = stateKey.anchor(batch.organisation, batch.sequence);
      const value = this.state.get(toHex(key));
      return value ? [{ batch, key, value }] : [];
    });
    const { root, shown, next } = mockState(found.map(({ key, value }) => [key, value]));
    this.produce([], Date.now(), { stateRoot: root });
    const anchors = found.map(({ batch, value }, at) => ({ batch, entry: decodeCanonical(f.AnchorEntry, value), proof: concat(shown[at]!, next[at]!) }));
    return { anchors, block: this.blocks.at(-1)!.certified };
  }

  /** Ends the epoch with a block that names those who vote in the next one; at most eight here. */
  endEpoch(voters = this.voters): void {
    const keysOf = (all: MockOrganisation[]) => all.map((one) => one.info.nodeKey).sort(compareKeys);
    const [before, validators] = [this.voters, voters].map(keysOf) as [Bytes[], Bytes[]];
    this.produce([], Date.now(), { nextValidators: validatorsHash(validators) });
    const changed = !equal(validatorsHash(before), validatorsHash(validators));
    if (changed) this.handovers.push({ block: this.blocks.at(-1)!.certified, validators });
    this.voters = [...voters];
    this.epoch += 1;
  }

  /** Applies at once, in a block of its own. */
  private emergencies = 0;

  submit(transaction: f.Transaction): string {
    const id = toHex(transactionId(transaction));
    if (this.places.has(id)) return id;
    if (!equal(transaction.network, this.id) || !transactionIsSigned(transaction)) throw new Rejected('the signature does not verify');
    const entry = this.apply(transaction, this.nowMs());
    this.places.set(id, { height: this.blocks.length, entry: toHex(entry) });
    this.produce([transaction], Date.now());
    return id;
  }

  /** A block of nothing, as real networks make between requests. */
  idle = (): void => this.produce([], Date.now());

  private put: Put = (key, codec, value) => {
    const out: Uint8Array[] = [];
    codec.write(value, out);
    this.state.set(toHex(key), concat(...out));
    return key;
  };

  grantEntry(grant: Uint8Array): f.GrantEntry | null {
    const bytes = this.state.get(toHex(stateKey.grant(grant)));
    return bytes ? decodeCanonical(f.GrantEntry, bytes) : null;
  }

  private apply({ action, signer }: f.Transaction, nowMs: number): Bytes {
    const height = this.blocks.length;
    switch (action.kind) {
      case 'Anchor':
        return this.put(stateKey.anchor(action.organisation, action.sequence), f.AnchorEntry, { batchRoot: action.batchRoot, sizeClass: action.sizeClass, height, timeMs: nowMs });
      case 'RegisterPatient':
        return this.put(stateKey.patient(action.address), f.PatientEntry, { organisation: this.organisations.find((one) => equal(one.info.nodeKey, signer))!.info.id, height });
      case 'Grant': {
        const id = grantIdOf(signer);
        if (this.grantEntry(id)) throw new Rejected('this grant exists already');
        return this.put(stateKey.grant(id), f.GrantEntry, { terms: action.terms, scope: action.scope, expiryMs: action.expiryMs, height, revoked: null, accesses: 0, byProxy: null });
      }
      case 'Revoke': {
        const entry = this.grantEntry(action.grant);
        if (!entry || entry.revoked !== null || !equal(entry.byProxy ? entry.byProxy.appointment : action.grant, entry.byProxy ? appointmentIdOf(signer) : grantIdOf(signer))) throw new Rejected('there is no such grant');
        return this.put(stateKey.grant(action.grant), f.GrantEntry, { ...entry, revoked: height });
      }
      case 'Access': {
        const entry = this.grantEntry(action.grant);
        if (!entry || entry.revoked !== null || entry.expiryMs <= nowMs) throw new Rejected('the grant is not live');
        const id = accessId(action, signer);
        const { grant, purpose, versionsRoot, count, practitioner } = action;
        const organisation = this.organisations.find((one) => equal(one.info.nodeKey, signer))!.info.id;
        this.put(stateKey.grant(grant), f.GrantEntry, { ...entry, accesses: entry.accesses + 1 });
        this.state.set(toHex(stateKey.accessOfGrant(grant, entry.accesses)), id);
        return this.put(stateKey.access(id), f.AccessEntry, { grant, organisation, purpose, versionsRoot, count, practitioner, height, timeMs: nowMs });
      }
      case 'BreakGlass': {
        const { organisation, target, practitioner, ground, statement, beganMs } = action;
        const number = this.emergencies++;
        return this.put(stateKey.emergency(emergencyId(action)), f.EmergencyEntry, { number, organisation, target, practitioner, ground, statement, beganMs, height, timeMs: nowMs, accessUntilMs: nowMs + 4 * 3_600_000, reviewDueMs: nowMs + 72 * 3_600_000 });
      }
      case 'Review':
        return this.put(stateKey.review(action.event), f.ReviewEntry, { justified: action.justified, reviewer: action.reviewer, statement: action.statement, late: false, height, timeMs: nowMs });
      case 'StartRecovery': {
        const { organisation, recovery, number, device } = action;
        const key = stateKey.recovery(recovery, number);
        if (this.state.has(toHex(key))) throw new Rejected('the recovery exists already');
        return this.put(key, f.RecoveryEntry, { organisation, device, height, timeMs: nowMs, readyMs: nowMs + RECOVERY_DELAY_MS, cancelled: null });
      }
      case 'CancelRecovery': {
        const key = stateKey.recovery(action.recovery, action.number);
        const bytes = this.state.get(toHex(key));
        const entry = bytes && decodeCanonical(f.RecoveryEntry, bytes);
        if (!entry || entry.cancelled !== null || !equal(recoveryIdOf(signer), action.recovery)) throw new Rejected('there is no such recovery');
        return this.put(key, f.RecoveryEntry, { ...entry, cancelled: height });
      }
      case 'Appoint':
      case 'EndAppointment':
      case 'ProxyAct': {
        const entry = applyProxy(this.state, this.put, action, signer, { height, timeMs: nowMs });
        if (!entry) throw new Rejected('the appointment does not allow it');
        return entry;
      }
      default:
        throw new Rejected('the mock does not know this action');
    }
  }
}

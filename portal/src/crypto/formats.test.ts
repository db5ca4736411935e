/** The samples of `crates/types/src/tests.rs`, against the hashes that are pinned in `conformance.txt`. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accept, accepts, addressOf, appointmentIdOf, encode, hash, mandateCommitment, namespace, networkId, proposalId, publicKey, sha256, sign, signMandate, signTransaction, toHex, utf8, type Bytes } from '.';
import { decodeCanonical, type Codec } from './codec';
import * as f from './formats';

const file = new URL('../../../crates/types/conformance.txt', import.meta.url);
const pinned = new Map(readFileSync(file, 'utf8').trim().split('\n').map((line) => line.split(' ') as [string, string]));

const digest = (n: number): Bytes => sha256(new Uint8Array([n]));
const filled = (length: number, n: number): Bytes => new Uint8Array(length).fill(n);
const seed = (n: number): Bytes => filled(32, n);

const organisation = (id: string, n: number, kind: f.Class): f.Organisation => ({
  id,
  name: id,
  class: kind,
  validator: true,
  custodian: kind === 'provider' || kind === 'regulator',
  nodeKey: publicKey(seed(n)),
  kemKey: filled(1_216, n),
  tlsCertificate: digest(n),
  ledgerAddress: '127.0.0.1:7001',
  peerUrl: 'https://127.0.0.1:7002',
  portalUrl: 'https://localhost:7000',
});
const DAY_MS = 86_400_000;
const parameters: f.Parameters = {
  transactionLifetimeBlocksMax: 10_000,
  grantPeriodMsMax: 10 * 366 * DAY_MS,
  blockTransactionsMax: 4_096,
  epochBlocks: 1_024,
  votingPeriodMs: 14 * DAY_MS,
  blocksRetained: 500_000,
  protocol: 1,
};
const genesis: f.Genesis = {
  name: 'sample',
  timeMs: 1_800_000_000_000,
  parameters,
  organisations: [organisation('hospital-a', 1, 'provider'), organisation('regulator', 2, 'regulator')],
};
const network = networkId(genesis);
const clinic: f.Organisation = { ...organisation('clinic', 3, 'provider'), validator: false };
const acceptance = accept(network, clinic, seed(3));
const admission: f.Change = { kind: 'Admit', organisation: clinic, acceptance };
const propose: f.ProposeAction = { kind: 'Propose', organisation: 'hospital-a', change: admission, nonce: filled(16, 9) };

const changes: f.Change[] = [
  admission,
  { kind: 'Update', organisation: clinic, acceptance },
  { kind: 'SetClass', organisation: 'clinic', class: 'pharmacy' },
  { kind: 'SetDuties', organisation: 'clinic', validator: true, custodian: false },
  { kind: 'Remove', organisation: 'clinic' },
  { kind: 'SetParameters', parameters },
];
const signedBy2 = (text: string) => sign(seed(2), 'test', utf8(text));
const contradiction = {
  misdeed: 'nullify-and-finalize',
  epoch: 300,
  view: 7,
  first: { parentView: 0, block: filled(32, 0), signature: signedBy2('nullify') },
  second: { parentView: 6, block: digest(41), signature: signedBy2('finalize') },
} as const;
const appointment = appointmentIdOf(publicKey(seed(7)));
const signedMandate = signMandate(
  {
    network: digest(59),
    appointment,
    source: 'hospital-a',
    owner: addressOf(publicKey(seed(4))),
    proxy: publicKey(seed(6)),
    kemKey: filled(1_216, 1),
    shares: true,
    asks: false,
    expiryMs: 3_100 * f.PROXY_GRAIN_MS,
    compartments: [digest(20)],
    salt: filled(32, 9),
  },
  seed(4),
);
const acts: f.Act[] = [
  { kind: 'ProxyRead', versionsRoot: digest(8), count: 12 },
  { kind: 'ProxyGrant', terms: digest(4), scope: digest(5), expiryMs: 1_900_000_000_000 },
  { kind: 'ProxyRevoke', grant: digest(6) },
];
const proxyRequest: f.ProxyRequestBody = { audience: 'regulator', ask: 'release', mandate: signedMandate, act: 2, timeMs: 5, nonce: filled(16, 6), versions: [digest(21)] };
const actions: f.Action[] = [
  { kind: 'RegisterPatient', address: digest(1) },
  { kind: 'RegisterPractitioner', commitment: digest(2) },
  { kind: 'Anchor', organisation: 'hospital-a', batchRoot: digest(3), sequence: 7, sizeClass: 2 },
  { kind: 'Grant', terms: digest(4), scope: digest(5), expiryMs: 1_900_000_000_000 },
  { kind: 'Revoke', grant: digest(6) },
  { kind: 'Access', grant: digest(6), scopeSalt: filled(32, 7), purpose: 'treatment', versionsRoot: digest(8), count: 12, practitioner: digest(2), nonce: filled(16, 9) },
  { kind: 'Dropped', organisation: 'hospital-a', grant: digest(6), count: 12 },
  { kind: 'AnchorLog', organisation: 'hospital-a', head: digest(10), entries: 99, sequence: 3 },
  propose,
  { kind: 'Vote', organisation: 'hospital-a', proposal: digest(40), approve: true },
  { kind: 'Accuse', organisation: 'hospital-a', validator: publicKey(seed(2)), contradiction },
  { kind: 'BreakGlass', organisation: 'hospital-a', target: digest(50), practitioner: digest(2), ground: 'cannot-consent', statement: digest(51), beganMs: 1_800_000_000_000, nonce: filled(16, 9) },
  { kind: 'Review', organisation: 'hospital-a', event: digest(52), justified: true, reviewer: digest(53), statement: digest(54) },
  { kind: 'StartRecovery', organisation: 'hospital-a', recovery: digest(60), number: 1, device: digest(61) },
  { kind: 'CancelRecovery', recovery: digest(60), number: 1 },
  { kind: 'OrderErasure', organisation: 'hospital-a', versionsRoot: digest(55), count: 12, ground: 'patient-request', nonce: filled(16, 9) },
  { kind: 'Erased', organisation: 'hospital-a', erasure: digest(56), versions: 12, copies: 3 },
  { kind: 'Appoint', mandate: mandateCommitment(signedMandate.mandate), proxy: publicKey(seed(6)), shares: true, expiryMs: 3_100 * f.PROXY_GRAIN_MS },
  { kind: 'EndAppointment', appointment },
  { kind: 'ProxyAct', appointment, number: 2, act: acts[0]! },
];
const header: f.Header = {
  version: 1,
  network,
  height: 42,
  timeMs: 1_800_000_001_000,
  parent: digest(11),
  epoch: 0,
  view: 44,
  parentView: 43,
  leader: publicKey(seed(2)),
  transactionsRoot: digest(12),
  transactions: 1,
  receiptsRoot: digest(13),
  stateRoot: digest(14),
  syncRoot: digest(15),
  syncStart: 16,
  syncEnd: 17,
  nextValidators: filled(32, 0),
};
const member = ({ id, nodeKey, class: kind, validator, custodian, tlsCertificate }: f.Organisation): f.Member => ({ id, nodeKey, class: kind, validator, custodian, tlsCertificate });

const samples: [string, Bytes, Codec<never>][] = [];
const sample = <T>(name: string, codec: Codec<T>, value: T) => samples.push([name, encode(codec, value), codec as Codec<never>]);
sample('Genesis', f.Genesis, genesis);
for (const action of actions) sample(action.kind, f.Transaction, signTransaction(network, seed(1), 500, action));
for (const change of changes) sample(`Change::${change.kind}`, f.Change, change);
sample('OrganisationEntry', f.OrganisationEntry, { organisation: clinic, slot: 2, since: 3 });
sample('RosterPage', f.RosterPage, { slots: [member(genesis.organisations[0]!), null] });
sample('OpenProposals', f.OpenProposals, { made: 2, open: [digest(40)] });
sample('ProposalEntry', f.ProposalEntry, {
  number: 1,
  change: admission,
  proposer: 'hospital-a',
  height: 2,
  closesMs: 3,
  approvals: filled(32, 4),
  refusals: filled(32, 5),
  outcome: 'open',
  decided: 6,
});
sample('EmergencyEntry', f.EmergencyEntry, { number: 1, organisation: 'hospital-b', target: digest(50), practitioner: digest(2), ground: 'cannot-consent', statement: digest(51), beganMs: 2, height: 3, timeMs: 4, accessUntilMs: 5, reviewDueMs: 6 });
sample('ReviewEntry', f.ReviewEntry, { justified: true, reviewer: digest(53), statement: digest(54), late: true, height: 3, timeMs: 4 });
sample('RecoveryEntry', f.RecoveryEntry, { organisation: 'hospital-a', device: digest(61), height: 3, timeMs: 4, readyMs: 5, cancelled: 6 });
sample('RecoveryShare', f.RecoveryShare, { recovery: digest(60), counter: 2, index: 3, value: filled(32, 4) });
const rekeyed = { network: digest(59), organisation: 'hospital-a', old: publicKey(seed(4)), new: publicKey(seed(5)), kemKey: filled(1_216, 1), timeMs: 1_800_000_000_000, nonce: filled(16, 9) };
const byOld = { ...rekeyed, oldSignature: sign(seed(4), namespace.rekey, encode(f.RekeyByOld, rekeyed)) };
const rekey = { kind: 'Rekey' as const, ...byOld, newSignature: sign(seed(5), namespace.rekey, encode(f.RekeyByNew, byOld)) };
it('a letter that replaces keys is what the node writes', () => {
  expect(toHex(sha256(encode(f.RecoveryLetter, rekey).slice(1)))).toBe(pinned.get('Rekey'));
});
sample('RecoveryLetter', f.RecoveryLetter, { kind: 'RecoveryAsk', network: digest(59), organisation: 'hospital-a', code: 'ABCD', kemKey: filled(1_216, 1) });
sample('FaultEntry', f.FaultEntry, { number: 1, organisation: 'regulator', validator: publicKey(seed(2)), misdeed: 'nullify-and-finalize', epoch: 300, view: 7, accuser: 'hospital-a', height: 4, timeMs: 5 });
sample('Handover', f.Handover, {
  block: { headers: [header], certificate: filled(300, 35) },
  validators: [publicKey(seed(1)), publicKey(seed(2))],
});
sample('Header', f.Header, header);
sample('Block', f.Block, { header, transactions: actions.map((action) => signTransaction(network, seed(1), 500, action)) });
const batch: f.BatchId = { organisation: 'hospital-a', sequence: 9 };
const anchorEntry: f.AnchorEntry = { batchRoot: digest(3), sizeClass: 2, height: 4, timeMs: 5 };
sample('BatchId', f.BatchId, batch);
sample('AnchorEntry', f.AnchorEntry, anchorEntry);
sample('AnchorProofs', f.AnchorProofs, {
  anchors: [{ batch, entry: anchorEntry, proof: filled(200, 36) }],
  block: { headers: [header], certificate: filled(300, 35) },
});
sample('GrantEntry', f.GrantEntry, { terms: digest(4), scope: digest(5), expiryMs: 6, height: 7, revoked: 8, accesses: 9, byProxy: { appointment, mandate: digest(10) } });
sample('AppointmentEntry', f.AppointmentEntry, { mandate: mandateCommitment(signedMandate.mandate), proxy: publicKey(seed(6)), shares: true, expiryMs: 3_100 * f.PROXY_GRAIN_MS, height: 3, timeMs: 4, ended: 5, acts: 6 });
sample('ActEntry', f.ActEntry, { act: acts[0]!, height: 3, timeMs: 4 });
for (const act of acts) sample(`Act::${act.kind}`, f.Act, act);
sample('SignedMandate', f.SignedMandate, signedMandate);
sample('ProxyRequest', f.ProxyRequest, { body: proxyRequest, signature: sign(seed(6), namespace.proxyRequest, encode(f.ProxyRequestBody, proxyRequest)) });
sample('ProxyKeys', f.ProxyKeys, { keys: [{ compartment: digest(20), epoch: 1, predecessor: digest(19), category: 'labs', key: filled(32, 2) }] });
sample('GuardianAnswer', f.GuardianAnswer, { mandate: signedMandate, patient: 'p-1', name: 'Kai Lind' });

describe('the formats of the ledger', () => {
  it.each(samples)('%s is what the node writes', (name, bytes, codec) => {
    expect(toHex(sha256(bytes))).toBe(pinned.get(name));
    expect(encode(codec, decodeCanonical(codec, bytes))).toEqual(bytes);
    expect(() => decodeCanonical(codec, bytes.slice(0, -1))).toThrow();
  });
  it('refuse kinds that they do not know', () => {
    expect(() => decodeCanonical(f.Change, new Uint8Array([7]))).toThrow('unknown kind');
    expect(() => decodeCanonical(f.Action, new Uint8Array([0]))).toThrow('unknown kind');
    expect(() => decodeCanonical(f.Outcome, new Uint8Array([6]))).toThrow('unknown kind');
  });
  it('name a proposal by its content, and hold an acceptance to its network', () => {
    expect(toHex(proposalId(propose))).toBe(toHex(hash('salus/proposal/v1', encode(f.ProposeBody, propose))));
    expect(accepts(network, clinic, acceptance)).toBe(true);
    expect(accepts(digest(1), clinic, acceptance)).toBe(false);
    expect(accepts(network, { ...clinic, custodian: false }, acceptance)).toBe(false);
  });
});

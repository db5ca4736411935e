import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCanonical, encode, headerDigest, publicKey, signTransaction, stateKey, toHex, validatorsHash, accessId, grantIdOf, scopeCommitment, hash } from '../crypto';
import * as f from '../crypto/formats';
import { MockChain, mockOrganisation, type MockOrganisation } from '../testing/chain';
import { verifyCertified } from './certificate';
import { extend, HandoverList } from './handovers';
import { compareKeys, readGenesis, type Network } from './network';
import { verifyAnchors } from './record';
import { run } from './run';

let chain: MockChain;
let clinic: MockOrganisation;
let thieves: MockOrganisation[];
let genesis: Uint8Array;
/** A block of each epoch: 0 and 1 by the first four, 2 by three of them and the clinic, 3 by five. */
let blocks: f.CertifiedHeader[];

const informed = (handovers: f.Handover[]): Network => {
  const network = readGenesis(genesis);
  extend(network, handovers);
  return network;
};
const last = () => chain.blocks.at(-1)!.certified;

beforeAll(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  genesis = encode(f.Genesis, chain.genesis);
  clinic = await mockOrganisation({ id: 'clinic', name: 'Clinic', class: 'provider', custodian: false });
  thieves = await Promise.all(['t1', 't2', 't3', 't4'].map((id) => mockOrganisation({ id, name: id, class: 'payer', custodian: false })));
  const first = chain.organisations;
  const second = [...first.slice(0, 3), clinic];
  blocks = [];
  for (const next of [first, second, [...second, first[3]!], null]) {
    chain.idle();
    blocks.push(last());
    if (next) chain.endEpoch(next);
  }
});

describe('a certificate', () => {
  it('counts with the validators of its epoch, as far as the handovers lead', () => {
    expect(chain.handovers).toHaveLength(2);
    for (const [known, reached] of [[0, 2], [1, 3], [2, 4]] as const) {
      const network = informed(chain.handovers.slice(0, known));
      blocks.forEach((block, epoch) => {
        expect(block.headers[0]!.epoch).toBe(epoch);
        const verify = () => verifyCertified(network, block);
        if (epoch < reached) expect(verify().signers.length).toBeGreaterThanOrEqual(3);
        else expect(verify, `epoch ${epoch} with ${known}`).toThrow();
      });
    }
  });
  it('names those whom genesis does not know by their keys', () => {
    const signers = verifyCertified(informed(chain.handovers), blocks[3]!).signers;
    const names = new Set([...chain.organisations.map((one) => one.info.id), toHex(clinic.info.nodeKey)]);
    expect(signers.filter((name) => !names.has(name))).toEqual([]);
  });
  it('is worth nothing by those who were voted out, or for another block before the handover', () => {
    const network = informed(chain.handovers);
    const sign = (header: f.Header, by: MockOrganisation[]) => ({ headers: [header], certificate: chain.certify(header, by) });
    const [, old, now] = blocks.map((block) => block.headers[0]!);
    expect(() => verifyCertified(network, sign({ ...now!, timeMs: 5 }, chain.organisations))).toThrow('does not verify');
    expect(() => verifyCertified(network, sign({ ...old!, height: now!.height }, chain.organisations))).toThrow('do not belong together');
    const end = chain.handovers[0]!.block.headers[0]!;
    const second = [...chain.organisations.slice(0, 3), clinic];
    expect(verifyCertified(network, sign({ ...now!, height: end.height + 1 }, second)).header.epoch).toBe(2);
    expect(() => verifyCertified(network, sign({ ...now!, height: end.height - 1 }, second))).toThrow('do not belong together');
    expect(() => verifyCertified(network, sign({ ...end, timeMs: 5 }, chain.organisations))).toThrow('another block is known');
    expect(verifyCertified(network, chain.handovers[0]!.block).header).toEqual(end);
  });
  it('may be of a later round for the last block of an epoch, and for no other', () => {
    const network = readGenesis(genesis);
    const later = (header: f.Header, view: number, parentView: number) => ({
      headers: [header],
      certificate: chain.certify(header, chain.organisations, { epoch: header.epoch, view, parentView }),
    });
    const end = chain.handovers[0]!.block.headers[0]!;
    expect(verifyCertified(network, later(end, end.view + 5, end.view + 2)).header).toEqual(end);
    const inNextEpoch = chain.certify(end, chain.organisations, { ...end, epoch: end.epoch + 1 });
    expect(() => verifyCertified(network, { headers: [end], certificate: inNextEpoch })).toThrow('another block');
    expect(() => verifyCertified(network, later(end, end.view + 1, end.parentView))).toThrow('another block');
    expect(() => verifyCertified(network, later(end, end.view + 1, end.view + 1))).toThrow('another block');
    const middle = blocks[0]!.headers[0]!;
    expect(() => verifyCertified(network, later(middle, middle.view + 1, middle.view))).toThrow('another block');
  });
  it('may follow its block into the next epoch', () => {
    const { headers } = chain.handovers[0]!.block;
    const next = chain.blocks[headers[0]!.height + 1]!.certified;
    const joined = { headers: [...headers, ...next.headers], certificate: next.certificate };
    expect(verifyCertified(informed(chain.handovers), joined).header).toEqual(headers[0]);
    expect(() => verifyCertified(readGenesis(genesis), joined)).toThrow('handover is missing');
  });
  it('is led to by consecutive headers, in a new epoch only after the one that ends the old', () => {
    const network = readGenesis(genesis);
    const [middle, end] = [blocks[0]!.headers[0]!, chain.blocks[blocks[0]!.headers[0]!.height + 1]!.block.header];
    const joined = (before: f.Header, change: Partial<f.Header>) => {
      const next = { ...blocks[0]!.headers[0]!, parent: headerDigest(before), height: before.height + 1, epoch: before.epoch, ...change };
      return () => verifyCertified(network, { headers: [before, next], certificate: chain.certify(next, chain.organisations) });
    };
    expect(joined(middle, {})).not.toThrow();
    expect(joined(end, { epoch: 1 })).not.toThrow();
    for (const [before, change] of [[middle, { height: middle.height + 2 }], [middle, { parent: hash('x') }], [middle, { epoch: 1 }], [end, {}], [end, { epoch: 2 }]] as const) {
      expect(joined(before, change), JSON.stringify(Object.keys(change))).toThrow('do not follow');
    }
  });
});

describe('a handover', () => {
  const keysOf = (all: MockOrganisation[]) => all.map((one) => one.info.nodeKey).sort(compareKeys);
  const by = (header: f.Header, validators: Uint8Array[], signers = chain.organisations): f.Handover => ({
    block: { headers: [header], certificate: chain.certify(header, signers) },
    validators: validators as f.Handover['validators'],
  });
  it('that is forged is refused', () => {
    const [good] = chain.handovers as [f.Handover, f.Handover];
    const [end] = good.block.headers as [f.Header];
    const stolen = { ...end, nextValidators: validatorsHash(keysOf(thieves)) };
    const naming = (keys: Uint8Array[]) => by({ ...end, nextValidators: validatorsHash(keys) }, keys);
    const after = { ...blocks[2]!.headers[0]!, height: end.height + 1, parent: headerDigest(stolen) };
    for (const [words, forged] of [
      ['other validators', { ...good, validators: keysOf(thieves) as f.Handover['validators'] }],
      ['other validators', { ...good, validators: good.validators.slice(1) }],
      ['another block', { ...good, block: { ...good.block, headers: [stolen] }, validators: keysOf(thieves) }],
      ['does not verify', by(stolen, keysOf(thieves), thieves)],
      ['another set', by(stolen, keysOf(thieves), thieves.slice(1))],
      ['ascending', naming([])],
      ['ascending', naming(good.validators.toReversed())],
      ['ascending', naming([good.validators[0]!, good.validators[0]!])],
      ['no other', { ...good, block: { headers: [], certificate: good.block.certificate } }],
      ['no other', { block: { headers: [stolen, after], certificate: chain.certify(after, thieves) }, validators: keysOf(thieves) }],
      ['another network', by({ ...end, network: new Uint8Array(32) }, good.validators)],
    ] as [string, f.Handover][]) {
      expect(() => informed([forged]), words).toThrow(words);
    }
  });
  it('is taken in order, and none may be missing', () => {
    const [one, two] = chain.handovers as [f.Handover, f.Handover];
    expect(() => informed([two])).toThrow();
    expect(() => informed([one, one])).toThrow('ascending order');
    expect(() => informed([one, two, one])).toThrow('ascending order');
    const network = informed([one]);
    extend(network, [one, two]);
    expect(network.terms.map((term) => term.firstEpoch)).toEqual([0, 2, 3]);
  });
  it('fails for every changed byte', () => {
    const bytes = encode(f.Handover, chain.handovers[0]!);
    for (let at = 0; at < bytes.length; at++) {
      const bad = bytes.slice();
      bad[at]! ^= 1 << (at % 8);
      expect(() => informed([decodeCanonical(f.Handover, bad)]), `byte ${at}`).toThrow();
    }
  });
});

describe('the list of handovers', () => {
  it('is asked for when a block is of a later epoch, and not otherwise', async () => {
    let asked = 0;
    let online = true;
    const list = new HandoverList(async () => {
      asked += 1;
      if (!online) throw new Error('offline');
      return chain.handovers.slice(0, asked);
    });
    expect(await list.until(0)).toEqual([]);
    expect(asked).toBe(0);
    const [one, again] = await Promise.all([list.until(2), list.until(1)]);
    expect([one, again, asked]).toEqual([chain.handovers.slice(0, 1), chain.handovers.slice(0, 1), 1]);
    online = false;
    await expect(list.until(3)).rejects.toThrow('offline');
    online = true;
    expect(await list.until(3)).toHaveLength(2);
    expect(await list.until(3)).toHaveLength(2);
    expect(asked).toBe(3);
  });
});

describe('the worker', () => {
  it('checks what a later member anchors and reads, with the handovers only', () => {
    const anchor = { kind: 'Anchor', organisation: 'clinic', batchRoot: hash('root'), sequence: 1, sizeClass: 0 } as const;
    chain.submit(signTransaction(chain.id, clinic.seed, 1_000, anchor));
    const anchored = chain.proveAnchors([{ organisation: 'clinic', sequence: 1 }]);
    expect(verifyAnchors(informed(chain.handovers), anchored)).toMatchObject([{ batch: { organisation: 'clinic' } }]);
    expect(() => verifyAnchors(readGenesis(genesis), anchored)).toThrow();

    const oneTime = hash('one-time');
    const grant = grantIdOf(publicKey(oneTime));
    const scopeSalt = hash('salt');
    const scope = scopeCommitment('clinic', 'treatment', scopeSalt);
    chain.submit(signTransaction(chain.id, oneTime, 1_000, { kind: 'Grant', terms: hash('terms'), scope, expiryMs: Date.now() + 60_000 }));
    const access: f.AccessAction = { kind: 'Access', grant, scopeSalt, purpose: 'treatment', versionsRoot: hash('versions'), count: 3, practitioner: hash('dr'), nonce: new Uint8Array(16) };
    chain.organisations.push(clinic);
    chain.submit(signTransaction(chain.id, clinic.seed, 1_000, access));
    const { height } = chain.head();
    const id = accessId(access, clinic.info.nodeKey);
    const proven = chain.proveState(stateKey.access(id));
    const job = { kind: 'access', genesis, id, proven } as const;
    const { handovers } = chain;

    expect(run({ job, handovers: [] }).access).toMatchObject({ ok: false });
    expect(run({ job, handovers }).access).toEqual(expect.objectContaining({ ok: true, height, certifiedHeight: height + 1 }));
    const entry = { ...decodeCanonical(f.AccessEntry, proven.value!), organisation: 'hospital-a' };
    const renamed = { ...proven, value: encode(f.AccessEntry, entry) };
    expect(run({ job: { ...job, proven: renamed }, handovers }).access).toMatchObject({ ok: false });
    const otherBlock = { ...proven, block: blocks[3]! };
    expect(run({ job: { ...job, proven: otherBlock }, handovers }).access).toMatchObject({ ok: false });
    const none = accessId({ ...access, nonce: new Uint8Array(16).fill(1) }, clinic.info.nodeKey);
    const absent = chain.proveState(stateKey.access(none));
    expect(run({ job: { ...job, id: none, proven: absent }, handovers }).access).toMatchObject({ ok: false, reason: 'there is no such event' });
  });
});

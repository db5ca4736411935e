/** The page's side of checking: what it asks its node for, and when. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { accessId, encode, grantIdOf, hash, publicKey, scopeCommitment, signTransaction, stateKey } from '../crypto';
import * as f from '../crypto/formats';
import { MockChain, mockOrganisation } from '../testing/chain';
import { check, checkWith, handoversBefore, type Source } from './client';
import type { AccessJob, Work } from './messages';
import { run } from './run';

/** Does at once what the real one does elsewhere. */
class HereWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  postMessage({ id, work }: { id: number; work: Work }): void {
    this.onmessage?.({ data: { id, answer: run(structuredClone(work)) } });
  }
}

let chain: MockChain;
const asked: string[] = [];

beforeAll(async () => {
  vi.stubGlobal('Worker', HereWorker);
  vi.stubGlobal('window', {});
  chain = await MockChain.start(1_700_000_000_000);
});

/** An access by an organisation, as the page hands it over for checking. */
function accessBy(organisation: string, nonce: number): AccessJob {
  const oneTime = hash('one-time', new Uint8Array([nonce]));
  const [grant, scopeSalt] = [grantIdOf(publicKey(oneTime)), hash('salt')];
  const scope = scopeCommitment(organisation, 'treatment', scopeSalt);
  chain.submit(signTransaction(chain.id, oneTime, 1_000, { kind: 'Grant', terms: hash('terms'), scope, expiryMs: Date.now() + 60_000 }));
  const { seed, info } = chain.organisation(organisation);
  const access: f.AccessAction = { kind: 'Access', grant, scopeSalt, purpose: 'treatment', versionsRoot: hash('versions'), count: 3, practitioner: hash('dr'), nonce: new Uint8Array(16) };
  chain.submit(signTransaction(chain.id, seed, 1_000, access));
  const id = accessId(access, info.nodeKey);
  return { kind: 'access', genesis: encode(f.Genesis, chain.genesis), id, proven: chain.proveState(stateKey.access(id)) };
}

describe('the page', () => {
  it('asks for handovers when a block is of a later epoch, and then no more', async () => {
    const node: Source = { handovers: async () => (asked.push('handovers'), chain.handovers) };
    const early = accessBy('insurer', 1);
    expect((await check(early)).access).toMatchObject({ ok: true });
    const clinic = await mockOrganisation({ id: 'clinic', name: 'Clinic', class: 'provider', custodian: false });
    chain.organisations.push(clinic);
    chain.endEpoch(chain.organisations.slice(1));
    const late = accessBy('clinic', 2);
    expect((await check(late)).access, 'nobody to ask').toMatchObject({ ok: false });
    checkWith(node);
    checkWith(node);
    expect((await check(early)).access).toMatchObject({ ok: true });
    expect(asked).toEqual([]);
    expect((await check(late)).access).toMatchObject({ ok: true });
    expect((await check(accessBy('hospital-b', 3))).access).toMatchObject({ ok: true });
    expect(asked).toEqual(['handovers']);
    expect(await handoversBefore(late.proven.block)).toEqual(chain.handovers);
    expect(await handoversBefore(early.proven.block)).toEqual([]);
  });
  it('fails a check whose handovers cannot be had, rather than giving a verdict', async () => {
    checkWith({ handovers: () => Promise.reject(new Error('offline')) });
    await expect(check(accessBy('clinic', 4))).rejects.toThrow('offline');
  });
});

/** Requests that rely on a mandate: what somebody who acts for a person asks of organisations, through the relay. */
import { ledger, relay, submitAndWait } from '../../api/ledger';
import { decodeCanonical, encode, label, merkleRootOf, namespace, randomBytes, sign, signTransaction, stateKey, toHex, type Bytes } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, openEnvelope } from '../../crypto/hpke';
import type { Network } from '../../verify/network';
import type { OpenCompartment } from './directory';
import type { ProxyPair } from './keys';
import { nodeKeyOf, type Asker } from './requests';

/** How long an act may wait to be taken up, in blocks. */
const VALID_BLOCKS = 2_000;

export interface Mandated {
  network: Network;
  mandate: f.SignedMandate;
  keys: ProxyPair;
}

async function ask({ mandate, keys }: Mandated, audience: string, what: f.PatientAsk, act: number | null = null, versions: Bytes[] = [], signal?: AbortSignal) {
  const body: f.ProxyRequestBody = { audience, ask: what, mandate, act, timeMs: Date.now(), nonce: randomBytes(16), versions };
  const signature = sign(keys.seed, namespace.proxyRequest, encode(f.ProxyRequestBody, body));
  return relay.proxy(audience, { body, signature }, signal);
}

/** Puts an act on the ledger; its number. Who uses two devices at once tries again. */
export async function act({ network, mandate, keys }: Mandated, what: f.Act): Promise<number> {
  const { appointment } = mandate.mandate;
  const entry = await ledger.state(f.AppointmentEntry, stateKey.appointment(appointment));
  const number = entry?.acts ?? 0;
  const head = await ledger.head();
  const action: f.Action = { kind: 'ProxyAct', appointment, number, act: what };
  await submitAndWait(signTransaction(network.id, keys.seed, head.height + VALID_BLOCKS, action));
  return number;
}

/** What the source gives of keys, freshly, while the appointment stands; by compartment in hex. */
async function compartments(mandated: Mandated, signal?: AbortSignal): Promise<Map<string, OpenCompartment>> {
  const { network, mandate, keys } = mandated;
  const { source } = mandate.mandate;
  const answer = decodeCanonical(f.SealedEnvelope, await ask(mandated, source, 'directory', null, [], signal));
  const opened = await openEnvelope(keys.kem, hpkeInfo(label.hpkeProxyKeys, network.id), answer, nodeKeyOf(network, source));
  const all = new Map<string, OpenCompartment>();
  for (const one of decodeCanonical(f.ProxyKeys, opened).keys) {
    const { compartment: id, epoch, category, key } = one;
    all.set(toHex(id), { id, source, epoch, predecessor: one.predecessor && toHex(one.predecessor), category, key });
  }
  return all;
}

/** Asks as somebody who acts for a person: custodians release upon an entry on the ledger, over exactly what is asked for. */
export function askerOf(mandated: Mandated): Asker {
  const { network, keys } = mandated;
  let number: number | null = null;
  return {
    whole: true,
    compartments: (_audiences, signal) => compartments(mandated, signal),
    versions: async (audience, signal) => decodeCanonical(f.VersionList, await ask(mandated, audience, 'versions', null, [], signal)).versions,
    before: async (versions) => {
      number = await act(mandated, { kind: 'ProxyRead', versionsRoot: merkleRootOf(versions), count: versions.length });
    },
    release: async (custodian, versions, packages, signal) => {
      const release = decodeCanonical(f.Release, await ask(mandated, custodian, packages ? 'release' : 'shares', number, versions, signal));
      const shares = await openEnvelope(keys.kem, hpkeInfo(label.hpkeRelease, network.id), release.shares, nodeKeyOf(network, custodian));
      return { shares: decodeCanonical(f.ReleasedShares, shares), versions: release.versions };
    },
  };
}

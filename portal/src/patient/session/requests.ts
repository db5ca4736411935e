/** Signed requests of the person's device to an organisation, through the relay. */
import { relay } from '../../api/ledger';
import { decodeCanonical, encode, label, namespace, randomBytes, sign, type Bytes } from '../../crypto';
import { hpkeInfo, openEnvelope } from '../../crypto/hpke';
import * as f from '../../crypto/formats';
import type { Network } from '../../verify/network';
import { PlainError } from '../../api/http';
import { openDirectory, type OpenCompartment } from './directory';
import type { PairwiseKeys } from './keys';

const NONE: Uint8Array<ArrayBuffer>[] = [];

async function ask(network: Network, audience: string, keys: PairwiseKeys, what: f.PatientAsk, versions = NONE, signal?: AbortSignal) {
  const body: f.PatientRequestBody = {
    network: network.id,
    audience,
    ask: what,
    patient: keys.publicKey,
    kemKey: keys.kem.publicKey,
    timeMs: Date.now(),
    nonce: randomBytes(16),
    versions,
  };
  const signature = sign(keys.seed, namespace.patientRequest, encode(f.PatientRequestBody, body));
  return relay.patient(audience, { body, signature }, signal);
}

export const nodeKeyOf = (network: Network, organisation: string): Uint8Array => {
  const known = network.byId.get(organisation);
  if (!known) throw new PlainError('This organisation is not part of the network.');
  return known.nodeKey;
};

export const askDirectory = async (network: Network, audience: string, keys: PairwiseKeys, signal?: AbortSignal) =>
  decodeCanonical(f.Directory, await ask(network, audience, keys, 'directory', NONE, signal));

export const askVersions = async (network: Network, audience: string, keys: PairwiseKeys, signal?: AbortSignal) =>
  decodeCanonical(f.VersionList, await ask(network, audience, keys, 'versions', NONE, signal)).versions;

export async function askRelease(
  network: Network,
  custodian: string,
  keys: PairwiseKeys,
  versions: Uint8Array<ArrayBuffer>[],
  packages: boolean,
  signal?: AbortSignal,
) {
  const answer = await ask(network, custodian, keys, packages ? 'release' : 'shares', versions, signal);
  const release = decodeCanonical(f.Release, answer);
  const info = hpkeInfo(label.hpkeRelease, network.id);
  const shares = await openEnvelope(keys.kem, info, release.shares, nodeKeyOf(network, custodian));
  return { shares: decodeCanonical(f.ReleasedShares, shares), versions: release.versions };
}

/** How somebody's own records at one source are asked for, or another person's. */
export interface Asker {
  /** Whether every request for a release names all that `before` was told. */
  whole: boolean;
  compartments(audiences: string[], signal?: AbortSignal): Promise<Map<string, OpenCompartment>>;
  versions(audience: string, signal?: AbortSignal): Promise<{ compartment: Bytes; version: Bytes }[]>;
  before(versions: Bytes[]): Promise<void>;
  release(custodian: string, versions: Bytes[], packages: boolean, signal?: AbortSignal): ReturnType<typeof askRelease>;
}

/** The source first, else any custodian: they hold the same signed statements. */
async function fromAny<T>(audiences: string[], one: (audience: string) => Promise<T>): Promise<T> {
  let last: unknown;
  for (const audience of audiences) {
    try {
      return await one(audience);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Asks as the person whose records they are. */
export const askerOf = (network: Network, keys: PairwiseKeys): Asker => ({
  whole: false,
  compartments: async (audiences, signal) => openDirectory(network, keys, [await fromAny(audiences, (id) => askDirectory(network, id, keys, signal))]),
  versions: (audience, signal) => askVersions(network, audience, keys, signal),
  before: async () => undefined,
  release: (custodian, versions, packages, signal) => askRelease(network, custodian, keys, versions, packages, signal),
});

export async function askAccessLog<T>(network: Network, organisation: string, keys: PairwiseKeys): Promise<T> {
  const answer = decodeCanonical(f.SealedEnvelope, await ask(network, organisation, keys, 'access-log'));
  const info = hpkeInfo(label.hpkeAccessLog, network.id);
  const opened = await openEnvelope(keys.kem, info, answer, nodeKeyOf(network, organisation));
  return JSON.parse(new TextDecoder().decode(opened)) as T;
}

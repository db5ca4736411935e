/** Who may certify, epoch by epoch: the validators of genesis, and those to whom they handed over. */
import { decodeCanonical, equal, headerDigest, networkId, toHex, type Bytes } from '../crypto';
import { Genesis, type Header, type Organisation } from '../crypto/formats';
import { ProofError } from './error';

/** Those who vote from an epoch on, until the next handover. */
export interface Term {
  firstEpoch: number;
  /** Least height of its blocks; 0 for the first term. */
  firstHeight: number;
  /** Node keys in ascending order, as certificates count them. */
  validators: Bytes[];
}

export interface Network {
  id: Bytes;
  name: string;
  /** Of genesis, as the maps below. */
  organisations: Organisation[];
  /** At least one, in ascending order; handovers add to it. */
  terms: Term[];
  /** Digests of blocks that are known to be final, by height. */
  known: Map<number, Bytes>;
  byKey: Map<string, Organisation>;
  byId: Map<string, Organisation>;
}

export const compareKeys = (a: Uint8Array, b: Uint8Array): number => {
  const [left, right] = [toHex(a), toHex(b)];
  return left < right ? -1 : Number(left > right);
};

export function readGenesis(bytes: Uint8Array): Network {
  const genesis = decodeCanonical(Genesis, bytes);
  const validators = genesis.organisations
    .filter((organisation) => organisation.validator)
    .map((organisation) => organisation.nodeKey)
    .sort(compareKeys);
  if (validators.length === 0) throw new Error('the network has no validators');
  return {
    id: networkId(genesis),
    name: genesis.name,
    organisations: genesis.organisations,
    terms: [{ firstEpoch: 0, firstHeight: 0, validators }],
    known: new Map(),
    byKey: new Map(genesis.organisations.map((organisation) => [toHex(organisation.nodeKey), organisation])),
    byId: new Map(genesis.organisations.map((organisation) => [organisation.id, organisation])),
  };
}

/** n - floor((n - 1) / 3): at least 2f + 1. */
export const quorum = (validators: number): number => validators - Math.floor((validators - 1) / 3);

/** Node keys of those who vote on a block with this header. */
export function votersOn(network: Network, header: Header): Bytes[] {
  const at = network.terms.findLastIndex((term) => term.firstEpoch <= header.epoch);
  const term = network.terms[at];
  const next = network.terms[at + 1];
  // Whoever was voted out may still sign, but no block after its last one.
  if (!term || header.height < term.firstHeight || (next && header.height >= next.firstHeight)) {
    throw new ProofError("the block's height and its epoch do not belong together");
  }
  return term.validators;
}

/** The header is of this network, and no other than a known one of its height. */
export function checkHeader(network: Network, header: Header): void {
  if (header.version !== 1 || !equal(header.network, network.id)) throw new ProofError('the header is of another network');
  const known = network.known.get(header.height);
  if (known && !equal(known, headerDigest(header))) throw new ProofError('another block is known at this height');
}

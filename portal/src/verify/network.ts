/** Who may certify: the validators of the genesis, in the order in which certificates name them. */
import { decodeCanonical, networkId, toHex, type Bytes } from '../crypto';
import { Genesis, type Organisation } from '../crypto/formats';

export interface Network {
  id: Bytes;
  name: string;
  organisations: Organisation[];
  /** Sorted by node key, ascending. */
  validators: Organisation[];
  byKey: Map<string, Organisation>;
  byId: Map<string, Organisation>;
}

const compare = (a: Uint8Array, b: Uint8Array): number => (toHex(a) < toHex(b) ? -1 : 1);

export function readGenesis(bytes: Uint8Array): Network {
  const genesis = decodeCanonical(Genesis, bytes);
  const validators = genesis.organisations
    .filter((organisation) => organisation.validator)
    .sort((a, b) => compare(a.nodeKey, b.nodeKey));
  if (validators.length === 0) throw new Error('the network has no validators');
  return {
    id: networkId(genesis),
    name: genesis.name,
    organisations: genesis.organisations,
    validators,
    byKey: new Map(genesis.organisations.map((organisation) => [toHex(organisation.nodeKey), organisation])),
    byId: new Map(genesis.organisations.map((organisation) => [organisation.id, organisation])),
  };
}

/** n - floor((n - 1) / 3): at least 2f + 1. */
export const quorum = (validators: number): number => validators - Math.floor((validators - 1) / 3);

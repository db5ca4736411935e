/** Access events, checked against certified blocks rather than taken from a node's word. */
import { accessId, equal, headerDigest, toHex, transactionIsSigned } from '../crypto';
import { encode } from '../crypto/codec';
import { Transaction, type AccessEntry, type Block, type CertifiedHeader } from '../crypto/formats';
import { leafHash, merkleRoot } from '../crypto/merkle';
import { verifyCertified, type Certified } from './certificate';
import { verifyAccessEntry } from './entries';
import { ProofError } from './error';
import type { Network } from './network';
import type { StateProof } from './state';

/** Genesis does not name the organisation that signed; {@link verifyAccess} needs the ledger's entry. */
export class UnnamedError extends ProofError {}

/** The block is the certified one and holds exactly these transactions. */
export function verifyBlock(network: Network, block: Block, certified: CertifiedHeader): Certified {
  const checked = verifyCertified(network, certified);
  if (!equal(headerDigest(block.header), headerDigest(checked.header))) throw new ProofError('the block is another one');
  const root = merkleRoot(block.transactions.map((transaction) => leafHash(encode(Transaction, transaction))));
  if (block.transactions.length !== checked.header.transactions || !equal(root, checked.header.transactionsRoot)) {
    throw new ProofError('the block does not hold these entries');
  }
  return checked;
}

/**
 * The access event is in the block, signed by the organisation that it names, under this grant. `proven` shows the
 * entry in the state: needed where genesis does not say whose key signed.
 */
export function verifyAccess(
  network: Network,
  entry: AccessEntry,
  id: Uint8Array,
  block: Block,
  certified: CertifiedHeader,
  proven?: StateProof,
): Certified {
  const checked = verifyBlock(network, block, certified);
  if (checked.header.height !== entry.height) throw new ProofError('the event is from another block');
  const found = block.transactions.find(
    ({ action, signer }) => action.kind === 'Access' && equal(accessId(action, signer), id),
  );
  if (!found || found.action.kind !== 'Access') throw new ProofError('the event is not in the block');
  const { action } = found;
  const same =
    transactionIsSigned(found) &&
    equal(action.grant, entry.grant) &&
    action.purpose === entry.purpose &&
    action.count === entry.count &&
    equal(action.practitioner, entry.practitioner);
  const name = network.byKey.get(toHex(found.signer))?.id ?? namedByLedger(network, id, proven);
  if (!same || name !== entry.organisation) throw new ProofError('the event is not what the block says');
  return checked;
}

function namedByLedger(network: Network, id: Uint8Array, proven: StateProof | undefined): string | undefined {
  if (!proven) throw new UnnamedError('it is not shown which organisation this is');
  return verifyAccessEntry(network, id, proven).entry?.organisation;
}

/** From one set of validators to the next: only by the certified word of those before. */
import { equal, headerDigest, validatorsHash } from '../crypto';
import type { Handover, Header } from '../crypto/formats';
import { verifyCertificate } from './certificate';
import { ProofError } from './error';
import { checkHeader, compareKeys, type Network } from './network';

/**
 * Learns of changes, in ascending order of their epochs. Those before what is known already say nothing new and are
 * passed over. Throws at the first that is refused; those before it stay learned.
 */
export function extend(network: Network, handovers: Handover[]): void {
  let before = -1;
  for (const handover of handovers) {
    const [header, ...others] = handover.block.headers;
    if (!header || others.length > 0) throw new ProofError('a handover shows the last block of an epoch, and no other');
    if (header.epoch <= before) throw new ProofError('the handovers are not in ascending order');
    before = header.epoch;
    if (header.epoch >= network.terms.at(-1)!.firstEpoch) handOver(network, header, handover);
  }
}

function handOver(network: Network, header: Header, { block, validators }: Handover): void {
  const ascending = validators.every((key, at) => at === 0 || compareKeys(validators[at - 1]!, key) < 0);
  if (validators.length === 0 || !ascending) throw new ProofError('there are no validators, or they are not in ascending order');
  if (!equal(validatorsHash(validators), header.nextValidators)) throw new ProofError('the block hands over to other validators');
  checkHeader(network, header);
  verifyCertificate(network, header, block.certificate);
  network.terms.push({ firstEpoch: header.epoch + 1, firstHeight: header.height + 1, validators });
  network.known.set(header.height, headerDigest(header));
}

/** The handovers that a node tells of, asked for again when a block is of a later epoch than they were asked for. */
export class HandoverList {
  private list: Handover[] = [];
  private upTo = 0;
  private work: Promise<unknown> = Promise.resolve();

  constructor(private readonly ask: () => Promise<Handover[]>) {}

  /** All that come before an epoch, unverified; nothing is asked for epoch 0. */
  until(epoch: number): Promise<Handover[]> {
    const asked = this.work.then(async () => {
      if (epoch > this.upTo) {
        this.list = await this.ask();
        this.upTo = epoch;
      }
      return this.list;
    });
    this.work = asked.catch(() => undefined);
    return asked;
  }
}

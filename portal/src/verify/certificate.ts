/** Finality certificates, as `docs/protocol/certificates.md` describes them. */
import { equal, headerDigest, toHex, validatorsHash, verifySignature, type Bytes } from '../crypto';
import { Reader, varint } from '../crypto/codec';
import type { CertifiedHeader, Header } from '../crypto/formats';
import { concat, u64be } from '../crypto/bytes';
import { namespace } from '../crypto/sign';
import { ProofError } from './error';
import { checkHeader, quorum, votersOn, type Network } from './network';

export interface Certified {
  header: Header;
  /** Ids of the organisations that signed; node keys of those that genesis does not name. */
  signers: string[];
}

interface Certificate {
  epoch: number;
  view: number;
  parentView: number;
  digest: Bytes;
  signers: number[];
  signatures: Bytes[];
}

export function decodeCertificate(bytes: Uint8Array, validators: number): Certificate {
  const from = new Reader(bytes);
  const [epoch, view, parentView] = [from.varint(), from.varint(), from.varint()];
  const digest = from.take(32);
  if (!equal(from.take(8), u64be(validators))) throw new ProofError('the certificate is for another set of organisations');
  const bitmap = from.take(Math.ceil(validators / 8));
  const signers: number[] = [];
  for (let at = 0; at < bitmap.length * 8; at++) {
    if ((bitmap[at >> 3]! >> (at & 7)) & 1) signers.push(at);
  }
  if (signers.some((at) => at >= validators)) throw new ProofError('the certificate names an organisation that is not there');
  if (from.varint() !== signers.length) throw new ProofError('the certificate counts its signatures wrongly');
  const signatures = signers.map(() => from.take(64));
  if (!from.done) throw new ProofError('bytes are left over after the certificate');
  return { epoch, view, parentView, digest, signers, signatures };
}

export function certificateMessage(round: { epoch: number; view: number; parentView: number }, digest: Uint8Array): Bytes {
  return concat(varint(round.epoch), varint(round.view), varint(round.parentView), digest);
}

export const finalizeNamespace = (network: Uint8Array): string =>
  `${namespace.consensus}/${toHex(network)}_FINALIZE`;

const endsEpoch = (header: Header): boolean => header.nextValidators.some((byte) => byte !== 0);

/** The next header follows, in a new epoch only if the one before names its validators. */
function checkLink(network: Network, before: Header, next: Header): void {
  const ends = endsEpoch(before);
  const follows =
    next.height === before.height + 1 && equal(next.parent, headerDigest(before)) && next.epoch === before.epoch + Number(ends);
  if (!follows) throw new ProofError('the headers do not follow one another');
  if (ends && !equal(validatorsHash(votersOn(network, next)), before.nextValidators)) {
    throw new ProofError("a handover is missing: the block's validators are not known");
  }
}

/** Checks the chain of headers up to the certified one, and its certificate; gives the first header. */
export function verifyCertified(network: Network, certified: CertifiedHeader): Certified {
  const [first, ...rest] = certified.headers;
  if (!first) throw new ProofError('there is no header');
  for (const header of certified.headers) checkHeader(network, header);
  let last = first;
  for (const next of rest) {
    checkLink(network, last, next);
    last = next;
  }
  return { header: first, signers: verifyCertificate(network, last, certified.certificate) };
}

/**
 * The round is that in which the block was made. The last block of an epoch is proposed again, on top of itself, until
 * the epoch ends, so that its certificate may be of a later round.
 */
function isOfRound(certificate: Certificate, header: Header): boolean {
  const { epoch, view, parentView } = certificate;
  const again = endsEpoch(header) && header.view <= parentView && parentView < view;
  return epoch === header.epoch && ((view === header.view && parentView === header.parentView) || again);
}

export function verifyCertificate(network: Network, header: Header, bytes: Uint8Array): string[] {
  const validators = votersOn(network, header);
  const certificate = decodeCertificate(bytes, validators.length);
  const digest = headerDigest(header);
  if (!equal(certificate.digest, digest) || !isOfRound(certificate, header)) throw new ProofError('the certificate is for another block');
  if (certificate.signers.length < quorum(validators.length)) throw new ProofError('too few organisations signed');
  const message = certificateMessage(certificate, digest);
  const space = finalizeNamespace(network.id);
  return certificate.signers.map((index, at) => {
    const key = validators[index]!;
    const name = network.byKey.get(toHex(key))?.id ?? toHex(key);
    if (!verifySignature(key, space, message, certificate.signatures[at]!)) {
      throw new ProofError(`the signature of ${name} does not verify`);
    }
    return name;
  });
}

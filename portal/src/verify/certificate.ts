/** Finality certificates, as `docs/protocol/certificates.md` describes them. */
import { equal, headerDigest, toHex, verifySignature, type Bytes } from '../crypto';
import { Reader, varint } from '../crypto/codec';
import type { CertifiedHeader, Header } from '../crypto/formats';
import { concat, u64be } from '../crypto/bytes';
import { namespace } from '../crypto/sign';
import { quorum, type Network } from './network';

/** Says which check failed. */
export class ProofError extends Error {}

export interface Certified {
  header: Header;
  /** Ids of the organisations that signed. */
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

export function certificateMessage(header: Header, digest: Uint8Array): Bytes {
  return concat(varint(header.epoch), varint(header.view), varint(header.parentView), digest);
}

export const finalizeNamespace = (network: Uint8Array): string =>
  `${namespace.consensus}/${toHex(network)}_FINALIZE`;

/** Checks the chain of headers up to the certified one, and its certificate; gives the first header. */
export function verifyCertified(network: Network, certified: CertifiedHeader): Certified {
  const [first, ...rest] = certified.headers;
  if (!first) throw new ProofError('there is no header');
  let last = first;
  for (const next of rest) {
    if (next.height !== last.height + 1 || !equal(next.parent, headerDigest(last))) {
      throw new ProofError('the headers do not follow one another');
    }
    last = next;
  }
  for (const header of certified.headers) {
    if (header.version !== 1 || !equal(header.network, network.id)) throw new ProofError('the header is of another network');
  }
  return { header: first, signers: verifyCertificate(network, last, certified.certificate) };
}

export function verifyCertificate(network: Network, header: Header, bytes: Uint8Array): string[] {
  const { validators } = network;
  const certificate = decodeCertificate(bytes, validators.length);
  const digest = headerDigest(header);
  const same =
    equal(certificate.digest, digest) &&
    certificate.epoch === header.epoch &&
    certificate.view === header.view &&
    certificate.parentView === header.parentView;
  if (!same) throw new ProofError('the certificate is for another block');
  if (certificate.signers.length < quorum(validators.length)) throw new ProofError('too few organisations signed');
  const message = certificateMessage(header, digest);
  const space = finalizeNamespace(network.id);
  return certificate.signers.map((index, at) => {
    const organisation = validators[index]!;
    if (!verifySignature(organisation.nodeKey, space, message, certificate.signatures[at]!)) {
      throw new ProofError(`the signature of ${organisation.id} does not verify`);
    }
    return organisation.id;
  });
}

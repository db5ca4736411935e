/** The mock's vault: seals with the real constructions, keeps shares of three custodians, answers patients' requests. */
import { addressOf, concat, decodeCanonical, derive, encode, equal, hash, keyCommitment, label, namespace, packageDigest, randomBytes, recordCommitment, sha256, sign, signTransaction, toHex, utf8, verifySignature, type Bytes } from '../crypto';
import { seal } from '../crypto/aead';
import * as f from '../crypto/formats';
import { hpkeInfo, linkSend, openEnvelope, sealEnvelope } from '../crypto/hpke';
import { leafHash, merkleRoot, prove } from '../crypto/merkle';
import { split, type Share } from '../crypto/shamir';
import type { MockChain } from './chain';
import type { MockPatient } from './data';

interface Sealed {
  compartment: Bytes;
  version: Bytes;
  released: f.ReleasedVersion;
  shares: Share[];
}
interface Compartment {
  id: Bytes;
  key: Bytes;
  category: f.Category;
}
/** One person's records at one source. */
export interface Holding {
  source: string;
  patient: MockPatient;
  compartments: Map<f.Category, Compartment>;
  sealed: Sealed[];
}
interface Enrolment {
  holding: Holding;
  patientKey: Bytes;
  kemKey: Bytes;
  link: f.PatientLink;
  linkKey: Bytes;
}

const CUSTODIANS = ['hospital-a', 'hospital-b', 'regulator'];
const EMPTY = new Uint8Array();

export class MockVault {
  readonly holdings: Holding[] = [];
  readonly enrolments = new Map<string, Enrolment>();
  private sequence = 0;
  constructor(private readonly chain: MockChain) {}

  async add(source: string, patient: MockPatient): Promise<Holding> {
    const holding: Holding = { source, patient, compartments: new Map(), sealed: [] };
    this.holdings.push(holding);
    for (let at = 0; at < patient.records.length; at += 256) await this.sealBatch(holding, patient.records.slice(at, at + 256));
    return holding;
  }

  async sealBatch(holding: Holding, records: MockPatient['records']): Promise<void> {
    const sequence = this.sequence++;
    const sealed: (Omit<Sealed, 'released'> & { commitment: Bytes; pack: f.SealedPackage })[] = [];
    for (const { category, resource } of records) {
      const compartment = holding.compartments.get(category) ?? { id: randomBytes(32), key: randomBytes(32), category };
      holding.compartments.set(category, compartment);
      const [version, salt, r] = [randomBytes(32), randomBytes(32), randomBytes(64)];
      const dek = derive(label.dataKey, compartment.key, salt, version);
      const header: f.PackageHeader = { suite: 1, compartment: compartment.id, epoch: 0, version, content: 'fhir', keyCommitment: keyCommitment(dek) };
      const plaintext = utf8(JSON.stringify(resource));
      const ciphertext = await seal(dek, encode(f.PackageHeader, header), concat(r, plaintext));
      const commitment = recordCommitment(r, packageDigest(header, sha256(ciphertext)), sha256(plaintext));
      sealed.push({ compartment: compartment.id, version, shares: split(salt, 2, 3), commitment, pack: { header, ciphertext } });
    }
    const sizeClass = sealed.length <= 64 ? 0 : 1;
    const size = 64 << (2 * sizeClass);
    const leaves = Array.from({ length: size }, (_, at) => leafHash(sealed[at]?.commitment ?? randomBytes(32)));
    const source = this.chain.organisation(holding.source);
    this.chain.submit(signTransaction(this.chain.id, source.seed, 1_000_000, { kind: 'Anchor', organisation: holding.source, batchRoot: merkleRoot(leaves), sequence, sizeClass }));
    sealed.forEach((one, at) => {
      const released = { package: one.pack, source: holding.source, sequence, path: prove(leaves, at) };
      holding.sealed.push({ compartment: one.compartment, version: one.version, shares: one.shares, released });
    });
  }

  async enrol(organisation: string, envelope: f.SealedEnvelope, invites: Map<string, Holding>): Promise<f.SealedEnvelope | null> {
    const { seed, kem } = this.chain.organisation(organisation);
    const opened = await openEnvelope(kem, hpkeInfo(label.hpkeEnrolmentRequest, this.chain.id), envelope, envelope.sender);
    const request = decodeCanonical(f.EnrolmentRequest, opened);
    const holding = invites.get(`${organisation}.${request.invite}`);
    const signed = verifySignature(request.patient, namespace.enrolment, encode(f.EnrolmentBody, request), request.signature);
    if (!holding || !signed || !equal(envelope.sender, request.patient)) return null;
    const link = await linkSend(request.kemKey, hpkeInfo(label.hpkePatientLink, this.chain.id));
    const body = { network: this.chain.id, source: organisation, owner: addressOf(request.patient), number: 0, encapsulation: link.enc };
    const patientLink = { ...body, signature: sign(seed, namespace.link, encode(f.PatientLinkBody, body)) };
    this.enrolments.set(toHex(request.patient), { holding, patientKey: request.patient, kemKey: request.kemKey, link: patientLink, linkKey: link.key });
    this.register(organisation, request.patient);
    const answer = { patient: holding.patient.id, name: holding.patient.name, directory: { links: [], compartments: [] } };
    return sealEnvelope(request.kemKey, hpkeInfo(label.hpkeEnrolmentAnswer, this.chain.id), encode(f.EnrolmentAnswer, answer), seed);
  }

  private register(organisation: string, key: Bytes): void {
    const { seed } = this.chain.organisation(organisation);
    this.chain.submit(signTransaction(this.chain.id, seed, 1_000_000, { kind: 'RegisterPatient', address: addressOf(key) }));
  }

  /** Another key in the place of one that is enrolled; repeated, nothing happens. */
  async rekey(old: Bytes, fresh: Bytes, kemKey: Bytes): Promise<boolean> {
    const known = this.enrolments.get(toHex(old));
    if (!known) return this.enrolments.has(toHex(fresh));
    const { holding } = known;
    const { seed } = this.chain.organisation(holding.source);
    const link = await linkSend(kemKey, hpkeInfo(label.hpkePatientLink, this.chain.id));
    const body = { network: this.chain.id, source: holding.source, owner: addressOf(fresh), number: 1, encapsulation: link.enc };
    const patientLink = { ...body, signature: sign(seed, namespace.link, encode(f.PatientLinkBody, body)) };
    this.register(holding.source, fresh);
    this.enrolments.delete(toHex(old));
    this.enrolments.set(toHex(fresh), { holding, patientKey: fresh, kemKey, link: patientLink, linkKey: link.key });
    return true;
  }

  private async directory({ holding, patientKey, link, linkKey }: Enrolment): Promise<f.Directory> {
    const { seed } = this.chain.organisation(holding.source);
    const compartments: f.CompartmentRecord[] = [];
    for (const compartment of holding.compartments.values()) {
      const content = concat(compartment.key, new Uint8Array([f.CATEGORY_CODES[compartment.category]]));
      const wrapped = await seal(derive(label.wrap, linkKey, EMPTY, compartment.id), compartment.id, content);
      const statement: f.CompartmentStatement = {
        network: this.chain.id, compartment: compartment.id, source: holding.source, epoch: 0, predecessor: null,
        owner: addressOf(patientKey), link: link.number, wrapped, revision: 1,
      };
      compartments.push({ statement, signature: sign(seed, namespace.compartment, encode(f.CompartmentStatement, statement)) });
    }
    return { links: [link], compartments };
  }

  /** `null` where the request is refused. */
  async answer(organisation: string, request: f.PatientRequest, log: (enrolment: Holding) => unknown): Promise<Bytes | null> {
    const { body, signature } = request;
    const enrolment = this.enrolments.get(toHex(body.patient));
    const signed = verifySignature(body.patient, namespace.patientRequest, encode(f.PatientRequestBody, body), signature);
    if (!enrolment || !signed || body.audience !== organisation || !equal(body.network, this.chain.id)) return null;
    const { holding } = enrolment;
    if (body.ask === 'directory') return encode(f.Directory, await this.directory(enrolment));
    if (body.ask === 'versions') return encode(f.VersionList, { versions: holding.sealed.map(({ compartment, version }) => ({ compartment, version })) });
    const { seed } = this.chain.organisation(organisation);
    if (body.ask === 'access-log') {
      const info = hpkeInfo(label.hpkeAccessLog, this.chain.id);
      return encode(f.SealedEnvelope, await sealEnvelope(body.kemKey, info, utf8(JSON.stringify(log(holding))), seed));
    }
    const wanted = new Set(body.versions.map(toHex));
    return this.release(organisation, holding.sealed.filter((one) => wanted.has(toHex(one.version))), body.kemKey, body.ask === 'release');
  }

  /** Shares of versions, sealed to a key, and packages if they are asked for. */
  async release(organisation: string, wanted: Sealed[], kemKey: Bytes, packages: boolean): Promise<Bytes> {
    const at = CUSTODIANS.indexOf(organisation);
    const found = at < 0 ? [] : wanted;
    const shares = found.map((one) => ({ version: one.version, index: one.shares[at]!.index, value: one.shares[at]!.value as Bytes }));
    const info = hpkeInfo(label.hpkeRelease, this.chain.id);
    const sealed = await sealEnvelope(kemKey, info, encode(f.ReleasedShares, shares), this.chain.organisation(organisation).seed);
    return encode(f.Release, { shares: sealed, versions: packages ? found.map((one) => one.released) : [] });
  }

  /** A key that an organisation keeps for somebody without a device. */
  keep(holding: Holding, owner: Bytes): void {
    const none = new Uint8Array();
    const link = { network: this.chain.id, source: holding.source, owner: addressOf(owner), number: 0, encapsulation: none, signature: none };
    this.enrolments.set(toHex(owner), { holding, patientKey: owner, kemKey: none, link, linkKey: none });
  }

  /** Opens a letter about rights and seals what `carryOut` says; `null` where it is not the person's. */
  async caseLetter(organisation: string, envelope: f.SealedEnvelope, carryOut: (holding: Holding, ask: unknown) => unknown): Promise<f.SealedEnvelope | null> {
    const { seed, kem } = this.chain.organisation(organisation);
    const opened = await openEnvelope(kem, hpkeInfo(label.hpkeCaseLetter, this.chain.id), envelope, envelope.sender);
    const letter = decodeCanonical(f.CaseLetter, opened);
    const enrolment = this.enrolments.get(toHex(letter.patient));
    const signed = verifySignature(letter.patient, namespace.case, encode(f.CaseLetterBody, letter), letter.signature);
    if (!enrolment || !signed || letter.organisation !== organisation || !equal(envelope.sender, letter.patient)) return null;
    const document = utf8(JSON.stringify(carryOut(enrolment.holding, JSON.parse(letter.text))));
    return sealEnvelope(letter.kemKey, hpkeInfo(label.hpkeCaseAnswer, this.chain.id), document, seed);
  }

  /** The holding at another organisation that belongs to the same person as a letter's owner. */
  ownerOf = (address: Uint8Array): Holding | undefined =>
    [...this.enrolments.values()].find((one) => equal(addressOf(one.patientKey), address))?.holding;
}

export const mockSeed = (text: string): Bytes => hash('mock/seed', utf8(text));

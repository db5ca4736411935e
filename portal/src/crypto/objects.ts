/** Ids, commitments and state keys: what the tagged hashes of `crates/types` are made of. */
import { concat, equal, u32be, u64be, utf8, type Bytes } from './bytes';
import { encode } from './codec';
import * as f from './formats';
import { hash } from './hash';
import { publicKey, sign, verifySignature, namespace } from './sign';

export const networkId = (genesis: f.Genesis): Bytes => hash('salus/network/v1', encode(f.Genesis, genesis));
export const addressOf = (key: Uint8Array): Bytes => hash('salus/address/v1', key);
export const grantIdOf = (oneTimeKey: Uint8Array): Bytes => hash('salus/grant/v1', oneTimeKey);
/** That somebody may act for a person at one source, named after the key that appoints and ends it. */
export const appointmentIdOf = (oneTimeKey: Uint8Array): Bytes => hash('salus/appointment/v1', oneTimeKey);
export const mandateCommitment = (mandate: f.Mandate): Bytes => hash('salus/mandate/v1', encode(f.Mandate, mandate));
/** The grant that an act makes. */
export const proxyGrant = (appointment: Uint8Array, number: number): Bytes => hash('salus/proxy-grant/v1', appointment, u32be(number));
/** A recovery at one organisation, named after the key that cancels it. */
export const recoveryIdOf = (cancelKey: Uint8Array): Bytes => hash('salus/recovery/v1', cancelKey);
/** Commits to the key of the one device that gets a share. */
export const recoveryDevice = (kemPublicKey: Uint8Array): Bytes => hash('salus/recovery-device/v1', kemPublicKey);
export const headerDigest = (header: f.Header): Bytes => hash('salus/header/v1', encode(f.Header, header));
export const transactionId = (tx: f.Transaction): Bytes => hash('salus/transaction-id/v1', encode(f.Transaction, tx));
export const termsCommitment = (terms: f.Terms, salt: Uint8Array): Bytes =>
  hash('salus/terms/v1', salt, encode(f.Terms, terms));
export const scopeCommitment = (grantee: string, purpose: f.Purpose, salt: Uint8Array): Bytes =>
  hash('salus/scope/v1', utf8(grantee), new Uint8Array([f.PURPOSE_CODES[purpose]]), salt);
export const credentialCommitment = (credential: f.PractitionerCredential): Bytes =>
  hash('salus/practitioner/v1', encode(f.PractitionerCredential, credential));
export const accessId = (action: f.AccessAction, signer: Uint8Array): Bytes =>
  hash('salus/access/v1', signer, encode(f.AccessBody, action));
export const emergencyId = (action: f.BreakGlassAction): Bytes => hash('salus/emergency/v1', encode(f.BreakGlassBody, action));
/** Whose summary an emergency is about; opened to its holders, its source and the patient. */
export const emergencyTarget = (salt: Uint8Array, source: string, compartment: Uint8Array): Bytes =>
  hash('salus/emergency-target/v1', salt, utf8(source), compartment);
export const wordsCommitment = (salt: Uint8Array, words: string): Bytes => hash('salus/emergency-words/v1', salt, utf8(words));
export const proposalId = (action: f.ProposeAction): Bytes => hash('salus/proposal/v1', encode(f.ProposeBody, action));
/** What the last header of an epoch says of the next one's validators; their node keys are in ascending order. */
export const validatorsHash = (keys: Uint8Array[]): Bytes => hash('salus/validators/v1', concat(...keys));
export const recordCommitment = (r: Uint8Array, packageDigest: Uint8Array, plaintextDigest: Uint8Array): Bytes =>
  hash('salus/record/v1', r, packageDigest, plaintextDigest);
/** Binds a header and a ciphertext, of which the digest is enough: a proof shows the header alone. */
export const packageDigest = (header: f.PackageHeader, ciphertextDigest: Uint8Array): Bytes =>
  hash('salus/package/v1', encode(f.PackageHeader, header), ciphertextDigest);

/** Leaves of a batch of a size class. */
export const batchSize = (sizeClass: number): number | undefined =>
  sizeClass <= 3 ? 64 << (2 * sizeClass) : undefined;

/** The state's keys (`state.rs`); no key is built elsewhere. */
export const stateKey = {
  organisation: (nodeKey: Uint8Array) => hash('salus/state/organisation/v1', nodeKey),
  parameters: () => hash('salus/state/parameters/v1'),
  roster: (page: number) => hash('salus/state/roster/v1', new Uint8Array([page])),
  proposals: () => hash('salus/state/proposals/v1'),
  proposal: (proposal: Uint8Array) => hash('salus/state/proposal/v1', proposal),
  proposalOfNumber: (number: number) => hash('salus/state/proposal-of-number/v1', u64be(number)),
  patient: (address: Uint8Array) => hash('salus/state/patient/v1', address),
  grant: (grant: Uint8Array) => hash('salus/state/grant/v1', grant),
  access: (access: Uint8Array) => hash('salus/state/access/v1', access),
  accessOfGrant: (grant: Uint8Array, number: number) => hash('salus/state/access-of-grant/v1', grant, u32be(number)),
  anchor: (organisation: string, sequence: number) => hash('salus/state/anchor/v1', utf8(organisation), u64be(sequence)),
  emergency: (event: Uint8Array) => hash('salus/state/emergency/v1', event),
  review: (event: Uint8Array) => hash('salus/state/review/v1', event),
  recovery: (recovery: Uint8Array, number: number) => hash('salus/state/recovery/v1', recovery, u32be(number)),
  appointment: (appointment: Uint8Array) => hash('salus/state/appointment/v1', appointment),
  act: (appointment: Uint8Array, number: number) => hash('salus/state/act/v1', appointment, u32be(number)),
  dropped: (grant: Uint8Array, organisation: string) => hash('salus/state/dropped/v1', grant, utf8(organisation)),
};

export function consentTo(terms: f.Terms, pairwiseSeed: Uint8Array): f.Consent {
  return { key: publicKey(pairwiseSeed), signature: sign(pairwiseSeed, namespace.consent, encode(f.Terms, terms)), mandate: null };
}

/** The same, by somebody who acts for the person. */
export const consentFor = (terms: f.Terms, proxySeed: Uint8Array, mandate: f.SignedMandate): f.Consent => ({ ...consentTo(terms, proxySeed), mandate });

export const signMandate = (mandate: f.Mandate, pairwiseSeed: Uint8Array): f.SignedMandate => ({
  mandate,
  key: publicKey(pairwiseSeed),
  signature: sign(pairwiseSeed, namespace.mandate, encode(f.Mandate, mandate)),
});

export const mandateIsSigned = ({ mandate, key, signature }: f.SignedMandate): boolean =>
  equal(addressOf(key), mandate.owner) && verifySignature(key, namespace.mandate, encode(f.Mandate, mandate), signature);

export function consentIsByOwner(terms: f.Terms, consent: f.Consent): boolean {
  if (!verifySignature(consent.key, namespace.consent, encode(f.Terms, terms), consent.signature)) return false;
  if (!consent.mandate) return equal(addressOf(consent.key), terms.owner);
  const { mandate } = consent.mandate;
  return mandateIsSigned(consent.mandate) && equal(mandate.proxy, consent.key) && mandate.shares && mandate.source === terms.source && equal(mandate.owner, terms.owner) && terms.expiryMs <= mandate.expiryMs;
}

const acceptanceMessage = (network: Uint8Array, organisation: f.Organisation): Bytes => concat(network, encode(f.Organisation, organisation));

/** Signs that an organisation wants to be a member as described. */
export const accept = (network: Uint8Array, organisation: f.Organisation, nodeSeed: Uint8Array): Bytes =>
  sign(nodeSeed, namespace.membership, acceptanceMessage(network, organisation));

export const accepts = (network: Uint8Array, organisation: f.Organisation, acceptance: Uint8Array): boolean =>
  verifySignature(organisation.nodeKey, namespace.membership, acceptanceMessage(network, organisation), acceptance);

export function signTransaction(network: Uint8Array, seed: Uint8Array, validUntil: number, action: f.Action): f.Transaction {
  const body = { network: concat(network), signer: publicKey(seed), validUntil, action };
  return { ...body, signature: sign(seed, namespace.transaction, encode(f.TransactionBody, body)) };
}

export const transactionIsSigned = (tx: f.Transaction): boolean =>
  verifySignature(tx.signer, namespace.transaction, encode(f.TransactionBody, tx), tx.signature);

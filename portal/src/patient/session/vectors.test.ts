/** The device's side of the protocol against the Rust vault's vectors, byte for byte. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { consentIsByOwner, decodeCanonical, derive, encode, fromHex, grantIdOf, label, namespace, recordCommitment, packageDigest, scopeCommitment, sha256, termsCommitment, toHex, transactionIsSigned, utf8, verifySignature } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, kemKey, openEnvelope } from '../../crypto/hpke';
import { leafHash, verifyInclusion } from '../../crypto/merkle';
import type { Share } from '../../crypto/shamir';
import type { Network } from '../../verify/network';
import { openDirectory } from './directory';
import { grantKeys, pairwiseKeys } from './keys';
import { cancelSeed, recoveryOf, rootLocator } from './recovery';
import { unseal } from './unseal';

interface Vectors {
  root: string; network: string; source: string; sourceNodeKey: string; sourceKemSeed: string; granteeKemSeed: string;
  pairwiseSeed: string; pairwisePublic: string; kemSeed: string; kemPublicSha256: string; address: string; cacheKey: string; profileKey: string;
  recoverySeed: string; recovery: string; recoveryLocator: string;
  grant: string; grantCounter: number; grantSeed: string; grantTransaction: string; revokeTransaction: string;
  terms: string; termsSalt: string; termsCommitment: string; scopeSalt: string; scopeCommitment: string; letter: string; notice: string;
  directory: string; labsCompartment: string; labsKey: string; request: string; versionList: string; text: string;
  releases: { custodian: string; nodeKey: string; release: string }[]; anchorRoot: string; anchorSizeClass: number;
}

const file = new URL('../../../../crates/vault/testdata/patient-vectors.json', import.meta.url);
const present = existsSync(file);
if (!present) console.log('SKIPPED: crates/vault/testdata/patient-vectors.json is absent');

describe.runIf(present)('the vectors of the vault', () => {
  const v = present ? (JSON.parse(readFileSync(file, 'utf8')) as Vectors) : ({} as Vectors);
  const network = () => ({ id: fromHex(v.network), byId: new Map([[v.source, { nodeKey: fromHex(v.sourceNodeKey) }]]) }) as unknown as Network;
  const keys = () => pairwiseKeys(fromHex(v.root), v.source);

  it('derive the same keys from a root', async () => {
    const pairwise = await keys();
    expect(toHex(pairwise.seed)).toBe(v.pairwiseSeed);
    expect(toHex(pairwise.publicKey)).toBe(v.pairwisePublic);
    expect(toHex(pairwise.address)).toBe(v.address);
    expect(toHex(sha256(pairwise.kem.publicKey))).toBe(v.kemPublicSha256);
    expect(toHex(derive(label.patientCache, fromHex(v.root)))).toBe(v.cacheKey);
    expect(toHex(derive(label.patientProfile, fromHex(v.root)))).toBe(v.profileKey);
    const at = [fromHex(v.root), v.source, v.grantCounter] as const;
    expect([toHex(cancelSeed(...at)), toHex(recoveryOf(...at)), rootLocator(at[0])]).toEqual([v.recoverySeed, v.recovery, v.recoveryLocator]);
    const grant = grantKeys(fromHex(v.root), v.source, v.grantCounter);
    expect([grant.seed, grant.termsSalt, grant.scopeSalt, grantIdOf(grant.publicKey)].map(toHex)).toEqual([v.grantSeed, v.termsSalt, v.scopeSalt, v.grant]);
  });

  it('open a directory, releases and a record, and find its place', async () => {
    const pairwise = await keys();
    const compartments = await openDirectory(network(), pairwise, [decodeCanonical(f.Directory, fromHex(v.directory))]);
    const labs = compartments.get(v.labsCompartment)!;
    expect([labs.category, toHex(labs.key)]).toEqual(['labs', v.labsKey]);
    const shares: Share[] = [];
    const versions: f.ReleasedVersion[] = [];
    for (const one of v.releases) {
      const release = decodeCanonical(f.Release, fromHex(one.release));
      const opened = await openEnvelope(pairwise.kem, hpkeInfo(label.hpkeRelease, network().id), release.shares, fromHex(one.nodeKey));
      shares.push(...decodeCanonical(f.ReleasedShares, opened));
      versions.push(...release.versions);
    }
    const listed = decodeCanonical(f.VersionList, fromHex(v.versionList)).versions.map((one) => toHex(one.version));
    const released = versions.find((one) => toHex(one.package.header.compartment) === v.labsCompartment)!;
    const id = toHex(released.package.header.version);
    expect(listed).toContain(id);
    const opened = await unseal(released.package, labs, shares.filter((share) => toHex((share as Share & { version: Uint8Array }).version) === id));
    expect(opened.text).toBe(v.text);
    const commitment = recordCommitment(opened.r, packageDigest(released.package.header, opened.ciphertextDigest), opened.plaintextDigest);
    expect(verifyInclusion(released.path, leafHash(commitment), fromHex(v.anchorRoot))).toBe(true);
  });

  it('commit to terms and sign as the device does', async () => {
    const terms = decodeCanonical(f.Terms, fromHex(v.terms));
    expect(toHex(termsCommitment(terms, fromHex(v.termsSalt)))).toBe(v.termsCommitment);
    expect(toHex(scopeCommitment(terms.grantee, terms.purpose, terms.scopeSalt))).toBe(v.scopeCommitment);
    for (const bytes of [v.grantTransaction, v.revokeTransaction]) expect(transactionIsSigned(decodeCanonical(f.Transaction, fromHex(bytes)))).toBe(true);
    const { body, signature } = decodeCanonical(f.PatientRequest, fromHex(v.request));
    expect(verifySignature(body.patient, namespace.patientRequest, encode(f.PatientRequestBody, body), signature)).toBe(true);
    const open = async (seed: string, use: string, bytes: string) => {
      const envelope = decodeCanonical(f.SealedEnvelope, fromHex(bytes));
      return openEnvelope(await kemKey(fromHex(seed)), hpkeInfo(use, network().id), envelope, envelope.sender);
    };
    const letter = decodeCanonical(f.Letter, await open(v.granteeKemSeed, label.hpkeLetter, v.letter));
    const notice = decodeCanonical(f.SourceNotice, await open(v.sourceKemSeed, label.hpkeSourceNotice, v.notice));
    expect(consentIsByOwner(letter.terms, letter.consent) && consentIsByOwner(notice.terms, notice.consent)).toBe(true);
    expect(utf8(v.text).length).toBeGreaterThan(0);
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, decodeCanonical, encode, fromHex, headerDigest, packageDigest, publicKey, recordCommitment, sha256, signTransaction, toHex, utf8 } from '../crypto';
import * as f from '../crypto/formats';
import { leafHash, merkleRoot, prove } from '../crypto/merkle';
import { MockChain } from '../testing/chain';
import { verifyCertificate, verifyCertified } from './certificate';
import { verifyBlock } from './events';
import { compareKeys, quorum, readGenesis, type Network } from './network';
import { proofOfJson, proofToJson, verifyRecordProof } from './record';

let chain: MockChain;
let network: Network;
let proof: f.RecordProof;
const text = '{"resourceType":"Observation"}';

beforeAll(async () => {
  chain = await MockChain.start(1_700_000_000_000);
  network = readGenesis(encode(f.Genesis, chain.genesis));
  const header: f.PackageHeader = { suite: 1, compartment: new Uint8Array(32), epoch: 0, version: new Uint8Array(32).fill(1), content: 'fhir', keyCommitment: new Uint8Array(32) };
  const evidence = { r: new Uint8Array(64).fill(7), ciphertextDigest: sha256(utf8('ciphertext')), plaintextDigest: sha256(utf8(text)) };
  const leaves = Array.from({ length: 64 }, (_, at) => leafHash(at === 5 ? recordCommitment(evidence.r, packageDigest(header, evidence.ciphertextDigest), evidence.plaintextDigest) : new Uint8Array(32).fill(at)));
  const action = { kind: 'Anchor', organisation: 'hospital-a', batchRoot: merkleRoot(leaves), sequence: 3, sizeClass: 0 } as const;
  const id = chain.submit(signTransaction(chain.id, chain.organisation('hospital-a').seed, 1_000, action));
  proof = { package: header, ...evidence, batchPath: prove(leaves, 5), anchor: chain.proof(id)! };
});

describe('a record proof', () => {
  it('holds for the record, in its binary and its JSON form', () => {
    expect(verifyRecordProof(network, proof, text)).toMatchObject({ organisation: 'hospital-a', sequence: 3 });
    const again = proofOfJson(JSON.parse(JSON.stringify(proofToJson(proof, text))));
    expect(verifyRecordProof(network, again.proof, again.resource).signers).toHaveLength(3);
  });
  it('fails for every changed byte', () => {
    const bytes = encode(f.RecordProof, proof);
    for (let at = 0; at < bytes.length; at += 7) {
      const bad = bytes.slice();
      bad[at]! ^= 1;
      expect(() => verifyRecordProof(network, decodeCanonical(f.RecordProof, bad), text), `byte ${at}`).toThrow();
    }
  });
  it('fails for another text and for an anchor that another organisation signed', () => {
    expect(() => verifyRecordProof(network, proof, `${text} `)).toThrow('not the one that was sealed');
    const { action } = proof.anchor.transaction;
    const forged = signTransaction(chain.id, chain.organisation('insurer').seed, 1_000, action);
    const id = chain.submit(forged);
    expect(() => verifyRecordProof(network, { ...proof, anchor: chain.proof(id)! }, text)).toThrow('not signed by its organisation');
  });
});

describe('a certificate', () => {
  it('needs three of four, and signatures of those whom it names', () => {
    expect([1, 4, 7, 10].map(quorum)).toEqual([1, 3, 5, 7]);
    const { block, certified } = chain.blocks[1]!;
    expect(verifyCertified(network, certified).signers).toHaveLength(3);
    const two = concat(certified.certificate.slice(0, -(3 * 64 + 2)), new Uint8Array([0b0011, 2]), certified.certificate.slice(-3 * 64, -64));
    expect(() => verifyCertificate(network, block.header, two)).toThrow('too few');
    const moved = certified.certificate.slice();
    moved[moved.length - 3 * 64 - 2] = 0b1011;
    expect(() => verifyCertificate(network, block.header, moved)).toThrow('does not verify');
    expect(() => verifyCertificate(network, { ...block.header, view: 99 }, certified.certificate)).toThrow('another block');
    expect(() => verifyCertificate(network, block.header, concat(certified.certificate, new Uint8Array(1)))).toThrow('left over');
  });
  it('may stand a few headers later, if they follow one another', () => {
    chain.idle();
    const [one, two] = chain.blocks.slice(-2) as [(typeof chain.blocks)[0], (typeof chain.blocks)[0]];
    // The mock leaves views out of step on purpose: only parent and height make the chain.
    const joined = { headers: [one.block.header, two.block.header], certificate: two.certified.certificate };
    expect(verifyCertified(network, joined).header.height).toBe(one.block.header.height);
    expect(() => verifyCertified(network, { ...joined, headers: [two.block.header, two.block.header] })).toThrow('do not follow');
  });
  it('does not carry a block with other entries', () => {
    const { block, certified } = chain.blocks[1]!;
    expect(verifyBlock(network, block, certified).header.height).toBe(1);
    expect(() => verifyBlock(network, { ...block, transactions: [] }, certified)).toThrow();
  });
  it('is the one that a node makes', () => {
    const file = new URL('../../../crates/node/testdata/certificate.json', import.meta.url);
    if (!existsSync(file)) return console.log('SKIPPED: crates/node/testdata/certificate.json is absent');
    const v = JSON.parse(readFileSync(file, 'utf8')) as { certificate: string; header: string; header_digest: string; network: string; validators: string[] };
    const header = decodeCanonical(f.Header, fromHex(v.header));
    expect(fromHex(v.header)).toHaveLength(317);
    expect(toHex(headerDigest(header))).toBe(v.header_digest);
    const validators = v.validators.map(fromHex).sort(compareKeys);
    const theirs = { ...network, id: fromHex(v.network), terms: [{ firstEpoch: 0, firstHeight: 0, validators }] };
    expect(verifyCertificate(theirs, header, fromHex(v.certificate))).toHaveLength(3);
    expect(publicKey(new Uint8Array(32))).toHaveLength(32);
  });
});

/** Compartments and their keys, from what sources and custodians state; unsigned statements are dropped. */
import { derive, encode, equal, label, namespace, toHex, verifySignature, type Bytes } from '../../crypto';
import { open } from '../../crypto/aead';
import { hpkeInfo, linkReceive } from '../../crypto/hpke';
import * as f from '../../crypto/formats';
import type { Network } from '../../verify/network';
import type { PairwiseKeys } from './keys';

export interface OpenCompartment {
  id: Bytes;
  source: string;
  epoch: number;
  predecessor: string | null;
  category: f.Category;
  key: Bytes;
}

const EMPTY = new Uint8Array();

function linkIsSigned(network: Network, link: f.PatientLink): boolean {
  const source = network.byId.get(link.source);
  return (
    !!source &&
    equal(link.network, network.id) &&
    verifySignature(source.nodeKey, namespace.link, encode(f.PatientLinkBody, link), link.signature)
  );
}

function recordIsSigned(network: Network, { statement, signature }: f.CompartmentRecord): boolean {
  const source = network.byId.get(statement.source);
  return (
    !!source &&
    equal(statement.network, network.id) &&
    verifySignature(source.nodeKey, namespace.compartment, encode(f.CompartmentStatement, statement), signature)
  );
}

async function linkKeys(network: Network, keys: PairwiseKeys, links: f.PatientLink[]): Promise<Map<string, Bytes>> {
  const info = hpkeInfo(label.hpkePatientLink, network.id);
  const found = new Map<string, Bytes>();
  for (const link of links) {
    if (!equal(link.owner, keys.address) || !linkIsSigned(network, link)) continue;
    found.set(`${link.source}/${link.number}`, await linkReceive(keys.kem, link.encapsulation, info));
  }
  return found;
}

async function unwrap(statement: f.CompartmentStatement, linkKey: Bytes): Promise<OpenCompartment | null> {
  const id = statement.compartment;
  const content = await open(derive(label.wrap, linkKey, EMPTY, id), id, statement.wrapped).catch(() => null);
  const category = content?.length === 33 ? f.categoryOfCode(content[32]!) : undefined;
  if (!content || !category) return null;
  const predecessor = statement.predecessor && toHex(statement.predecessor);
  return { id, source: statement.source, epoch: statement.epoch, predecessor, category, key: content.slice(0, 32) };
}

/** The newest signed statement of each compartment, opened; by compartment id in hex. */
export async function openDirectory(
  network: Network,
  keys: PairwiseKeys,
  directories: f.Directory[],
): Promise<Map<string, OpenCompartment>> {
  const links = await linkKeys(network, keys, directories.flatMap((directory) => directory.links));
  const newest = new Map<string, f.CompartmentStatement>();
  for (const record of directories.flatMap((directory) => directory.compartments)) {
    const id = toHex(record.statement.compartment);
    const known = newest.get(id);
    if ((!known || known.revision < record.statement.revision) && recordIsSigned(network, record)) {
      newest.set(id, record.statement);
    }
  }
  const opened = new Map<string, OpenCompartment>();
  for (const [id, statement] of newest) {
    const linkKey = links.get(`${statement.source}/${statement.link}`);
    const compartment = linkKey && statement.owner && equal(statement.owner, keys.address) ? await unwrap(statement, linkKey) : null;
    if (compartment) opened.set(id, compartment);
  }
  return opened;
}

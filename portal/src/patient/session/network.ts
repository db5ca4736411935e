/** The network this portal belongs to, trusted on first use and pinned from then on. */
import { ledger, type OrganisationInfo } from '../../api/ledger';
import { PlainError } from '../../api/http';
import { equal, fromBase64, fromHex, stateKey, toHex } from '../../crypto';
import { checkWith, handoversBefore } from '../../verify/client';
import { verifyMember } from '../../verify/entries';
import { extend } from '../../verify/handovers';
import { readGenesis, type Network } from '../../verify/network';
import { device } from './store';

export interface Surroundings {
  genesis: Uint8Array;
  network: Network;
  organisations: OrganisationInfo[];
}

const PIN = 'network';

export async function surroundings(): Promise<Surroundings> {
  const [genesis, organisations] = await Promise.all([fetchGenesis(), fetchOrganisations()]);
  const network = readGenesis(genesis);
  const pinned = await device.get<string>(PIN);
  if (pinned && pinned !== toHex(network.id)) {
    throw new PlainError(
      'This address now belongs to a different network than before, so nothing was sent. Please ask your hospital before you go on.',
    );
  }
  if (!pinned) await device.set(PIN, toHex(network.id));
  await device.set('genesis', genesis);
  await device.set('organisations', organisations);
  checkWith(ledger);
  const known: OrganisationInfo[] = [];
  for (const one of organisations) if (await isMember(network, one)) known.push(one);
  return { genesis, network, organisations: known };
}

/** Whether an organisation is one with these keys: by genesis, or by a proof of the ledger's state. */
async function isMember(network: Network, info: OrganisationInfo): Promise<boolean> {
  if (speaksFor(network, info)) return true;
  try {
    const nodeKey = fromHex(info.nodeKey);
    const proof = await ledger.stateProof(stateKey.organisation(nodeKey));
    extend(network, await handoversBefore(proof.block));
    const member = verifyMember(network, nodeKey, proof).entry?.organisation;
    if (member?.id !== info.id) return false;
    network.byId.set(member.id, member);
    return speaksFor(network, info);
  } catch {
    return false;
  }
}

async function fetchGenesis(): Promise<Uint8Array> {
  try {
    return await ledger.genesis();
  } catch (error) {
    const kept = await device.get<Uint8Array>('genesis');
    if (!kept) throw error;
    return kept;
  }
}

async function fetchOrganisations(): Promise<OrganisationInfo[]> {
  try {
    return await ledger.organisations();
  } catch (error) {
    const kept = await device.get<OrganisationInfo[]>('organisations');
    if (!kept) throw error;
    return kept;
  }
}

/** A listed organisation counts only with the keys that are known to be its own. */
function speaksFor(network: Network, info: OrganisationInfo): boolean {
  const known = network.byId.get(info.id);
  return !!known && equal(known.nodeKey, fromHex(info.nodeKey)) && equal(known.kemKey, fromBase64(info.kemKey));
}

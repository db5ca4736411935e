/** The network this portal belongs to, trusted on first use and pinned from then on. */
import { ledger, type OrganisationInfo } from '../../api/ledger';
import { PlainError } from '../../api/http';
import { equal, fromBase64, fromHex, toHex } from '../../crypto';
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
  return { genesis, network, organisations: organisations.filter((one) => speaksFor(network, one)) };
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

/** A listed organisation counts only with the keys that the genesis gives it. */
function speaksFor(network: Network, info: OrganisationInfo): boolean {
  const known = network.byId.get(info.id);
  return !!known && equal(known.nodeKey, fromHex(info.nodeKey)) && equal(known.kemKey, fromBase64(info.kemKey));
}

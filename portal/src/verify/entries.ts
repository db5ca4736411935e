/** Grants, access events and members in the state after a certified block. */
import { decodeCanonical, equal, stateKey } from '../crypto';
import type { Codec } from '../crypto/codec';
import { AccessEntry, EmergencyEntry, GrantEntry, OrganisationEntry, PatientEntry, RecoveryEntry, ReviewEntry } from '../crypto/formats';
import type { Certified } from './certificate';
import { ProofError } from './error';
import type { Network } from './network';
import { verifyStateProof, type StateProof } from './state';

export interface CheckedEntry<T> extends Certified {
  /** `null` if nothing stood there after the block. */
  entry: T | null;
}

function checked<T>(network: Network, key: Uint8Array, codec: Codec<T>, proof: StateProof): CheckedEntry<T> {
  const certified = verifyStateProof(network, key, proof);
  return { ...certified, entry: proof.value && decodeCanonical(codec, proof.value) };
}

/** How a grant stood. */
export const verifyGrantEntry = (network: Network, grant: Uint8Array, proof: StateProof): CheckedEntry<GrantEntry> =>
  checked(network, stateKey.grant(grant), GrantEntry, proof);

/** An access event, with the organisation that the ledger knew by its node key. */
export const verifyAccessEntry = (network: Network, access: Uint8Array, proof: StateProof): CheckedEntry<AccessEntry> =>
  checked(network, stateKey.access(access), AccessEntry, proof);

/** Who registered a patient's address. */
export const verifyPatientEntry = (network: Network, address: Uint8Array, proof: StateProof): CheckedEntry<PatientEntry> =>
  checked(network, stateKey.patient(address), PatientEntry, proof);
/** An emergency access. */
export const verifyEmergencyEntry = (network: Network, event: Uint8Array, proof: StateProof): CheckedEntry<EmergencyEntry> =>
  checked(network, stateKey.emergency(event), EmergencyEntry, proof);

/** The review of an emergency access; that there is none is proven, too. */
export const verifyReviewEntry = (network: Network, event: Uint8Array, proof: StateProof): CheckedEntry<ReviewEntry> =>
  checked(network, stateKey.review(event), ReviewEntry, proof);

/** An attempt to recover a root; that there is none is proven, too. */
export const verifyRecoveryEntry = (network: Network, recovery: Uint8Array, number: number, proof: StateProof): CheckedEntry<RecoveryEntry> =>
  checked(network, stateKey.recovery(recovery, number), RecoveryEntry, proof);

/** The member with a node key, and its duties. */
export function verifyMember(network: Network, nodeKey: Uint8Array, proof: StateProof): CheckedEntry<OrganisationEntry> {
  const found = checked(network, stateKey.organisation(nodeKey), OrganisationEntry, proof);
  if (found.entry && !equal(found.entry.organisation.nodeKey, nodeKey)) throw new ProofError('the entry is of another organisation');
  return found;
}

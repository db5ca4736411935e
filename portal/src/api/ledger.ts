/** The public ledger routes, and the relay to every organisation. */
import { decodeCanonical, encode, fromBase64, toHex } from '../crypto';
import type { Codec } from '../crypto/codec';
import * as f from '../crypto/formats';
import { ApiError, getBytes, getJson, ifFound, PlainError, request } from './http';

export interface OrganisationInfo {
  id: string;
  name: string;
  class: f.Organisation['class'];
  validator: boolean;
  custodian: boolean;
  portalUrl: string;
  nodeKey: string;
  kemKey: string;
}
export interface Head {
  height: number;
  timeMs: number;
  digest: string;
}
export interface TransactionStatus {
  status: 'pending' | 'final' | 'rejected' | 'unknown';
  height?: number;
  entry?: string;
  reason?: string;
}
interface StateProofJson {
  height: number;
  value?: string;
  proof: string;
}

export const ledger = {
  genesis: () => getBytes('/ledger/genesis'),
  organisations: () => getJson<OrganisationInfo[]>('/ledger/organisations'),
  head: (signal?: AbortSignal) => getJson<Head>('/ledger/head', { signal }),
  submit: (transaction: f.Transaction) =>
    getJson<{ id: string }>('/ledger/transactions', { bytes: encode(f.Transaction, transaction), tries: 3 }),
  status: (id: string, waitSeconds = 0) =>
    getJson<TransactionStatus>(`/ledger/transactions/${id}?wait=${waitSeconds}`),
  /** The anchors of batches, at most `ANCHORS_PER_PROOF_MAX`, as far as they are there; nothing of it is verified. */
  async anchors(batches: f.BatchId[]): Promise<f.AnchorProofs> {
    return decodeCanonical(f.AnchorProofs, await getBytes('/ledger/anchors', { bytes: encode(f.BatchIds, batches) }));
  },
  async state<T>(codec: Codec<T>, key: Uint8Array): Promise<T | null> {
    const bytes = await ifFound(getBytes(`/ledger/state/${toHex(key)}`));
    return bytes && decodeCanonical(codec, bytes);
  },
  /** What is under a key after a recent block (`null`: nothing), with the block; nothing of it is verified. */
  async stateProof(key: Uint8Array): Promise<{ block: f.CertifiedHeader; value: Uint8Array | null; proof: Uint8Array }> {
    const { height, value, proof } = await getJson<StateProofJson>(`/ledger/state/${toHex(key)}/proof`);
    const [block] = await ledger.headers(height, 1);
    if (!block) throw new ApiError('unavailable');
    return { block, value: value === undefined ? null : fromBase64(value), proof: fromBase64(proof) };
  },
  /** Every change of the validators since genesis; nothing of it is verified. */
  async handovers(): Promise<f.Handover[]> {
    return decodeCanonical(f.Handovers, await getBytes('/ledger/handovers'));
  },
  async headers(from: number, count: number): Promise<f.CertifiedHeader[]> {
    return decodeCanonical(f.CertifiedHeaders, await getBytes(`/ledger/headers?from=${from}&count=${count}`));
  },
};

/** Submits and waits until it is final; at most about two minutes. Submitting twice is harmless. */
export async function submitAndWait(transaction: f.Transaction): Promise<{ id: string; height: number }> {
  const { id } = await ledger.submit(transaction).catch((error: unknown) => {
    if (error instanceof ApiError && error.code === 'duplicate') return { id: error.message };
    throw error;
  });
  for (let round = 0; round < 8; round++) {
    const status = await ledger.status(id, 15);
    if (status.status === 'final') return { id, height: status.height ?? 0 };
    if (status.status === 'rejected') throw new PlainError(`This was refused: ${status.reason ?? 'no reason was given'}.`);
  }
  throw new PlainError('This is taking longer than usual. It will be finished in the background; look again later.');
}

export const relay = {
  patient: (organisation: string, body: f.PatientRequest, signal?: AbortSignal) =>
    getBytes(`/relay/${organisation}/patient`, { bytes: encode(f.PatientRequest, body), signal, timeoutMs: 60_000 }),
  enrol: (organisation: string, envelope: f.SealedEnvelope) =>
    getBytes(`/relay/${organisation}/enrol`, { bytes: encode(f.SealedEnvelope, envelope) }),
  /** The ciphertext of a link; a letter has announced it. */
  deposit: (organisation: string, file: Uint8Array) => request(`/relay/${organisation}/deposit`, { bytes: file, timeoutMs: 120_000 }),
  case: (organisation: string, envelope: f.SealedEnvelope) =>
    getBytes(`/relay/${organisation}/case`, { bytes: encode(f.SealedEnvelope, envelope) }),
  recovery: (organisation: string, envelope: f.SealedEnvelope) =>
    getBytes(`/relay/${organisation}/recovery`, { bytes: encode(f.SealedEnvelope, envelope), timeoutMs: 90_000 }),
  proxy: (organisation: string, body: f.ProxyRequest, signal?: AbortSignal) =>
    getBytes(`/relay/${organisation}/proxy`, { bytes: encode(f.ProxyRequest, body), signal, timeoutMs: 60_000 }),
  guardian: (organisation: string, envelope: f.SealedEnvelope) =>
    getBytes(`/relay/${organisation}/guardian`, { bytes: encode(f.SealedEnvelope, envelope), timeoutMs: 90_000 }),
  letter: (organisation: string, envelope: f.SealedEnvelope) =>
    getBytes(`/relay/${organisation}/mailbox`, { bytes: encode(f.SealedEnvelope, envelope), tries: 4 }),
};

/** The worker's loop without the worker: one job in, verdicts out. Tests call it directly. */
import { sha256, toHex } from '../crypto';
import { verifyAccessEntry, verifyEmergencyEntry, verifyPatientEntry, verifyRecoveryEntry, verifyReviewEntry } from './entries';
import { ProofError } from './error';
import { extend } from './handovers';
import type { AccessJob, Answer, EmergencyJob, KeyJob, RecordsJob, RecoveryJob, Verdict, Work } from './messages';
import { readGenesis, type Network } from './network';
import { batchKey, verifyAnchors, verifyInBatch, type CheckedAnchor } from './record';

const networks = new Map<string, Network>();

/** What was learned of a network stays learned. A handover that does not hold changes nothing: what needs it fails. */
function networkOf({ job: { genesis }, handovers }: Work): Network {
  const key = toHex(sha256(genesis));
  const network = networks.get(key) ?? readGenesis(genesis);
  networks.set(key, network);
  try {
    extend(network, handovers);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
  }
  return network;
}

const refuse = (error: unknown): Verdict => ({
  ok: false,
  reason: error instanceof ProofError ? error.message : 'the proof cannot be read',
});

/** Each anchor that was proven, checked once: by `source/sequence`. */
function anchorsOf(network: Network, job: RecordsJob): Map<string, CheckedAnchor | Verdict> {
  const anchors = new Map<string, CheckedAnchor | Verdict>();
  for (const proofs of job.anchors) {
    const checked = attempt(() => verifyAnchors(network, proofs));
    proofs.anchors.forEach(({ batch }, at) => {
      const one = Array.isArray(checked) ? checked[at]! : checked;
      anchors.set(batchKey(batch), one instanceof Error ? refuse(one) : one);
    });
  }
  return anchors;
}

function attempt<T>(check: () => T): T | Verdict {
  try {
    return check();
  } catch (error) {
    return refuse(error);
  }
}

function checkRecord(anchor: CheckedAnchor | Verdict | undefined, record: RecordsJob['records'][0]): Verdict {
  if (!anchor) return { ok: false, reason: 'the proof has not arrived yet' };
  if (!('batch' in anchor)) return anchor;
  return attempt(() => {
    verifyInBatch(anchor, record);
    const { entry, certified } = anchor;
    const { header, signers } = certified;
    return { ok: true, height: entry.height, timeMs: entry.timeMs, certifiedHeight: header.height, signers };
  });
}

function checkRecords(network: Network, job: RecordsJob): Answer {
  const anchors = anchorsOf(network, job);
  const verdict = (record: RecordsJob['records'][0]) => checkRecord(anchors.get(batchKey({ organisation: record.source, sequence: record.sequence })), record);
  return Object.fromEntries(job.records.map((record) => [record.key, verdict(record)]));
}

function checkAccess(network: Network, { id, proven }: AccessJob): Verdict {
  return attempt(() => {
    const { entry, header, signers } = verifyAccessEntry(network, id, proven);
    if (!entry) throw new ProofError('there is no such event');
    return { ok: true, height: entry.height, timeMs: entry.timeMs, certifiedHeight: header.height, signers };
  });
}

/** Not ok with a height: it is proven that the key is not registered there. Not ok without one: nothing is proven. */
function checkKey(network: Network, { address, organisation, proven }: KeyJob): Verdict {
  return attempt(() => {
    const { entry, header } = verifyPatientEntry(network, address, proven);
    return { ok: entry?.organisation === organisation, certifiedHeight: header.height };
  });
}

/** The event stands there, and of its review what the node says. */
function checkEmergency(network: Network, { id, proven, review }: EmergencyJob): Verdict {
  return attempt(() => {
    const { entry, header, signers } = verifyEmergencyEntry(network, id, proven);
    if (!entry) throw new ProofError('there is no such event');
    verifyReviewEntry(network, id, review);
    return { ok: true, height: entry.height, timeMs: entry.timeMs, certifiedHeight: header.height, signers };
  });
}

/** What the node says of an attempt, that it is there or that it is not, is so. */
function checkRecovery(network: Network, { id, number, proven }: RecoveryJob): Verdict {
  return attempt(() => {
    const { header, signers } = verifyRecoveryEntry(network, id, number, proven);
    return { ok: true, timeMs: header.timeMs, certifiedHeight: header.height, signers };
  });
}

export function run(work: Work): Answer {
  const { job } = work;
  const network = networkOf(work);
  switch (job.kind) {
    case 'records': return checkRecords(network, job);
    case 'access': return { access: checkAccess(network, job) };
    case 'emergency': return { emergency: checkEmergency(network, job) };
    case 'recovery': return { recovery: checkRecovery(network, job) };
    case 'key': return { key: checkKey(network, job) };
  }
}

/** The worker's loop without the worker: one job in, verdicts out. Tests call it directly. */
import { sha256, toHex } from '../crypto';
import { ProofError } from './error';
import { UnnamedError, verifyAccess } from './events';
import { extend } from './handovers';
import type { Answer, RecordsJob, Verdict, Work } from './messages';
import { readGenesis, type Network } from './network';
import { verifyAnchor, verifyInBatch, type CheckedAnchor } from './record';

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
  ...(error instanceof UnnamedError ? { unnamed: true } : {}),
});

function anchorOf(network: Network, job: RecordsJob, key: string): CheckedAnchor | Verdict {
  const proof = job.anchors[key];
  if (!proof) return { ok: false, reason: 'the proof has not arrived yet' };
  try {
    const anchor = verifyAnchor(network, proof);
    if (`${anchor.organisation}/${anchor.sequence}` !== key) throw new ProofError('the proof is for another batch');
    return anchor;
  } catch (error) {
    return refuse(error);
  }
}

function checkRecords(network: Network, job: RecordsJob): Answer {
  const anchors = new Map<string, CheckedAnchor | Verdict>();
  const answer: Answer = {};
  for (const record of job.records) {
    const key = `${record.source}/${record.sequence}`;
    if (!anchors.has(key)) anchors.set(key, anchorOf(network, job, key));
    const anchor = anchors.get(key)!;
    if (!('batchRoot' in anchor)) {
      answer[record.key] = anchor;
      continue;
    }
    try {
      verifyInBatch(anchor, record);
      const { header, signers, id } = anchor;
      answer[record.key] = { ok: true, height: header.height, timeMs: header.timeMs, signers, transaction: id };
    } catch (error) {
      answer[record.key] = refuse(error);
    }
  }
  return answer;
}

export function run(work: Work): Answer {
  const { job } = work;
  const network = networkOf(work);
  if (job.kind === 'records') return checkRecords(network, job);
  try {
    const { header, signers } = verifyAccess(network, job.entry, job.id, job.block, job.certified, job.proven);
    return { access: { ok: true, height: header.height, timeMs: header.timeMs, signers } };
  } catch (error) {
    return { access: refuse(error) };
  }
}

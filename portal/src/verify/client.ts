/** Sends jobs to the checking worker, with what the node says of who may certify. */
import type { CertifiedHeader, Handover } from '../crypto/formats';
import { HandoverList } from './handovers';
import type { Answer, Job, Work } from './messages';
import workerUrl from './worker?worker&url';

interface Policy {
  createScriptURL(url: string): string;
}
declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };
  }
}

/** The one Trusted Types policy: it lets this page start its own worker and nothing else. */
function scriptUrl(url: string): string {
  const allow = (asked: string) => {
    if (asked !== workerUrl) throw new TypeError('this page starts no other script');
    return asked;
  };
  return window.trustedTypes?.createPolicy('salus', { createScriptURL: allow }).createScriptURL(url) ?? allow(url);
}

let worker: Worker | undefined;
let next = 0;
const waiting = new Map<number, (answer: Answer | null) => void>();

function start(): Worker {
  const started = new Worker(scriptUrl(workerUrl), { type: 'module' });
  started.onmessage = (event: MessageEvent<{ id: number; answer: Answer | null }>) => {
    waiting.get(event.data.id)?.(event.data.answer);
    waiting.delete(event.data.id);
  };
  started.onerror = () => {
    for (const resolve of waiting.values()) resolve(null);
    waiting.clear();
  };
  return started;
}

/** The node that serves this page. Whatever it answers is checked. */
export interface Source {
  handovers(): Promise<Handover[]>;
}

let source: Source | undefined;
let handovers = new HandoverList(() => Promise.resolve([]));

/** Says where to ask; without it, only blocks that the validators of genesis certified can be checked. */
export function checkWith(node: Source): void {
  if (source === node) return;
  source = node;
  handovers = new HandoverList(() => node.handovers());
}

const epochOf = (block: CertifiedHeader): number => block.headers.at(-1)?.epoch ?? 0;

/** The handovers that a proof about this block must hold. */
export async function handoversBefore(block: CertifiedHeader): Promise<Handover[]> {
  const epoch = epochOf(block);
  const all = await handovers.until(epoch);
  return all.filter((handover) => epochOf(handover.block) < epoch);
}

const blocksOf = (job: Job): CertifiedHeader[] =>
  job.kind === 'records'
    ? job.anchors.map((proofs) => proofs.block)
    : job.kind === 'emergency' ? [job.proven.block, job.review.block] : [job.proven.block];

/** Verdicts by key. A worker that cannot start or fails gives no verdicts: nothing then counts as verified. */
export async function check(job: Job): Promise<Answer> {
  const newest = blocksOf(job).reduce((epoch, block) => Math.max(epoch, epochOf(block)), 0);
  const work: Work = { job, handovers: await handovers.until(newest) };
  worker ??= start();
  const id = next++;
  const answer = await new Promise<Answer | null>((resolve) => {
    waiting.set(id, resolve);
    worker!.postMessage({ id, work });
  });
  if (!answer) throw new Error('the check could not run');
  return answer;
}

/** Sends jobs to the checking worker. */
import type { Answer, Job } from './messages';
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

/** Verdicts by key. A worker that cannot start or fails gives no verdicts: nothing then counts as verified. */
export async function check(job: Job): Promise<Answer> {
  worker ??= start();
  const id = next++;
  const answer = await new Promise<Answer | null>((resolve) => {
    waiting.set(id, resolve);
    worker!.postMessage({ id, job });
  });
  if (!answer) throw new Error('the check could not run');
  return answer;
}

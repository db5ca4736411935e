/** Checks proofs away from the page, so that a phone stays responsive. */
import type { Job } from './messages';
import { run } from './run';

self.onmessage = (event: MessageEvent<{ id: number; job: Job }>) => {
  const { id, job } = event.data;
  try {
    self.postMessage({ id, answer: run(job) });
  } catch {
    self.postMessage({ id, answer: null });
  }
};

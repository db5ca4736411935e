/** Checks proofs away from the page, so that a phone stays responsive. */
import type { Work } from './messages';
import { run } from './run';

self.onmessage = (event: MessageEvent<{ id: number; work: Work }>) => {
  const { id, work } = event.data;
  try {
    self.postMessage({ id, answer: run(work) });
  } catch {
    self.postMessage({ id, answer: null });
  }
};

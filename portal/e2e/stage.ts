/** Runs journeys one after the other; keeps what went wrong and pictures of where. */
import type { Page } from 'playwright-core';

export const SHOTS = process.env.SALUS_SHOTS ?? new URL('../shots/', import.meta.url).pathname;

type Step<Stage> = (stage: Stage) => Promise<void>;

/** Stops at the first step that fails; gives its name and reason, or null. */
export async function play<Stage>(size: string, steps: readonly Step<Stage>[], stage: Stage, pages: Record<string, Page>): Promise<string | null> {
  for (const step of steps) {
    const name = step.name.replace(/_/g, ' ');
    const began = Date.now();
    try {
      await step(stage);
    } catch (error) {
      for (const [who, page] of Object.entries(pages)) await page.screenshot({ path: `${SHOTS}/${size}-failed-${who}.png`, fullPage: true }).catch(() => undefined);
      return `${name}: ${error instanceof Error ? error.message : String(error)}`;
    }
    console.log(`ok ${size}: ${name} (${Date.now() - began} ms)`);
  }
  return null;
}

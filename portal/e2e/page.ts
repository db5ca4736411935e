/** How the journeys find things: by role and name, as a screen reader does. */
import type { Locator, Page } from 'playwright-core';

export const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
export const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, level: 1 });
export const tab = (page: Page, name: string | RegExp) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name });
export const category = (page: Page, name: string | RegExp) => page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name });

/** A look at a page that is loading takes at most this. */
const LOOK_MS = 5_000;
const GIVE_UP_MS = 120_000;

/** Does something again until this shows: what other organisations bring about comes in their own time. */
export async function until(what: Locator, again: () => Promise<void>): Promise<void> {
  const end = Date.now() + GIVE_UP_MS;
  for (;;) {
    await again();
    const shown = await what.first().waitFor({ timeout: LOOK_MS }).then(() => true, () => false);
    if (shown) return;
    if (Date.now() > end) throw new Error(`did not show: ${what}`);
  }
}

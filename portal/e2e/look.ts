/** Looks at a page as a person with a screen reader, a small screen or unsteady hands would; keeps a picture. */
import axe from 'axe-core';
import { mkdirSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { SHOTS } from './stage';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const TARGET_MIN_PX = 44;

export class Looker {
  readonly found: string[] = [];
  pictures = 0;
  constructor(private readonly size: string) {
    mkdirSync(SHOTS, { recursive: true });
  }

  async look(page: Page, name: string): Promise<void> {
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.waitForTimeout(150);
    await page.screenshot({ path: `${SHOTS}/${this.size}-${String(++this.pictures).padStart(2, '0')}-${name}.png`, fullPage: !name.endsWith('-dialog') });
    await this.axe(page, name);
    await this.targets(page, name);
    // Not `innerWidth`: on a phone that grows with a page that is too wide.
    const screen = page.viewportSize()!.width;
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth) - screen;
    if (overflow > 1) this.found.push(`${name}: the page is ${overflow} px wider than the screen`);
  }

  private async axe(page: Page, name: string): Promise<void> {
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async (tags) => {
      const { axe: runner } = window as unknown as { axe: typeof axe };
      const results = await runner.run(document, { runOnly: { type: 'tag', values: tags } });
      return results.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
    }, TAGS);
    for (const violation of violations) this.found.push(`${name}: axe ${violation}`);
  }

  /** Everything that is pressed, but for links inside a sentence. */
  private async targets(page: Page, name: string): Promise<void> {
    const small = await page.evaluate((min) => {
      const all = [...document.querySelectorAll<HTMLElement>('button, nav a, summary, input:not([type=checkbox]):not([type=radio]), select, textarea')];
      return all
        .filter((one) => one.offsetParent !== null && one.getBoundingClientRect().height < min - 0.5)
        .map((one) => `${one.tagName} “${one.innerText.slice(0, 30)}” ${Math.round(one.getBoundingClientRect().height)} px`);
    }, TARGET_MIN_PX);
    for (const one of [...new Set(small)]) this.found.push(`${name}: target below ${TARGET_MIN_PX} px: ${one}`);
  }
}

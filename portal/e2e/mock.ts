/** The mock-backed run: a fresh network per screen size. */
import type { Browser } from 'playwright-core';
import { MockNode } from '../src/testing/server';
import { watch, withAuthenticator } from './browser';
import { journeys } from './journeys';
import { Looker } from './look';
import { proxies } from './proxies';
import { recoveries } from './recovery';
import { play } from './stage';

const PORTS: Record<string, number> = { desktop: 8791, phone: 8792 };

export async function runMock(browser: Browser, name: string, viewport: { width: number; height: number }): Promise<string[]> {
  const node = await MockNode.start();
  const origin = `http://localhost:${PORTS[name]}`;
  const server = await node.listen(PORTS[name]!);
  const context = await browser.newContext({ viewport, locale: 'en-GB', reducedMotion: 'reduce', isMobile: name === 'phone', hasTouch: name === 'phone', acceptDownloads: true });
  context.setDefaultTimeout(20_000);
  const problems = watch(context, origin);
  const eyes = new Looker(name);
  const patient = await context.newPage();
  await withAuthenticator(patient);
  const staff = await context.newPage();
  await withAuthenticator(staff);
  const stage = { origin, node, eyes, patient, staff, code: '' };
  const failure = await play(name, [...journeys, ...proxies, ...recoveries], stage, { patient, staff });
  await context.close();
  server.closeAllConnections();
  server.close();
  return [...(failure ? [failure] : []), ...problems, ...eyes.found];
}

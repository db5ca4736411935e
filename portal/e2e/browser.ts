/** Chromium as the tests use it: one virtual authenticator per page that keeps PRF secrets, and eyes on what goes wrong. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export type { Browser, Page };

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path));
  if (!executablePath) throw new Error('Chromium is not installed: apt-get install -y chromium, or set CHROMIUM');
  return chromium.launch({ executablePath, args: FLAGS });
}

/** The authenticator must stay with its page: exporting a credential drops its PRF secret. */
export async function withAuthenticator(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, hasPrf: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
}

/** Console errors, policy violations, requests to any but these origins: none may happen. */
export function watch(context: BrowserContext, ...origins: [string, ...string[]]): string[] {
  const problems: string[] = [];
  context.on('weberror', (error) => problems.push(`error: ${error.error().message}`));
  context.on('console', (message) => {
    const text = message.text();
    const expected = /Failed to load resource: the server responded with a status of (401|403|404|409|503)|net::ERR_INTERNET_DISCONNECTED/.test(text);
    if (message.type() === 'error' && !expected) problems.push(`console: ${text}`);
  });
  context.on('request', (request) => {
    if (!origins.some((origin) => request.url().startsWith(origin)) && !/^(data|blob):/.test(request.url())) problems.push(`request to ${request.url()}`);
  });
  return problems;
}

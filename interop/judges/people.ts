/** What several judges share: people at their browsers, and the app of a stranger at an origin of its own. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { watch, withAuthenticator, type Browser, type Page } from '../../portal/e2e/browser';
import { button, heading, tab } from '../../portal/e2e/page';
import type { Stage } from '../stage';

const PAGES = join(import.meta.dirname, '../pages');
const LIBRARY = createRequire(import.meta.url).resolve('fhirclient/build/fhir-client.js');

/** The pages of an app, on a port of their own: another origin than the portal's. */
export class App {
  private constructor(private readonly server: Server, readonly origin: string) {}

  static async serve(): Promise<App> {
    const files: Record<string, [string, string]> = { '/app.html': ['text/html', join(PAGES, 'app.html')], '/fhir-client.js': ['text/javascript', LIBRARY] };
    const server = createServer((request, answer) => {
      const found = files[new URL(request.url!, 'http://localhost').pathname];
      answer.writeHead(found ? 200 : 404, { 'content-type': found?.[0] ?? 'text/plain' });
      answer.end(found ? readFileSync(found[1]) : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new App(server, `http://localhost:${(server.address() as AddressInfo).port}`);
  }

  get page(): string {
    return `${this.origin}/app.html`;
  }

  /** Registers at the hospital; the id works once a steward has approved it. */
  async register({ hospital }: Stage, name: string, scope: string): Promise<string> {
    const metadata = { client_name: name, redirect_uris: [this.page], launch_url: this.page, token_endpoint_auth_method: 'none', scope };
    const answer = await fetch(`${hospital}/smart/register`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata) });
    if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${await answer.text()}`);
    return ((await answer.json()) as { client_id: string }).client_id;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** Somebody with a browser of their own, who may go to the hospital's portal and to the app. */
export async function person(browser: Browser, stage: Stage, app: App): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce' });
  context.setDefaultTimeout(60_000);
  const problems = watch(context, stage.hospital, app.origin);
  const page = await context.newPage();
  await withAuthenticator(page);
  return { page, problems };
}

/** A member of staff joins with a code of the operator's. */
export async function join_as(page: Page, stage: Stage, id: string, name: string, role: 'clinician' | 'steward'): Promise<void> {
  const { code } = await stage.network.ops<{ code: string }>('hospital-a', '/staff', { id, name, role });
  await page.goto(`${stage.hospital}/${role === 'steward' ? 'steward' : 'clinic'}#${code}`);
  await button(page, 'Join').click();
}

/** A steward reads what was registered, and approves it. */
export async function approved(page: Page, stage: Stage, app: string): Promise<void> {
  await join_as(page, stage, `steward-${app.toLowerCase().replace(/\W/g, '-')}`, 'Apps office', 'steward');
  await tab(page, 'Apps').click();
  await button(page, `Approve ${app}`).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('button', { name: `End ${app}` }).waitFor();
}

/** A patient opens the record with the printed code, and keeps a passkey on this device. */
export async function patient(page: Page, stage: Stage): Promise<void> {
  await page.goto(stage.hospital);
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Use recovery code' }).click();
  await page.getByLabel('Recovery code').fill(stage.network.recoveryCode(1));
  await button(page, 'Open my record').click();
  await heading(page, /Hello,/).waitFor();
  await tab(page, 'Settings').click();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText(/Passkey \d+/).first().waitFor();
}

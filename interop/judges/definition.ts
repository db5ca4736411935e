/** PyPI schemathesis makes up requests from the API definition, and looks whether a node keeps to it. */
import { dirname, join } from 'node:path';
import { launch } from '../../portal/e2e/browser';
import { heading } from '../../portal/e2e/page';
import { Skip, type Judge, type Stage } from '../stage';
import { App, join_as, person } from './people';

const DEFINITION = join(import.meta.dirname, '../../crates/gateway/openapi.json');
const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
/** The generator is not let loose on an answer without end, nor on the listener of other organisations. */
const WITHIN = ['--exclude-path', '/ledger/events', '--exclude-path', '/staff/charts/{chart}/events', '--exclude-tag', 'peers'];
const SIGN_OUT = ['--exclude-path', '/staff/signout'];

/** More workers trip over a fault of CPython 3.11 (threads that parse at once). */
const options = (examples: number) => [
  'run', DEFINITION, '--checks', CHECKS, '--phases', 'examples,coverage,fuzzing', '--max-examples', String(examples), '--seed', '1', '--workers', '1',
  '--generation-database', 'none', '--continue-on-failure', '--no-color', '--suppress-health-check', 'all', '--warnings', 'off', ...WITHIN,
];

async function tried(stage: Stage, more: string[], examples: number): Promise<number> {
  const tool = join(dirname(stage.python), 'schemathesis');
  const said = await stage.output(tool, [...options(examples), '--url', stage.hospital, '--header', `Origin: ${stage.hospital}`, ...more]);
  const generated = /(\d+) generated/.exec(said);
  if (!generated) throw new Error(said);
  return Number(generated[1]);
}

/** The cookie of a steward who has just joined. */
async function steward(stage: Stage): Promise<string> {
  const browser = await launch().catch((error: Error) => {
    throw new Skip(error.message);
  });
  const app = await App.serve();
  try {
    const { page } = await person(browser, stage, app);
    await join_as(page, stage, 'steward-definition', 'Definition office', 'steward');
    await heading(page, 'Network').waitFor();
    return (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  } finally {
    app.close();
    await browser.close();
  }
}

export const definition: Judge = {
  name: 'schemathesis',
  by: 'PyPI schemathesis, from crates/gateway/openapi.json',
  async run(stage) {
    const nobody = await tried(stage, [], 5);
    const signedIn = await tried(stage, [...SIGN_OUT, '--include-tag', 'staff', '--include-tag', 'stewards', '--header', `Cookie: ${await steward(stage)}`], 15);
    return `${nobody} requests of nobody and ${signedIn} of a steward: no fault, every answer as defined`;
  },
};

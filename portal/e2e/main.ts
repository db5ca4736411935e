/**
 * `npm run e2e`: builds the portal, serves it from the mock network under its real headers, and goes through every
 * page on a desktop and on a phone. With SALUS_BIN set it then does the main job on a real network (e2e/real.ts).
 */
import { execFileSync } from 'node:child_process';
import { launch } from './browser';
import { runMock } from './mock';
import { runNetwork } from './real';

const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

if (!process.env.SALUS_PORTAL_DIST) execFileSync('npm', ['run', 'build', '--silent'], { cwd: new URL('..', import.meta.url).pathname, stdio: ['ignore', 'ignore', 'inherit'] });
const browser = await launch();
let failed = 0;
try {
  // The mock shows states that a healthy network does not: outages, tampering, no connection.
  const runs = process.env.SALUS_BIN ? [runMock, runNetwork] : [runMock];
  for (const run of runs) {
    for (const [name, viewport] of Object.entries(SIZES)) {
      const problems = await run(browser, name, viewport);
      for (const problem of problems) console.error(`FAILED ${name}: ${problem}`);
      failed += problems.length;
    }
  }
} finally {
  await browser.close();
}
if (!process.env.SALUS_BIN) console.log('SKIPPED: the run against a real network (set SALUS_BIN, SALUS_ENGINE, SALUS_DEFINITIONS)');
console.log(failed === 0 ? 'e2e: all passed' : `e2e: ${failed} problems`);
process.exit(failed === 0 ? 0 : 1);

/**
 * Software that nobody here wrote judges a network: `cargo xtask interop [NAME..]`, or by hand with what
 * portal/e2e/network.ts wants in the environment, SALUS_PYTHON, and, to judge one that runs, SALUS_DEMO (its folder).
 */
import { Network } from '../portal/e2e/network';
import { authlib, fhirclientPy, fhirpy, jose } from './judges/backend';
import { fhirValidator, medplumValidator } from './judges/emitted';
import { smartFetch } from './judges/bulk';
import { definition } from './judges/definition';
import { roundTrips, usCore, validator } from './judges/examples';
import { ehr, standalone } from './judges/launch';
import { shown } from './judges/shown';
import { kit } from './judges/kit';
import { medplum } from './judges/medplum';
import { ips } from './judges/profiles';
import { Skip, Stage, type Judge } from './stage';

const BASE_PORT = 22_300;

const judges: Judge[] = [
  standalone,
  ehr,
  kit,
  medplum,
  fhirpy,
  fhirclientPy,
  jose,
  authlib,
  smartFetch,
  medplumValidator,
  fhirValidator,
  roundTrips,
  usCore,
  ips,
  validator,
  shown,
  definition,
];

type Verdict = 'passed' | 'FAILED' | 'skipped';
interface Row {
  judge: Judge;
  verdict: Verdict;
  ms: number;
  words: string;
}

async function hear(judge: Judge, stage: Stage): Promise<Row> {
  console.log(`-- ${judge.name}: ${judge.by}`);
  const began = Date.now();
  const row = (verdict: Verdict, words: string): Row => ({ judge, verdict, ms: Date.now() - began, words });
  try {
    return row('passed', await judge.run(stage));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Skip)) console.log(words);
    return row(error instanceof Skip ? 'skipped' : 'FAILED', words.split('\n')[0]!);
  }
}

function table(rows: Row[]): string {
  const wide = Math.max(...rows.map(({ judge }) => judge.name.length));
  return rows.map(({ judge, verdict, ms, words }) => `${judge.name.padEnd(wide)}  ${verdict.padEnd(7)}  ${(ms / 1_000).toFixed(1).padStart(5)} s  ${words}`).join('\n');
}

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !judges.some((judge) => judge.name === name));
  if (unknown) throw new Error(`no judge is called \`${unknown}\`: there are ${judges.map((judge) => judge.name).join(', ')}`);
  const network = process.env.SALUS_DEMO ? Network.at(process.env.SALUS_DEMO) : await Network.start(BASE_PORT);
  const rows: Row[] = [];
  try {
    const stage = new Stage(network, process.env.SALUS_PYTHON ?? 'python3');
    for (const judge of judges) {
      if (names.length === 0 || names.includes(judge.name)) rows.push(await hear(judge, stage));
    }
  } finally {
    await network.stop();
  }
  console.log(`\n${table(rows)}`);
  if (rows.some(({ verdict }) => verdict === 'FAILED')) process.exitCode = 1;
}

await main();

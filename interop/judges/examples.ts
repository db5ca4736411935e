/** HL7's own examples: what is stored comes back as it was sent, and what HL7's validator refuses is refused here. */
import { atLeast, data, texts, type Judge, type Resource, type Stage } from '../stage';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROUND_TRIPS_MIN = 0.99;
const ACCEPTED_MIN = 0.98;
const CAUGHT_MIN = 0.8;
const PASSED_MIN = 0.95;

/** By which a node marks what its validator refuses and a feed sent all the same. */
const FLAG = 'https://salus.network/fhir/validation';

/** JSON with every number as its text, so that 1.10 is not 1.1, and without what a server sets by itself. */
function exactly(text: string): string {
  const numbers = /("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
  const resource = JSON.parse(text.replace(numbers, (_, word: string | undefined, number: string) => word ?? `"#${number}"`)) as Resource;
  const { versionId: _version, lastUpdated: _updated, tag, ...meta } = resource.meta ?? {};
  const tags = ((tag ?? []) as { system?: string }[]).filter(({ system }) => system !== FLAG);
  return JSON.stringify({ ...resource, meta: tags.length > 0 ? { ...meta, tag: tags } : meta }, sorted);
}

function sorted(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The diagnostics of a refusal. */
async function why(answer: Response): Promise<string> {
  const text = await answer.text();
  try {
    const { issue } = JSON.parse(text) as { issue: { diagnostics?: string; expression?: string[] }[] };
    return `${answer.status} ${issue.map((one) => [one.expression, one.diagnostics].join(' ')).join('; ').slice(0, 300)}`;
  } catch {
    return `${answer.status} ${text.slice(0, 200)}`;
  }
}

/** The types that the node says clients may write; those of others (its own log, for one) are theirs to refuse. */
async function written(stage: Stage): Promise<Set<string>> {
  const statement = (await (await fetch(`${stage.fhir}/metadata`)).json()) as { rest: { resource: { type: string; interaction: { code: string }[] }[] }[] };
  return new Set(statement.rest[0]!.resource.filter((one) => one.interaction.some(({ code }) => code === 'update')).map((one) => one.type));
}

const put = (stage: Stage, text: string): Promise<Response> => {
  const { resourceType, id } = JSON.parse(text) as Resource;
  return id ? stage.ask('PUT', `${resourceType}/${id}`, text) : stage.ask('POST', resourceType, text);
};

export const roundTrips: Judge = {
  name: 'hl7-examples',
  by: 'the examples of FHIR R4 4.0.1: stored, read and compared, decimals as text',
  async run(stage) {
    const bad: string[] = [];
    const types = await written(stage);
    const all = texts('hl7-r4-examples');
    const files = all.filter(([, text]) => types.has((JSON.parse(text) as Resource).resourceType));
    for (const [file, text] of files) {
      const stored = await put(stage, text);
      if (!stored.ok) {
        bad.push(`${file}: ${await why(stored)}`);
        continue;
      }
      const { resourceType, id } = (await stored.json()) as Resource;
      const read = await (await stage.ask('GET', `${resourceType}/${id}`)).text();
      if (exactly(read) !== exactly(text)) bad.push(`${file}: comes back changed`);
    }
    const others = all.length - files.length;
    return `${atLeast(ROUND_TRIPS_MIN, files.length - bad.length, files.length, 'come back as they were sent', bad)}; ${others} are of types that nobody writes here`;
  },
};

export const usCore: Judge = {
  name: 'us-core',
  by: 'the examples of HL7 US Core: stored',
  async run(stage) {
    const bad: string[] = [];
    const files = texts('us-core-examples');
    for (const [file, text] of files) {
      const stored = await put(stage, text);
      if (!stored.ok) bad.push(`${file}: ${await why(stored)}`);
    }
    return atLeast(ACCEPTED_MIN, files.length - bad.length, files.length, 'are accepted', bad);
  },
};

interface Case {
  file: string;
  expectedErrors: number;
  resourceType: string;
}

/** Whether `$validate` finds an error. */
async function caught(stage: Stage, { file, resourceType }: Case): Promise<boolean> {
  const text = readFileSync(join(data('hl7-validator-cases'), file), 'utf8');
  // A body of this type says what the operation is to do; one that is to be validated is handed over in it.
  const body = resourceType === 'Parameters' ? `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":${text}}]}` : text;
  const answer = await stage.ask('POST', `${resourceType}/$validate`, body);
  const { issue } = (await answer.json()) as { issue?: { severity: string }[] };
  return !answer.ok || (issue ?? []).some(({ severity }) => severity === 'error' || severity === 'fatal');
}

export const validator: Judge = {
  name: 'hl7-validator-cases',
  by: 'the cases of HL7’s validator, with its own errors as expectation: $validate',
  async run(stage) {
    const listed = JSON.parse(readFileSync(join(data('hl7-validator-cases'), 'EXPECTED.json'), 'utf8')) as Case[];
    // Two cases are of files with one name; the folder has the first.
    const cases = listed.filter((one, n) => listed.findIndex(({ file }) => file === one.file) === n);
    const verdicts = await Promise.all(cases.map(async (one) => ({ ...one, caught: await caught(stage, one) })));
    const [bad, good] = [verdicts.filter((one) => one.expectedErrors > 0), verdicts.filter((one) => one.expectedErrors === 0)];
    const missed = bad.filter((one) => !one.caught).map(({ file }) => `missed: ${file}`);
    const refused = good.filter((one) => one.caught).map(({ file }) => `refused for nothing: ${file}`);
    const found = atLeast(CAUGHT_MIN, bad.length - missed.length, bad.length, 'bad ones are caught', missed);
    return `${found}, ${atLeast(PASSED_MIN, good.length - refused.length, good.length, 'good ones pass', refused)}`;
  },
};

/** HL7's own examples of the International Patient Summary against its profiles, and the summary that a node makes. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { atLeast, Skip, type Judge, type Resource, type Stage } from '../stage';

/** Where a build puts the examples of the guide, beside its profiles. */
const EXAMPLES = 'examples/ips-2.0.0';
const DOCUMENT = 'http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips';
const ACCEPTED_MIN = 0.95;

/** The errors that `$validate` finds. */
async function errors(stage: Stage, resource: Resource, profile: string): Promise<string[]> {
  const answer = await stage.ask('POST', `${resource.resourceType}/$validate?profile=${encodeURIComponent(profile)}`, JSON.stringify(resource));
  const { issue } = (await answer.json()) as { issue: { severity: string; details?: { text?: string }; diagnostics?: string; expression?: string[] }[] };
  const wrong = issue.filter(({ severity }) => severity === 'error' || severity === 'fatal');
  return wrong.map((one) => `${one.expression?.join(' ') ?? ''} ${one.details?.text ?? one.diagnostics ?? ''}`);
}

/** What each profile asks for beyond FHIR itself: without it the resource is still FHIR, and no longer of the guide. */
const NEEDED: Record<string, string> = { Composition: 'identifier', Condition: 'code', Immunization: 'patient', Observation: 'subject', Organization: 'name', Patient: 'name' };

export const ips: Judge = {
  name: 'ips',
  by: 'HL7 IPS 2.0.0: its examples against its profiles, and a patient’s $summary',
  async run(stage) {
    const examples = join(process.env.SALUS_DEFINITIONS ?? '', EXAMPLES);
    if (!existsSync(examples)) throw new Skip(`no ${EXAMPLES} in SALUS_DEFINITIONS`);
    const bad: string[] = [];
    const missed: string[] = [];
    let [good, spoilt] = [0, 0];
    const all = readdirSync(examples).filter((file) => file.endsWith('.json')).map((file) => JSON.parse(readFileSync(join(examples, file), 'utf8')) as Resource & Record<string, unknown>);
    const claimed = all.flatMap((resource) => ((resource.meta?.profile ?? []) as string[]).map((profile) => ({ resource, profile })));
    for (const { resource, profile } of claimed) {
      const found = await errors(stage, resource, profile);
      if (found.length === 0) good += 1;
      else bad.push(`${resource.resourceType}/${resource.id}: ${found[0]!.slice(0, 200)}`);
      const needed = NEEDED[resource.resourceType];
      if (!needed || !(needed in resource)) continue;
      spoilt += 1;
      const without = structuredClone(resource);
      delete (without as Record<string, unknown>)[needed];
      if ((await errors(stage, without, profile)).length === 0) missed.push(`${resource.resourceType}/${resource.id} without ${needed}`);
    }
    const said = atLeast(ACCEPTED_MIN, good, claimed.length, 'examples are of their profile', bad);
    const caught = atLeast(ACCEPTED_MIN, spoilt - missed.length, spoilt, 'spoilt ones are not', missed);
    const [patient] = await stage.all('Patient');
    const summary = await stage.ask('GET', `Patient/${patient!.id}/$summary`);
    if (!summary.ok) throw new Error(`$summary: ${summary.status} ${await summary.text()}`);
    const wrong = await errors(stage, (await summary.json()) as Resource, DOCUMENT);
    for (const one of wrong) console.log(`   - $summary: ${one}`);
    if (wrong.length > 0) throw new Error(`the node's own summary breaks the guide's profile in ${wrong.length} places`);
    return `${said}; ${caught}; the node's own summary is`;
  },
};

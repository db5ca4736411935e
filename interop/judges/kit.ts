/** npm `fhir-kit-client`: every interaction that it has a method for. */
import assert from 'node:assert/strict';
import { Client } from 'fhir-kit-client';
import { version, type Judge, type Resource } from '../stage';

type Found = Resource & { id: string; meta: { versionId: string }; total?: number; entry?: { resource: Resource }[] };
const labs = { system: 'http://loinc.org', code: '29463-7' };
const weight = (patient: string, value: number) => ({
  resourceType: 'Observation', status: 'final', code: { coding: [labs] }, subject: { reference: `Patient/${patient}` }, effectiveDateTime: '2026-03-01',
  valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
});

export const kit: Judge = {
  name: 'fhir-kit-client',
  by: `npm fhir-kit-client ${version('fhir-kit-client')}`,
  async run(stage) {
    const { fhir, hospital } = stage;
    const client = new Client({ baseUrl: fhir, bearerToken: stage.bearer() });
    const smart = await client.smartAuthMetadata();
    assert.equal(String(smart.tokenUrl), `${hospital}/smart/token`);
    const statement = (await client.capabilityStatement()) as unknown as { fhirVersion: string };
    assert.equal(statement.fhirVersion, '4.0.1');
    let asked = 2;
    const did = <T>(answer: T): Found => {
      asked += 1;
      return answer as unknown as Found;
    };
    const patient = did(await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', name: [{ family: 'Kitt' }] } }));
    const made = did(await client.create({ resourceType: 'Observation', body: weight(patient.id, 71.5) }));
    const at = { resourceType: 'Observation', id: made.id };
    assert.equal(did(await client.read(at)).id, made.id);
    const changed = did(await client.update({ ...at, body: { ...made, status: 'amended' } as never }));
    assert.notEqual(changed.meta.versionId, made.meta.versionId);
    did(await client.patch({ ...at, jsonPatch: [{ op: 'replace', path: '/status', value: 'corrected' }] }));
    assert.equal((did(await client.vread({ ...at, version: made.meta.versionId })) as { status?: string }).status, 'final');
    assert.equal(did(await client.history(at)).entry!.length, 3);
    const found = did(await client.search({ resourceType: 'Observation', searchParams: { patient: patient.id, code: `${labs.system}|${labs.code}`, _sort: '-date', _count: 1 } }));
    assert.equal(found.entry!.length, 1);
    const posted = did(await client.search({ resourceType: 'Observation', searchParams: { patient: patient.id }, options: { postSearch: true } }));
    assert.equal(posted.entry![0]!.resource.id, made.id);
    did(await client.compartmentSearch({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id: patient.id } }));
    const everything = did(await client.operation({ resourceType: 'Patient', id: patient.id, name: 'everything', method: 'GET' }));
    assert.ok(everything.entry!.length >= 2);
    const batch = did(await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry: [{ request: { method: 'POST', url: 'Observation' }, resource: weight(patient.id, 70) }] } as never }));
    assert.equal(batch.entry!.length, 1);
    did(await client.delete(at));
    await assert.rejects(client.read(at), (error: { response?: { status: number } }) => error.response?.status === 410);
    return `${asked} interactions`;
  },
};

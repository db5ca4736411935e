/** npm `@medplum/core`: its client, with its own type of every resource. */
import assert from 'node:assert/strict';
import { MedplumClient, type WithId } from '@medplum/core';
import type { Patient } from '@medplum/fhirtypes';
import { version, type Judge } from '../stage';

export const medplum: Judge = {
  name: 'medplum-client',
  by: `npm @medplum/core ${version('@medplum/core')}`,
  async run(stage) {
    const client = new MedplumClient({ baseUrl: stage.hospital, fhirUrlPath: 'fhir', fetch: (url: string, options: RequestInit) => fetch(url, { ...options, cache: undefined }) });
    client.setAccessToken(stage.bearer());
    const patient: WithId<Patient> = await client.createResource<Patient>({ resourceType: 'Patient', name: [{ given: ['Mira'], family: 'Plum' }], birthDate: '1980-02-29' });
    assert.equal((await client.readResource('Patient', patient.id!)).birthDate, '1980-02-29');
    const changed = await client.updateResource({ ...patient, gender: 'female' });
    assert.equal(changed.gender, 'female');
    const patched = await client.patchResource('Patient', patient.id!, [{ op: 'add', path: '/active', value: true }]);
    assert.equal(patched.active, true);
    const note = await client.createResource({ resourceType: 'Flag', status: 'active', code: { text: 'Falls' }, subject: { reference: `Patient/${patient.id}` } });
    const notes = await client.searchResources('Flag', { patient: patient.id });
    assert.deepEqual(notes.map((one) => one.id), [note.id]);
    assert.equal((await client.searchOne('Patient', { _id: patient.id }))?.id, patient.id);
    assert.equal((await client.readHistory('Patient', patient.id!)).entry!.length, 3);
    assert.equal((await client.readVersion('Patient', patient.id!, patient.meta!.versionId!)).gender, undefined);
    const everything = await client.readPatientEverything(patient.id!);
    assert.ok(everything.entry!.some(({ resource }) => resource?.resourceType === 'Flag'));
    const batch = await client.executeBatch({ resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: `Patient/${patient.id}` } }] });
    assert.equal(batch.entry![0]!.response!.status!.slice(0, 3), '200');
    let pages = 0;
    for await (const page of client.searchResourcePages('Observation', { _count: 50 })) pages += page.length > 0 ? 1 : 0;
    assert.ok(pages > 1);
    await client.deleteResource('Flag', note.id!);
    await assert.rejects(client.readResource('Flag', note.id!));
    return `13 interactions, ${pages} pages followed`;
  },
};

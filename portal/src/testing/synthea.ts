/** Synthea bundles as mock patients, to look at pages with richer histories than our own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle, Resource } from '../api/fhirTypes';
import type { Category } from '../crypto/formats';
import { humanName } from '../ui/fhir/text';
import type { MockPatient } from './data';

const BY_TYPE: Record<string, Category> = {
  Patient: 'demographics', Condition: 'problems', MedicationRequest: 'medications', AllergyIntolerance: 'allergies', Immunization: 'immunizations',
  DiagnosticReport: 'labs', ImagingStudy: 'imaging', Procedure: 'procedures', Device: 'procedures', Encounter: 'notes', CarePlan: 'notes', CareTeam: 'notes', Goal: 'notes', DocumentReference: 'notes', Claim: 'claims', ExplanationOfBenefit: 'claims',
};

function categoryOf(resource: Resource): Category | undefined {
  if (resource.resourceType !== 'Observation') return BY_TYPE[resource.resourceType];
  const category = Array.isArray(resource.category) ? resource.category[0]?.coding?.[0]?.code : undefined;
  return category === 'laboratory' ? 'labs' : 'vitals';
}

export function syntheaPatients(folder: string, count: number): MockPatient[] {
  return readdirSync(folder).filter((name) => name.endsWith('.json')).slice(0, count).map((name) => {
    const bundle = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Bundle;
    const resources = (bundle.entry ?? []).flatMap((entry) => entry.resource ?? []);
    const patient = resources.find((one) => one.resourceType === 'Patient')!;
    const records = resources.flatMap((resource) => {
      const category = categoryOf(resource);
      return category ? [{ category, resource }] : [];
    });
    return { id: patient.id!, name: humanName(patient.name), birthDate: patient.birthDate!, sex: patient.gender!, records };
  });
}

import { useState } from 'react';
import type { Bundle, Resource } from '../../api/fhirTypes';
import { timeOfMs } from '../../ui/fhir/dates';
import { describe } from '../../ui/fhir/describe';
import { finder } from '../../ui/fhir/facts';
import { Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { entriesOf, type ChartEntry } from '../chart';
import { EntryDialog } from '../EntryDialog/EntryDialog';

/** In the order in which they matter. */
const PARTS: { title: string; types: string[]; none: string }[] = [
  { title: 'Allergies', types: ['AllergyIntolerance'], none: 'No allergies are noted there.' },
  { title: 'Medicines', types: ['MedicationRequest', 'MedicationStatement'], none: 'No medicines are noted there.' },
  { title: 'Problems', types: ['Condition'], none: 'No problems are noted there.' },
  { title: 'Implants and devices', types: ['Device'], none: 'No implants are noted there.' },
  { title: 'Wishes for an emergency', types: ['Consent', 'DocumentReference'], none: 'No wishes are noted there.' },
  { title: 'Vaccinations', types: ['Immunization'], none: 'No vaccinations are noted there.' },
];

/** What one organisation keeps of a person for emergencies. */
export function Summary({ from, madeMs, bundle }: { from: string; madeMs?: number; bundle: Bundle }) {
  const [opened, setOpened] = useState<ChartEntry | null>(null);
  const resources = (bundle.entry ?? []).map((entry) => entry.resource).filter((resource): resource is Resource => !!resource);
  const entries = entriesOf(resources, []);
  const person = resources.find((resource) => resource.resourceType === 'Patient');
  return (
    <Section title={`From ${from}`} hint={[person && describe(person).title, madeMs !== undefined && `as of ${timeOfMs(madeMs)}`].filter(Boolean).join(', ')}>
      {PARTS.map(({ title, types, none }) => {
        const part = entries.filter((entry) => types.includes(entry.resource.resourceType));
        return (
          <section key={title} aria-label={title}>
            <h3>{title}</h3>
            {part.length === 0 ? <p>{none}</p> : <RecordList>{part.map((entry) => <RecordRow key={entry.key} described={entry.described} onOpen={() => setOpened(entry)} />)}</RecordList>}
          </section>
        );
      })}
      {opened && <EntryDialog entry={opened} source={from} find={finder(resources)} onClose={() => setOpened(null)} />}
    </Section>
  );
}

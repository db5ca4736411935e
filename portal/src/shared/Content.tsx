import { Button } from '@mantine/core';
import type { Resource } from '../api/fhirTypes';
import type { Opened } from '../links/open';
import { REDISCLOSURE } from '../links/document';
import { dayOfMs, shortDay } from '../ui/fhir/dates';
import { describe, proseOf } from '../ui/fhir/describe';
import { humanName } from '../ui/fhir/text';
import { Icon } from '../ui/icons';
import { Note } from '../ui/Note/Note';
import { Page, Section } from '../ui/Page/Page';
import { RecordList, RecordRow } from '../ui/RecordRow/RecordRow';
import { saveFile } from '../ui/saveFile';
import css from './SharedApp.module.css';

interface Bundle {
  resourceType?: string;
  entry?: { fullUrl?: string; resource?: Resource }[];
}
interface Part {
  title: string;
  resources: Resource[];
}
type WithSections = Resource & { section?: { title?: string; entry?: { reference?: string }[] }[] };

const NOT_SHOWN = new Set(['Patient', 'Composition', 'Organization', 'Practitioner', 'PractitionerRole', 'Location']);

/** By the document’s own sections; what none names comes last. */
function partsOf({ entry = [] }: Bundle): Part[] {
  const byUrl = new Map(entry.flatMap(({ fullUrl, resource }) => (fullUrl && resource ? [[fullUrl, resource] as const] : [])));
  const composition = entry.find(({ resource }) => resource?.resourceType === 'Composition')?.resource as WithSections | undefined;
  const left = new Set(entry.flatMap(({ resource }) => (resource && !NOT_SHOWN.has(resource.resourceType) ? [resource] : [])));
  const parts = (composition?.section ?? []).map(({ title = 'Entries', entry: named = [] }) => {
    const resources = named.flatMap(({ reference = '' }) => byUrl.get(reference) ?? []);
    for (const one of resources) left.delete(one);
    return { title, resources };
  });
  return [...parts, { title: 'Others', resources: [...left] }].filter(({ resources }) => resources.length > 0);
}

function bundleOf(text: string): Bundle | null {
  try {
    const found = JSON.parse(text) as Bundle;
    return found.resourceType === 'Bundle' ? found : null;
  } catch {
    return null;
  }
}

/** What the link holds, in plain words. */
export function Content({ of, label, untilMs }: { of: Opened; label?: string; untilMs?: number }) {
  const bundles = of.files.flatMap(({ text }) => bundleOf(text) ?? []);
  const patient = bundles.flatMap(({ entry = [] }) => entry).find(({ resource }) => resource?.resourceType === 'Patient')?.resource;
  const name = typeof patient?.name === 'string' ? patient.name : humanName(patient?.name);
  const parts = bundles.flatMap(partsOf);
  const noted = of.files.some(({ text }) => text.includes(REDISCLOSURE));
  return (
    <Page title={name || label || 'A health record'} lead={patient?.birthDate ? `Born ${shortDay(patient.birthDate)}` : undefined}>
      <Note>The patient chose what you see here. Other things may have been left out.{untilMs ? ` The link ends on ${dayOfMs(untilMs)}.` : ''}</Note>
      {noted && <Note tone="warn" title="Please note">{REDISCLOSURE}</Note>}
      <div className={`${css.actions} no-print`}>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
        {of.files.map((file, at) => <Button key={at} variant="default" leftSection={<Icon name="download" size={20} />} onClick={() => saveFile('health-record.json', file.text, 'application/fhir+json')}>Save for a computer program</Button>)}
      </div>
      {parts.length === 0 && <Note tone="warn">There is nothing in it that this page can show.</Note>}
      {parts.map(({ title, resources }) => (
        <Section key={title} title={title}>
          <RecordList>{resources.map((resource, at) => <RecordRow key={resource.id ?? at} described={describe(resource)} source={resource.meta?.source} />)}</RecordList>
          {resources.flatMap(proseOf).map((text, at) => <p key={at} className={css.prose}>{text}</p>)}
        </Section>
      ))}
    </Page>
  );
}

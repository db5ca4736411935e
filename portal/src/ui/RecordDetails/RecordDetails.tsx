import { Button } from '@mantine/core';
import type { Resource } from '../../api/fhirTypes';
import { proseOf } from '../fhir/describe';
import { filesOf, type AttachedFile } from '../fhir/facts';
import { partsOf, pressureOf, rangeText, readingOf, STANDING_WORDS, type Reading } from '../fhir/observation';
import { Icon } from '../icons';
import { Card, Section } from '../Page/Page';
import { saveFile } from '../saveFile';
import { Tag } from '../Tag/Tag';
import css from './RecordDetails.module.css';

function readings(resource: Resource): Reading[] {
  if (resource.resourceType !== 'Observation') return [];
  const pressure = pressureOf(resource);
  if (pressure) return [pressure.upper, pressure.lower];
  const reading = readingOf(resource);
  return reading.text ? [reading] : partsOf(resource);
}

/** What was measured, large, with where it lies; `advice` is for people who may worry. */
export function Values({ resource, advice }: { resource: Resource; advice?: boolean }) {
  const parts = readings(resource);
  if (parts.length === 0) return null;
  const { about } = readingOf(resource);
  return (
    <Card>
      <div className={css.values}>
        {parts.map((part) => (
          <div key={part.name} className={css.value}>
            {parts.length > 1 && <p className={css.partName}>{part.name}</p>}
            <p className={css.number}>{part.text}</p>
            {part.standing !== 'unknown' && <Tag tone={part.standing === 'usual' ? 'accent' : 'warn'} icon={part.standing === 'usual' ? 'check' : 'info-circle'}>{STANDING_WORDS[part.standing]}</Tag>}
            {part.range && <p className={css.range}>Usual: {rangeText(part.range, part.quantity)}{part.range.from === 'common' ? ', as common for adults' : ''}</p>}
          </div>
        ))}
      </div>
      {about && <p className={css.explain}>{about}</p>}
      {advice && parts.some((part) => part.standing !== 'usual' && part.standing !== 'unknown') && <p className={css.explain}>A value outside the usual range is not by itself an illness. Ask the practice if you are unsure.</p>}
    </Card>
  );
}

/** Notes use "# Heading" lines; everything else stays as it was written. */
function Written({ text }: { text: string }) {
  const blocks = text.split(/\n(?=#{1,4} )/);
  return (
    <Card>
      {blocks.map((block, at) => {
        const [, heading, rest = block] = /^#{1,4} ([^\n]+)\n?([\s\S]*)$/.exec(block) ?? [];
        return (
          <div key={at} className={css.block}>
            {heading && <h3>{heading}</h3>}
            {rest.trim() && <p className={css.prose}>{rest.trim()}</p>}
          </div>
        );
      })}
    </Card>
  );
}

const bytesOf = (file: AttachedFile) => Uint8Array.from(atob(file.data), (letter) => letter.charCodeAt(0));

/** Free text and attached files. */
export function Prose({ resource }: { resource: Resource }) {
  const [prose, files] = [proseOf(resource), filesOf(resource)];
  if (prose.length + files.length === 0) return null;
  return (
    <Section title="What was written">
      {prose.map((text, at) => <Written key={at} text={text} />)}
      {files.map((file, at) => (
        <div key={at}><Button variant="default" leftSection={<Icon name="download" size={20} />} onClick={() => saveFile(file.name, bytesOf(file), file.type)}>Save {file.name}</Button></div>
      ))}
    </Section>
  );
}

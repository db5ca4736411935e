import { Button, TextInput } from '@mantine/core';
import { useDeferredValue, useState } from 'react';
import { CATEGORIES, type Category } from '../../crypto/formats';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { counted } from '../../ui/fhir/text';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty } from '../../ui/Note/Note';
import { Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import type { Verdicts } from '../session/verdicts';
import { matches, type Entry } from '../timeline/group';
import { Verified } from '../Verified/Verified';

const ROWS_FIRST = 3;
const ROWS_MORE = 40;
/** Fewer can be read at a glance. */
const SEARCH_FROM = 12;

export const categoriesOf = (entries: Entry[]): Category[] => CATEGORIES.filter((category) => entries.some(({ record }) => record.category === category));

interface Props {
  /** The newest first. */
  entries: Entry[];
  onOpen: (entry: Entry) => void;
}

/** What a carer sees: the newest of each category, the rest when asked for, and a search. */
export function OthersEntries({ entries, onOpen }: Props) {
  const [typed, setTyped] = useState('');
  const searched = useDeferredValue(typed.trim());
  // Checked on this device, from the proofs alone. Without an answer nothing counts as verified.
  const { value: verdicts } = useLoad(entries.map(({ record }) => record.key).join(' '), () => session.proxies.verdicts(entries.map(({ record }) => record)));
  const found = searched ? entries.filter((entry) => matches(entry, searched)) : entries;
  const list = { onOpen, verdicts };
  return (
    <>
      {entries.length >= SEARCH_FROM && (
        <div role="search">
          <TextInput aria-label="Search in this record" placeholder="Search" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} type="search" />
          <p className="visually-hidden" role="status">{searched ? `${found.length} found` : ''}</p>
        </div>
      )}
      {found.length === 0 && <Empty icon="search" title={`Nothing found for “${searched}”`}>Try a shorter or a different word.</Empty>}
      {categoriesOf(found).map((category) => <Part key={`${category} ${searched}`} name={CATEGORY_WORDS[category].name} entries={found.filter(({ record }) => record.category === category)} {...list} />)}
    </>
  );
}

function Part({ name, entries, onOpen, verdicts }: Props & { name: string; verdicts: Verdicts | null }) {
  const [rows, setRows] = useState(ROWS_FIRST);
  const nameOf = useOrganisationName();
  const more = entries.length - rows;
  return (
    <Section title={name}>
      <RecordList>
        {entries.slice(0, rows).map((entry) => (
          <RecordRow key={entry.record.key} described={entry.described} onOpen={() => onOpen(entry)} source={<span>{nameOf(entry.record.source)}</span>} marks={<Verified verdict={verdicts?.[entry.record.key]} />} />
        ))}
      </RecordList>
      {more > 0 && <Button variant="default" onClick={() => setRows(rows + ROWS_MORE)}>{name}: {counted(more, 'more entry', 'more entries')}</Button>}
    </Section>
  );
}

import { Button, TextInput } from '@mantine/core';
import { lazy, Suspense, useDeferredValue, useMemo, useState } from 'react';
import { Link, Navigate, useParams } from 'react-router';
import { CATEGORIES, type Category as CategoryId } from '../../crypto/formats';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { chartable, seriesOf } from '../../ui/fhir/series';
import { isCurrent, isMistake } from '../../ui/fhir/status';
import { counted, loinc } from '../../ui/fhir/text';
import { Icon } from '../../ui/icons';
import { Empty, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { useOrganisationName, useRecords } from '../session/useSession';
import { byYear, entriesOf, matches, type Entry } from '../timeline/group';
import { Verified } from '../Verified/Verified';
import css from './Category.module.css';

const Chart = lazy(() => import('../../ui/Chart/Chart'));
const CHARTS_MAX = 6;
const ROWS_AT_ONCE = 40;
/** Fewer can be read at a glance. */
const SEARCH_FROM = 12;

const SPLIT: Partial<Record<CategoryId, [string, string]>> = {
  problems: ['Now', 'In the past'],
  medications: ['Taken now', 'Taken before'],
  allergies: ['Now', 'No longer'],
};

export function Category() {
  const { category } = useParams();
  const records = useRecords();
  const known = CATEGORIES.includes(category as CategoryId) ? (category as CategoryId) : null;
  const entries = useMemo(
    () => entriesOf(records.filter((record) => record.category === known)).sort((a, b) => b.ms - a.ms),
    [records, known],
  );
  const [typed, setTyped] = useState('');
  const searched = useDeferredValue(typed.trim());
  if (!known) return <Navigate to="/" replace />;
  const words = CATEGORY_WORDS[known];
  const split = SPLIT[known];
  const found = searched ? entries.filter((entry) => matches(entry, searched)) : null;
  return (
    <Page title={words.name} lead={words.about} back={{ to: '/', label: 'My record' }} action={known === 'immunizations' && entries.length > 0 && <Button component={Link} to="/cards" variant="default" leftSection={<Icon name="scan" size={20} />}>Vaccine cards</Button>}>
      {entries.length === 0 && <Empty icon={words.icon} title="Nothing here">Entries appear here when your hospital adds them.</Empty>}
      {entries.length >= SEARCH_FROM && (
        <div className="no-print" role="search">
          <TextInput aria-label={`Search in ${words.name}`} placeholder="Search" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} type="search" />
          <p className="visually-hidden" role="status">{found ? `${found.length} found` : ''}</p>
        </div>
      )}
      {found ? (
        found.length === 0 ? <Empty icon="search" title={`Nothing found for “${searched}”`}>Try a shorter or a different word.</Empty> : <ByYear key={searched} title="Found" entries={found} />
      ) : (
        <>
          <Charts entries={entries} />
          {split ? split.map((title, at) => <ByYear key={title} title={title} entries={entries.filter((entry) => isCurrent(entry.record.resource) === (at === 0))} />) : <Measures entries={entries} category={known} />}
        </>
      )}
    </Page>
  );
}

function Charts({ entries }: { entries: Entry[] }) {
  const observations = useMemo(() => entries.map((entry) => entry.record.resource), [entries]);
  const series = useMemo(
    () => chartable(observations).slice(0, CHARTS_MAX).flatMap((code) => seriesOf(observations, code)),
    [observations],
  );
  if (series.length === 0) return null;
  return (
    <Section title="Over time">
      <Suspense fallback={<Skeletons rows={3} label="Drawing charts" />}>
        <div className={css.charts}>
          {series.map((one) => <Card key={`${one.code} ${one.unit}`}><Chart title={one.title} unit={one.unitWords} note={one.note} points={one.points} series={one.series} /></Card>)}
        </div>
      </Suspense>
    </Section>
  );
}

/** Measured things by measure, the latest value first; everything else as one list. */
function Measures({ entries, category }: { entries: Entry[]; category: CategoryId }) {
  if (category !== 'labs' && category !== 'vitals') return <ByYear entries={entries} />;
  const latest = new Map<string, Entry>();
  for (const entry of entries) {
    const { resource } = entry.record;
    const key = resource.resourceType === 'Observation' ? (loinc(resource.code) ?? entry.record.key) : entry.record.key;
    if (!latest.has(key) && !isMistake(resource)) latest.set(key, entry);
  }
  const measures = [...latest.values()].filter((entry) => entry.record.resource.resourceType === 'Observation');
  return (
    <>
      <Section title="Latest of each"><Rows entries={measures} /></Section>
      <ByYear title="All" entries={entries} />
    </>
  );
}

function Rows({ entries }: { entries: Entry[] }) {
  const nameOf = useOrganisationName();
  return (
    <RecordList>
      {entries.map(({ record, described }) => (
        <RecordRow key={record.key} described={described} to={`/record/${record.key}`} source={<span>{nameOf(record.source)}</span>} marks={<Verified verdict={record.verdict} />} />
      ))}
    </RecordList>
  );
}

/** A long list by year, the newest first; older years come when asked for. */
function ByYear({ title, entries }: { title?: string; entries: Entry[] }) {
  const [rows, setRows] = useState(ROWS_AT_ONCE);
  if (entries.length === 0) return null;
  const years = entries.length >= SEARCH_FROM ? byYear(entries.slice(0, rows)) : null;
  return (
    <Section title={title}>
      {years ? years.map(([year, group]) => (
        <section key={year} className={css.year}>
          {title ? <h3 className={css.yearName}>{year}</h3> : <h2 className={css.yearName}>{year}</h2>}
          <Rows entries={group} />
        </section>
      )) : <Rows entries={entries} />}
      {entries.length > rows && <Button variant="default" onClick={() => setRows(rows + 3 * ROWS_AT_ONCE)}>Show earlier: {counted(entries.length - rows, 'entry', 'entries')}</Button>}
    </Section>
  );
}

import { Button } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import { Navigate, useParams } from 'react-router';
import { CATEGORIES, type Category as CategoryId } from '../../crypto/formats';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { chartable, seriesOf } from '../../ui/fhir/series';
import { loinc } from '../../ui/fhir/text';
import { Empty, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { useOrganisationName, useRecords } from '../session/useSession';
import { entriesOf, type Entry } from '../timeline/group';
import { Verified } from '../Verified/Verified';
import css from './Category.module.css';

const Chart = lazy(() => import('../../ui/Chart/Chart'));
const CHARTS_MAX = 6;
const ROWS_AT_ONCE = 20;

/** What still counts, and what is over: by the status that the record gives. */
function isCurrent({ record: { resource } }: Entry): boolean {
  if (resource.resourceType === 'Condition') {
    const status = resource.clinicalStatus?.coding?.[0]?.code;
    return status ? ['active', 'recurrence', 'relapse'].includes(status) : !resource.abatementDateTime;
  }
  return resource.status === 'active' || resource.status === 'in-progress' || resource.status === 'intended';
}

const SPLIT: Partial<Record<CategoryId, [string, string]>> = {
  problems: ['Now', 'In the past'],
  medications: ['Taken now', 'Taken before'],
};

export function Category() {
  const { category } = useParams();
  const records = useRecords();
  const known = CATEGORIES.includes(category as CategoryId) ? (category as CategoryId) : null;
  const entries = useMemo(
    () => entriesOf(records.filter((record) => record.category === known)).sort((a, b) => b.ms - a.ms),
    [records, known],
  );
  if (!known) return <Navigate to="/" replace />;
  const words = CATEGORY_WORDS[known];
  const split = SPLIT[known];
  return (
    <Page title={words.name} lead={words.about} back={{ to: '/', label: 'My record' }}>
      {entries.length === 0 && <Empty icon={words.icon} title="Nothing here">Entries appear here when your hospital adds them.</Empty>}
      <Charts entries={entries} />
      {split ? (
        <>
          <List title={split[0]} entries={entries.filter(isCurrent)} />
          <List title={split[1]} entries={entries.filter((entry) => !isCurrent(entry))} />
        </>
      ) : (
        <Measures entries={entries} category={known} />
      )}
    </Page>
  );
}

function Charts({ entries }: { entries: Entry[] }) {
  const observations = useMemo(() => entries.map((entry) => entry.record.resource), [entries]);
  const series = useMemo(
    () => chartable(observations).slice(0, CHARTS_MAX).flatMap((code) => seriesOf(observations, code) ?? []),
    [observations],
  );
  if (series.length === 0) return null;
  return (
    <Section title="Over time">
      <Suspense fallback={<Skeletons rows={3} label="Drawing charts" />}>
        <div className={css.charts}>
          {series.map((one) => <Card key={one.code}><Chart title={one.title} unit={one.unit} points={one.points} series={one.series} /></Card>)}
        </div>
      </Suspense>
    </Section>
  );
}

/** Measured things by measure, the latest value first; everything else as one list. */
function Measures({ entries, category }: { entries: Entry[]; category: CategoryId }) {
  if (category !== 'labs' && category !== 'vitals') return <List entries={entries} />;
  const latest = new Map<string, Entry>();
  for (const entry of entries) {
    const { resource } = entry.record;
    const key = resource.resourceType === 'Observation' ? (loinc(resource.code) ?? entry.record.key) : entry.record.key;
    if (!latest.has(key)) latest.set(key, entry);
  }
  const measures = [...latest.values()].filter((entry) => entry.record.resource.resourceType === 'Observation');
  return (
    <>
      <List title="Latest of each" entries={measures} />
      <List title="All" entries={entries} />
    </>
  );
}

function List({ title, entries }: { title?: string; entries: Entry[] }) {
  const nameOf = useOrganisationName();
  const [rows, setRows] = useState(ROWS_AT_ONCE);
  if (entries.length === 0) return null;
  return (
    <Section title={title}>
      <RecordList>
        {entries.slice(0, rows).map(({ record, described }) => (
          <RecordRow key={record.key} described={described} to={`/record/${record.key}`} source={<span>{nameOf(record.source)}</span>} marks={<Verified verdict={record.verdict} />} />
        ))}
      </RecordList>
      {entries.length > rows && <Button variant="default" onClick={() => setRows(rows + 5 * ROWS_AT_ONCE)}>Show earlier</Button>}
    </Section>
  );
}

import { Button, SegmentedControl } from '@mantine/core';
import { createContext, lazy, Suspense, useContext, useMemo, useState } from 'react';
import { staff, type Chart as ChartSession, type ChartSource, type FetchedShares, type StaffMember } from '../../api/staff';
import { shortDay } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, plainConcept } from '../../ui/fhir/describe';
import { chartable, seriesOf } from '../../ui/fhir/series';
import { loinc } from '../../ui/fhir/text';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { Tag } from '../../ui/Tag/Tag';
import { AskAccess } from '../AskAccess/AskAccess';
import { entriesOf, useChartRecords, type ChartEntry } from '../chart';
import css from './OpenChart.module.css';

const Chart = lazy(() => import('../../ui/Chart/Chart'));
const ROWS_MAX = 150;

type View = 'summary' | 'results' | 'all';

/** An open chart: where the records come from, the summary, the charts, everything. */
export function OpenChart({ chart, patient, name, me, nameOf }: { chart: ChartSession; patient: string; name: string; me: StaffMember; nameOf: (id: string) => string }) {
  const [round, setRound] = useState(0);
  const [fetched, setFetched] = useState<FetchedShares | null>(null);
  const [view, setView] = useState<View>('summary');
  const [asking, setAsking] = useState(false);
  const [source, setSource] = useState<string | null>(null);
  const given = fetched?.sources ?? chart.sources;
  const sources = given.map((one) => ({ ...one, id: one.organisation, organisation: nameOf(one.organisation) }));
  const records = useChartRecords(chart, round);
  const entries = useMemo(() => entriesOf(records.resources, given), [records.resources, given]);
  const shown = entries.filter((entry) => source === null || (entry.source?.organisation ?? 'own') === source);
  const fetchShared = useAction(async () => {
    setFetched(await staff.fetchShared(chart.chart));
    setRound((at) => at + 1);
  });
  const sharing = sources.some((one) => one.state === 'shared');
  return (
    <>
      <Sources sources={sources} entries={entries} chosen={source} onChoose={setSource} me={me} />
      <div className={css.actions}>
        {sharing && <Button leftSection={<Icon name="download" size={20} />} loading={fetchShared.busy} onClick={() => void fetchShared.go()}>Fetch what {name} shares</Button>}
        <Button variant="default" leftSection={<Icon name="message-circle" size={20} />} onClick={() => setAsking(true)}>Ask for access</Button>
      </div>
      {fetchShared.busy && <Note>Leaving the access entry and collecting the keys …</Note>}
      {fetchShared.error && <ErrorNote title="Shared records could not be fetched" message={`${fetchShared.error} Your own records are not affected.`} onRetry={() => void fetchShared.go()} />}
      {fetched && !fetchShared.busy && <Note tone="good">{fetched.imported === 0 ? `Nothing new. ${fetched.alreadyHeld} shared entries were here already.` : `${fetched.imported} shared entries added, ${fetched.alreadyHeld} were here already. ${name} can see this access.`}</Note>}
      <SegmentedControl className={css.views} value={view} onChange={(value) => setView(value as View)} aria-label="View" data={[{ value: 'summary', label: 'Summary' }, { value: 'results', label: 'Charts' }, { value: 'all', label: 'Everything' }]} />
      {records.error && <ErrorNote message={records.error} onRetry={() => setRound(round + 1)} />}
      {records.loading && entries.length === 0 ? <Skeletons rows={6} label="Loading the chart" /> : entries.length === 0 ? <Empty icon="file-text" title="No records yet" /> : <NameOf.Provider value={nameOf}>{view === 'summary' ? <Summary entries={shown} /> : view === 'results' ? <Curves entries={shown} /> : <Everything entries={shown} />}</NameOf.Provider>}
      {asking && <AskAccess patient={patient} name={name} onClose={() => setAsking(false)} />}
    </>
  );
}

const NameOf = createContext((id: string) => id);

function SourceMark({ source }: { source: ChartSource | null }) {
  const nameOf = useContext(NameOf);
  if (!source) return null;
  return <Tag tone="shared" icon="share">{nameOf(source.organisation)}{source.expires ? `, until ${shortDay(source.expires)}` : ''}</Tag>;
}

function Sources({ sources, entries, chosen, onChoose, me }: { sources: (ChartSource & { id: string })[]; entries: ChartEntry[]; chosen: string | null; onChoose: (source: string | null) => void; me: StaffMember }) {
  const count = (organisation: string | null) => entries.filter((entry) => (entry.source?.organisation ?? null) === organisation).length;
  return (
    <Section title="Where the records come from">
      <div className={css.sources}>
        {sources.map((source) => {
          const own = source.state === 'own';
          const key = own ? 'own' : source.id;
          return (
            <button key={`${source.organisation}/${source.grant ?? ''}`} type="button" className={`${css.source} ${own ? '' : css.shared} ${chosen === key ? css.chosen : ''}`} aria-pressed={chosen === key} onClick={() => onChoose(chosen === key ? null : key)} disabled={source.state === 'none'}>
              <strong>{own ? me.organisation : source.organisation}</strong>
              <span>{own ? `Our own, ${count(null)} entries` : source.state === 'none' ? 'Does not share with us' : `Shared, ${count(source.id)} entries here`}</span>
              {source.categories && <span>{source.categories.map((category) => CATEGORY_WORDS[category].name).join(', ')}</span>}
              {source.expires && <span>until {shortDay(source.expires)}</span>}
            </button>
          );
        })}
      </div>
    </Section>
  );
}

const ofType = (entries: ChartEntry[], ...types: string[]) => entries.filter((entry) => types.includes(entry.resource.resourceType));
const isActive = ({ resource }: ChartEntry) => ['active', 'recurrence', 'relapse'].includes(resource.clinicalStatus?.coding?.[0]?.code ?? resource.status ?? '');

/** One row for each concept, the newest: the same problem or medicine is often filed many times. */
function distinct(entries: ChartEntry[], name: (entry: ChartEntry) => string): ChartEntry[] {
  const seen = new Map<string, ChartEntry>();
  for (const entry of entries) if (!seen.has(name(entry))) seen.set(name(entry), entry);
  return [...seen.values()];
}

function Summary({ entries }: { entries: ChartEntry[] }) {
  const byTitle = (entry: ChartEntry) => entry.described.title;
  const problems = distinct(ofType(entries, 'Condition').filter(isActive), byTitle);
  const medicines = distinct(ofType(entries, 'MedicationRequest', 'MedicationStatement').filter(isActive), byTitle);
  const allergies = distinct(ofType(entries, 'AllergyIntolerance'), (entry) => plainConcept(entry.resource.code));
  const observations = ofType(entries, 'Observation');
  const recent = distinct(observations, (entry) => loinc(entry.resource.code) ?? entry.key).slice(0, 12);
  const visits = ofType(entries, 'Encounter').slice(0, 6);
  return (
    <div className={css.columns}>
      <Panel title="Allergies" entries={allergies} empty="No allergies on record" />
      <Panel title="Current problems" entries={problems} empty="No current problems on record" />
      <Panel title="Current medicines" entries={medicines} empty="No current medicines on record" />
      <Panel title="Latest results" entries={recent} empty="No results on record" />
      <Panel title="Latest visits" entries={visits} empty="No visits on record" />
    </div>
  );
}

function Panel({ title, entries, empty }: { title: string; entries: ChartEntry[]; empty: string }) {
  return <Section title={title}>{entries.length === 0 ? <Card tone="soft">{empty}</Card> : <Rows entries={entries} />}</Section>;
}

function Rows({ entries }: { entries: ChartEntry[] }) {
  return <RecordList>{entries.map((entry) => <RecordRow key={entry.key} described={entry.described} marks={<SourceMark source={entry.source} />} />)}</RecordList>;
}

function Curves({ entries }: { entries: ChartEntry[] }) {
  const observations = useMemo(() => entries.map((entry) => entry.resource), [entries]);
  const series = useMemo(() => chartable(observations).slice(0, 12).flatMap((code) => seriesOf(observations, code) ?? []), [observations]);
  if (series.length === 0) return <Empty icon="chart-line" title="Nothing to draw yet">A chart needs at least two values of one measure.</Empty>;
  return (
    <Suspense fallback={<Skeletons rows={4} label="Drawing charts" />}>
      <div className={css.grid}>{series.map((one) => <Card key={one.code}><Chart title={one.title} unit={one.unit} points={one.points} series={one.series} /></Card>)}</div>
    </Suspense>
  );
}

function Everything({ entries }: { entries: ChartEntry[] }) {
  const [rows, setRows] = useState(ROWS_MAX);
  return (
    <>
      <Rows entries={entries.slice(0, rows)} />
      {entries.length > rows && <Button variant="default" onClick={() => setRows(rows + ROWS_MAX)}>Show earlier</Button>}
    </>
  );
}

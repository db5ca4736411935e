import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { createContext, lazy, Suspense, useContext, useDeferredValue, useMemo, useState } from 'react';
import { staff, type Chart as ChartSession, type ChartSource, type FetchedShares, type StaffMember } from '../../api/staff';
import { shortDay } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, plainConcept } from '../../ui/fhir/describe';
import { finder } from '../../ui/fhir/facts';
import { chartable, seriesOf } from '../../ui/fhir/series';
import { isCurrent, isMistake } from '../../ui/fhir/status';
import { counted, loinc } from '../../ui/fhir/text';
import { useAction } from '../../ui/hooks';
import { useLive } from '../../ui/useLive';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { Tag } from '../../ui/Tag/Tag';
import { AskAccess } from '../AskAccess/AskAccess';
import { Elsewhere } from '../Elsewhere/Elsewhere';
import { entriesOf, useChartRecords, type ChartEntry } from '../chart';
import { useDisplays } from '../displays';
import { EntryDialog } from '../EntryDialog/EntryDialog';
import { LaunchApps } from '../Launch/Launch';
import css from './OpenChart.module.css';

const Chart = lazy(() => import('../../ui/Chart/Chart'));
const ROWS_MAX = 150;
/** A chart that changes all the time is loaded again this often at most. */
const CHART_PAUSE_MS = 5_000;

type View = 'summary' | 'results' | 'all';

/** An open chart: where the records come from, the summary, the charts, everything. */
export function OpenChart({ chart, patient, name, me, nameOf }: { chart: ChartSession; patient: string; name: string; me: StaffMember; nameOf: (id: string) => string }) {
  const [round, setRound] = useState(0);
  const [fetched, setFetched] = useState<FetchedShares | null>(null);
  const [view, setView] = useState<View>('summary');
  const [asking, setAsking] = useState(false);
  const [looking, setLooking] = useState(false);
  const [source, setSource] = useState<string | null>(null);
  const [opened, setOpened] = useState<ChartEntry | null>(null);
  const given = fetched?.sources ?? chart.sources;
  const sources = given.map((one) => ({ ...one, id: one.organisation, organisation: nameOf(one.organisation) }));
  const records = useChartRecords(chart, round);
  useLive(`/staff/charts/${encodeURIComponent(chart.chart)}/events`, 'changed', () => setRound((at) => at + 1), CHART_PAUSE_MS);
  const resources = useDisplays(records.resources, records.loading);
  const entries = useMemo(() => entriesOf(resources, given), [resources, given]);
  const shown = entries.filter((entry) => source === null || (entry.source?.organisation ?? 'own') === source);
  const fetchShared = useAction(async () => {
    setFetched(await staff.fetchShared(chart.chart));
    setRound((at) => at + 1);
  });
  const sharing = sources.some((one) => one.state === 'shared');
  const find = useMemo(() => finder(resources), [resources]);
  const sourceName = (entry: ChartEntry) => (entry.source ? nameOf(entry.source.organisation) : me.organisation);
  // "None" would be read as "has none": it has to say of which records.
  const unread = records.loading ? 'still loading' : sharing && !entries.some((entry) => entry.source) ? `${name} shares records that have not been fetched` : source !== null ? 'from the chosen source only' : null;
  return (
    <>
      <Sources sources={sources} entries={entries} chosen={source} onChoose={setSource} me={me} />
      <div className={css.actions}>
        {sharing && <Button leftSection={<Icon name="download" size={20} />} loading={fetchShared.busy} onClick={() => void fetchShared.go()}>Fetch what {name} shares</Button>}
        <Button variant="default" leftSection={<Icon name="message-circle" size={20} />} onClick={() => setAsking(true)}>Ask for access</Button>
        <Button variant="default" leftSection={<Icon name="search" size={20} />} onClick={() => setLooking(true)}>Find records elsewhere</Button>
        <LaunchApps chart={chart.chart} />
      </div>
      {fetchShared.busy && <Note>Leaving the access entry and collecting the keys …</Note>}
      {fetchShared.error && <ErrorNote title="Shared records could not be fetched" message={`${fetchShared.error} Your own records are not affected.`} onRetry={() => void fetchShared.go()} />}
      {fetched && !fetchShared.busy && <Note tone="good">{fetched.imported === 0 ? `Nothing new. ${fetched.alreadyHeld} shared entries were here already.` : `${fetched.imported} shared entries added, ${fetched.alreadyHeld} were here already. ${name} can see this access.`}</Note>}
      <SegmentedControl className={css.views} value={view} onChange={(value) => setView(value as View)} aria-label="View" data={[{ value: 'summary', label: 'Summary' }, { value: 'results', label: 'Charts' }, { value: 'all', label: 'Everything' }]} />
      {records.error && <ErrorNote message={records.error} onRetry={() => setRound(round + 1)} />}
      {records.loading && entries.length === 0 ? <Skeletons rows={6} label="Loading the chart" /> : entries.length === 0 ? <Empty icon="file-text" title="No records yet" /> : <Context value={{ nameOf, open: setOpened, unread, mixed: entries.some((entry) => entry.source) }}>{view === 'summary' ? <Summary entries={shown} /> : view === 'results' ? <Curves entries={shown} /> : <Everything entries={shown} />}</Context>}
      {records.loading && entries.length > 0 && <p role="status">Loading more entries …</p>}
      {opened && <EntryDialog entry={opened} source={sourceName(opened)} find={find} onClose={() => setOpened(null)} />}
      {looking && <Elsewhere chart={chart.chart} name={name} nameOf={nameOf} onAsk={() => { setLooking(false); setAsking(true); }} onClose={() => setLooking(false)} />}
      {asking && <AskAccess patient={patient} name={name} onClose={() => setAsking(false)} />}
    </>
  );
}

interface ChartContext {
  nameOf: (id: string) => string;
  open: (entry: ChartEntry) => void;
  /** Why what is shown may not be all; `null` if it is. */
  unread: string | null;
  /** Own and shared records stand side by side, so each says which it is. */
  mixed: boolean;
}
const Context = createContext<ChartContext>({ nameOf: (id) => id, open: () => undefined, unread: null, mixed: false });

function SourceMark({ source }: { source: ChartSource | null }) {
  const { nameOf, mixed } = useContext(Context);
  if (!source) return mixed ? <Tag>Our own</Tag> : null;
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
const isNow = ({ resource }: ChartEntry) => isCurrent(resource);

/** One row for each concept, the newest: the same problem or medicine is often filed many times. */
function distinct(entries: ChartEntry[], name: (entry: ChartEntry) => string): ChartEntry[] {
  const seen = new Map<string, ChartEntry>();
  for (const entry of entries) if (!seen.has(name(entry))) seen.set(name(entry), entry);
  return [...seen.values()];
}

function Summary({ entries }: { entries: ChartEntry[] }) {
  const byTitle = (entry: ChartEntry) => entry.described.title;
  const problems = distinct(ofType(entries, 'Condition').filter(isNow), byTitle);
  const medicines = distinct(ofType(entries, 'MedicationRequest', 'MedicationStatement').filter(isNow), byTitle);
  const allergies = distinct(ofType(entries, 'AllergyIntolerance').filter(isNow), (entry) => plainConcept(entry.resource.code));
  const observations = ofType(entries, 'Observation').filter(({ resource }) => !isMistake(resource));
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
  const { unread } = useContext(Context);
  return (
    <Section title={title}>
      {entries.length > 0 ? <Rows entries={entries} /> : <Card tone="soft">{empty}{unread && <p className={css.unread}><Icon name="alert-triangle" size={20} /> Not the whole picture: {unread}.</p>}</Card>}
    </Section>
  );
}

function Rows({ entries }: { entries: ChartEntry[] }) {
  const { open } = useContext(Context);
  return <RecordList>{entries.map((entry) => <RecordRow key={entry.key} described={entry.described} onOpen={() => open(entry)} marks={<SourceMark source={entry.source} />} />)}</RecordList>;
}

function Curves({ entries }: { entries: ChartEntry[] }) {
  const observations = useMemo(() => entries.map((entry) => entry.resource), [entries]);
  const series = useMemo(() => chartable(observations).slice(0, 12).flatMap((code) => seriesOf(observations, code)), [observations]);
  if (series.length === 0) return <Empty icon="chart-line" title="Nothing to draw yet">A chart needs at least two values of one measure.</Empty>;
  return (
    <Suspense fallback={<Skeletons rows={4} label="Drawing charts" />}>
      <div className={css.grid}>{series.map((one) => <Card key={`${one.code} ${one.unit}`}><Chart title={one.title} unit={one.unitWords} note={one.note} points={one.points} series={one.series} /></Card>)}</div>
    </Suspense>
  );
}

function Everything({ entries }: { entries: ChartEntry[] }) {
  const [rows, setRows] = useState(ROWS_MAX);
  const [typed, setTyped] = useState('');
  const [kind, setKind] = useState('');
  const words = useDeferredValue(typed.trim().toLowerCase());
  const kinds = useMemo(() => [...new Set(entries.map((entry) => entry.described.kind))].sort(), [entries]);
  const found = entries.filter(({ described }) => (kind === '' || described.kind === kind) && words.split(/\s+/).every((word) => `${described.title} ${described.detail}`.toLowerCase().includes(word)));
  return (
    <>
      <div className={css.filters} role="search">
        <TextInput className={css.search} aria-label="Search this chart" placeholder="Search this chart" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} type="search" />
        <NativeSelect size="md" aria-label="Kind" value={kind} onChange={(event) => setKind(event.currentTarget.value)} data={[{ value: '', label: 'All kinds' }, ...kinds]} />
      </div>
      <p role="status">{counted(found.length, 'entry', 'entries')}</p>
      {found.length === 0 ? <Empty icon="search" title="Nothing found" /> : <Rows entries={found.slice(0, rows)} />}
      {found.length > rows && <Button variant="default" onClick={() => setRows(rows + ROWS_MAX)}>Show earlier</Button>}
    </>
  );
}

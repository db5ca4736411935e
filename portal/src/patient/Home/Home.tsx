import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useDeferredValue, useMemo, useState } from 'react';
import { Link } from 'react-router';
import { CATEGORIES, type Category } from '../../crypto/formats';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { timeOfMs } from '../../ui/fhir/dates';
import { counted } from '../../ui/fhir/text';
import { Icon } from '../../ui/icons';
import { Empty, Note, Skeletons } from '../../ui/Note/Note';
import { Page, Section } from '../../ui/Page/Page';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { SyncNote } from '../SyncNote/SyncNote';
import { useOrganisationName, useRecords, useSession } from '../session/useSession';
import { entriesOf, matches, timeline, type Entry } from '../timeline/group';
import { VisitCard } from '../VisitCard/VisitCard';
import css from './Home.module.css';

const MONTHS_AT_ONCE = 8;
const FOUND_MAX = 60;

function useGreeting(): string {
  const { profile } = useSession();
  const name = profile?.organisations[0]?.name.replace(/\d+/g, '').split(' ').find((part) => !/^(mr|mrs|ms|miss|dr|prof|herr|frau)\.?$/i.test(part));
  return name ? `Hello, ${name}` : 'My record';
}

/** Everything of all organisations: categories, search, and the timeline. */
export function Home() {
  const records = useRecords();
  const { profile, sync, accesses, keysGone } = useSession();
  const nameOf = useOrganisationName();
  const greeting = useGreeting();
  const entries = useMemo(() => entriesOf(records), [records]);
  const open = (accesses?.requests ?? []).filter((request) => !profile?.answered.includes(request.id));
  if (!profile) return null;
  if (profile.organisations.length === 0) return <NoOrganisation />;
  return (
    <Page title={greeting} action={<Button component={Link} to="/share" leftSection={<Icon name="share" size={20} />}>Share</Button>}>
      <SyncNote />
      {keysGone.length > 0 && (
        <Note tone="bad" title={`${keysGone.map(nameOf).join(' and ')} ${keysGone.length === 1 ? 'does' : 'do'} not know your key`}>
          Somebody may have put another one in its place. Please call them, or go to the desk with your identity card.
        </Note>
      )}
      {profile.former && profile.former.root !== '' && <Note tone="warn" title="Your keys are being replaced" action={<Button component={Link} to="/settings/replace" variant="default">See what is left</Button>} />}
      <EmergencyNotice />
      {open.length > 0 && (
        <Note title={open.length === 1 ? `${open[0]!.name} asks to see part of your record` : `${open.length} requests to see part of your record`} action={<Button component={Link} to="/sharing" variant="default">Look at it</Button>} />
      )}
      {entries.length === 0 ? (
        sync.state === 'working' || sync.state === 'idle' ? <Skeletons rows={6} label="Fetching your record" /> : <Empty icon="clipboard-heart" title="Nothing here yet">New entries appear here as soon as your hospital has locked them for you, usually within a minute.</Empty>
      ) : (
        <>
          <Categories entries={entries} />
          <History entries={entries} />
        </>
      )}
    </Page>
  );
}

/** That the emergency summary was opened, until the patient has looked at who did. */
export function EmergencyNotice() {
  const { profile, accesses } = useSession();
  const nameOf = useOrganisationName();
  const fresh = (accesses?.accesses ?? []).filter((access) => access.action === 'break-glass' && access.timeMs > (profile?.seenMs ?? 0));
  const [newest] = fresh;
  if (!newest) return null;
  return (
    <Note tone="bad" title="Your emergency summary was opened" action={<Button component={Link} to="/looked" variant="default">See who, and why</Button>}>
      {newest.name ?? 'Somebody'} at {nameOf(newest.organisation)} opened it on {timeOfMs(newest.timeMs)}{fresh.length > 1 ? `, and it was opened ${counted(fresh.length - 1, 'more time', 'more times')}` : ''}. In an emergency nobody can ask you first; afterwards it has to be explained.
    </Note>
  );
}

function NoOrganisation() {
  return (
    <Page title="Welcome to your record" lead="It is ready. Now it needs a hospital or practice to put something in.">
      <Empty icon="building-hospital" title="Join your hospital" action={<Button component={Link} to="/join" size="lg">Use an invitation</Button>}>
        Ask at the desk for an invitation. You get a link, or a short code on paper.
      </Empty>
    </Page>
  );
}

function Categories({ entries }: { entries: Entry[] }) {
  const counts = new Map<Category, number>();
  for (const { record } of entries) counts.set(record.category, (counts.get(record.category) ?? 0) + 1);
  const there = CATEGORIES.filter((category) => counts.has(category));
  return (
    <nav aria-label="Categories" className="no-print">
      <ul className={css.categories}>
        {there.map((category) => (
          <li key={category}>
            <Link to={`/category/${category}`} className={css.category}>
              <Icon name={CATEGORY_WORDS[category].icon} size={24} />
              <span>{CATEGORY_WORDS[category].name}</span>
              <span className={css.count}>{counts.get(category)}<span className="visually-hidden">{counts.get(category) === 1 ? ' entry' : ' entries'}</span></span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function History({ entries }: { entries: Entry[] }) {
  const [typed, setTyped] = useState('');
  const [source, setSource] = useState('');
  const [months, setMonths] = useState(MONTHS_AT_ONCE);
  const words = useDeferredValue(typed.trim());
  const nameOf = useOrganisationName();
  const sources = [...new Set(entries.map((entry) => entry.record.source))];
  const chosen = useMemo(() => entries.filter((entry) => source === '' || entry.record.source === source), [entries, source]);
  const found = useMemo(() => (words ? chosen.filter((entry) => matches(entry, words)).sort((a, b) => b.ms - a.ms) : null), [chosen, words]);
  const grouped = useMemo(() => timeline(chosen), [chosen]);
  return (
    <Section title="History">
      <div className={`${css.filters} no-print`} role="search">
        <TextInput className={css.search} aria-label="Search your record" placeholder="Search, for example “cholesterol”" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} type="search" />
        {sources.length > 1 && (
          <NativeSelect className={css.source} size="md" aria-label="From" value={source} onChange={(event) => setSource(event.currentTarget.value)} data={[{ value: '', label: 'All organisations' }, ...sources.map((id) => ({ value: id, label: nameOf(id) }))]} />
        )}
      </div>
      <p className="visually-hidden" role="status">{found ? `${found.length} found` : ''}</p>
      {found ? <Found entries={found} words={words} /> : (
        <>
          {grouped.slice(0, months).map((month) => (
            <section key={month.name} className={css.month}>
              <h3 className={css.monthName}>{month.name}</h3>
              <div className={css.visits}>{month.visits.map((visit) => <VisitCard key={visit.key} visit={visit} />)}</div>
            </section>
          ))}
          {grouped.length > months && <Button variant="default" onClick={() => setMonths(months + 12)}>Show earlier</Button>}
        </>
      )}
    </Section>
  );
}

function Found({ entries, words }: { entries: Entry[]; words: string }) {
  const nameOf = useOrganisationName();
  if (entries.length === 0) return <Empty icon="search" title={`Nothing found for “${words}”`}>Try a shorter or a different word.</Empty>;
  return (
    <>
      <RecordList>
        {entries.slice(0, FOUND_MAX).map(({ record, described }) => <RecordRow key={record.key} described={described} to={`/record/${record.key}`} source={<span>{nameOf(record.source)}</span>} />)}
      </RecordList>
      {entries.length > FOUND_MAX && <p>{entries.length - FOUND_MAX} more. Add a word to narrow it down.</p>}
    </>
  );
}

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, Navigate, useParams } from 'react-router';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Page } from '../../ui/Page/Page';
import { Prose, Values } from '../../ui/RecordDetails/RecordDetails';
import { session } from '../session/session';
import { currentRecords } from '../session/sync';
import { useOrganisationName, useSession } from '../session/useSession';
import { entriesOf, type Entry } from '../timeline/group';
import { Wrong } from '../Wrong/Wrong';
import css from './Acting.module.css';
import { categoriesOf, OthersEntries } from './OthersEntries';
import { ShareFor } from './ShareFor';

/** Another person's record: it says so all the time, and it is kept nowhere. */
export function OthersRecord() {
  const { code = '' } = useParams();
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  const [shown, setShown] = useState<Entry | null>(null);
  const person = profile?.acting?.find((one) => one.code === code && !one.ended);
  const loaded = useLoad(code, (signal) => session.proxies.read(code, signal));
  if (!person) return <Navigate to="/acting" replace />;
  const name = person.name || 'somebody else';
  const may = session.proxies.mayDo(person);
  const entries = entriesOf(currentRecords(loaded.value?.records ?? [])).sort((a, b) => b.ms - a.ms);
  const ended = loaded.value?.ended ?? [];
  return (
    <>
      <div className={css.banner} role="region" aria-label="Whose record this is">
        <Icon name="users" size={26} />
        <p>You are looking at {name}’s record</p>
        <Button component={Link} to="/" variant="default" size="lg">Back to my own record</Button>
      </div>
      <Page title={`${name}’s record`} lead={person.child ? 'Each time you look, that is noted. It ends by itself when your child comes of age.' : 'You see what you were allowed to see. Each time you look, they see that you did.'} back={{ to: '/acting', label: 'People I act for' }}>
        {loaded.loading && <Skeletons rows={5} label="Opening the record" />}
        {loaded.error && <ErrorNote message={loaded.error} onRetry={loaded.again} />}
        {ended.length > 0 && <Note tone="warn" title="You do not act for them any more">{ended.map(nameOf).join(' and ')} gives you nothing new.</Note>}
        {(loaded.value?.silent.length ?? 0) > 0 && <Note tone="warn">{loaded.value!.silent.map(nameOf).join(' and ')} did not answer. What is there is missing here; please look again later.</Note>}
        {loaded.value && entries.length === 0 && ended.length === 0 && <Empty icon="file-text" title="Nothing to see">There is nothing in what you may see.</Empty>}
        {may.shares && (person.child || person.at.length > 1) && loaded.value && (ended.length === 0 || entries.length > 0) && <ShareFor person={person} there={categoriesOf(entries)} />}
        {loaded.value && entries.length > 0 && <OthersEntries entries={entries} onOpen={setShown} />}
      </Page>
      <Dialog open={!!shown} title={shown?.described.title ?? ''} onClose={() => setShown(null)}>
        {shown && <><p className={css.soft}>From {name}’s record</p><Values resource={shown.record.resource} /><Prose resource={shown.record.resource} />{may.asks && <Wrong record={shown.record} askCase={(organisation, what) => session.proxies.askFor(code, organisation, what)} />}</>}
      </Dialog>
    </>
  );
}

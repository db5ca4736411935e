import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { timeOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, GROUND_WORDS, PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import type { AccessView, EmergencyView, Gap } from '../session/accesses';
import type { Done } from '../session/appointing';
import { session } from '../session/session';
import { useOrganisationName, useProxiesLook, useSession } from '../session/useSession';
import css from './Access.module.css';

const SHOWN = 40;

/** Who looked, when, why, at what kinds of entries. */
export function Access() {
  const { accesses, profile, proxies } = useSession();
  const [shown, setShown] = useState(SHOWN);
  const nameOf = useOrganisationName();
  const [seenMs] = useState(profile?.seenMs ?? 0);
  const ready = accesses?.state === 'ready';
  const known = useRef(ready);
  useProxiesLook();
  // What others had still to say when the list was read may be there by now.
  useEffect(() => {
    if (known.current) void session.refreshAccesses();
  }, []);
  useEffect(() => {
    if (ready) void session.markSeen();
  }, [ready]);
  const own = new Set((profile?.appointments ?? []).flatMap((one) => one.parts.map((part) => part.id)));
  // What the ledger has of them is shown from there.
  const accessed = (accesses?.accesses ?? []).filter((one) => one.action !== 'proxy-read' || !own.has(one.appointment ?? ''));
  const list: (AccessView | Done)[] = [...accessed, ...proxies.done].sort((a, b) => b.timeMs - a.timeMs);
  return (
    <Page title="Who looked" lead="Everyone who opened your record: at your own hospitals, and at those with whom you share.">
      {accesses?.state === 'failed' && <ErrorNote message="The list could not be fetched. Please try again." onRetry={() => void session.refreshAccesses()} />}
      {(accesses?.silent.length ?? 0) > 0 && <Note tone="warn">{accesses!.silent.map(nameOf).join(' and ')} did not answer. What they noted themselves is missing here; please look again later.</Note>}
      {(accesses?.gaps ?? []).map((gap) => <GapNote key={gap.organisation} of={gap} />)}
      {list.length === 0 ? (
        !accesses || accesses.state === 'loading' ? <Skeletons rows={4} /> : <Empty icon="eye" title="Nobody has looked yet">As soon as someone opens your record, you see it here.</Empty>
      ) : (
        <ul className={css.list}>{list.slice(0, shown).map((one) => ('what' in one ? <DoneRow key={one.id} done={one} fresh={one.timeMs > seenMs} /> : <Row key={one.id} access={one} fresh={one.timeMs > seenMs} />))}</ul>
      )}
      {list.length > shown && <Button variant="default" onClick={() => setShown(shown + SHOWN)}>Show earlier</Button>}
      <Section title="A list to keep" hint="An organisation lists everyone who looked at what it keeps about you, and signs it. You can print it, or give it to somebody who checks it for you.">
        <div className={css.lists}>
          {(profile?.organisations ?? []).map(({ id }) => <Button key={id} variant="default" component={Link} to={`/looked/list/${id}`}>Signed list of {nameOf(id)}</Button>)}
        </div>
      </Section>
      <Section title="How complete is this list?">
        <p className={css.explain}>
          When another organisation opens what you shared, it has to leave a lasting entry before it can read anything; it cannot skip that or remove it later. These are marked “Confirmed”.
          What your own hospital opens in its own files is in that hospital’s own log, which it cannot change afterwards unnoticed. It numbers your entries, so you are told here if one is missing.
        </p>
      </Section>
    </Page>
  );
}

/** Numbers that are missing in what an organisation tells. */
function GapNote({ of: { organisation, missing, doubtful } }: { of: Gap }) {
  const name = useOrganisationName()(organisation);
  const lines = [
    missing > 0 && `${missing} ${missing === 1 ? 'entry is' : 'entries are'} missing from ${name}’s list.`,
    doubtful > 0 && `${doubtful} ${doubtful === 1 ? 'entry' : 'entries'} in ${name}’s list ${doubtful === 1 ? 'has' : 'have'} no number of ${doubtful === 1 ? 'its' : 'their'} own.`,
  ];
  return <Note tone="warn">{lines.filter(Boolean).join(' ')} Ask {name} why, and ask for a signed list.</Note>;
}

const ACTIONS: Record<AccessView['action'], string> = {
  'chart-opened': 'opened your record',
  read: 'looked at your record',
  'shared-read': 'opened what you shared',
  exported: 'copied from your record',
  written: 'added to your record',
  'share-dropped': 'deleted its copy of what you shared',
  'break-glass': 'opened your emergency summary',
  case: 'dealt with your request',
  accounting: 'made a signed list of who looked',
  app: 'was allowed to read, or stopped',
  link: 'a link that you made',
  'health-card': 'made vaccine cards for you',
  recovery: 'dealt with the recovery of your record',
  'emergency-found': 'asked in an emergency whether you are a patient',
  registration: 'dealt with two registrations of yours',
  located: 'asked whether your records are kept here',
  'located-elsewhere': 'asked other hospitals whether they keep records of you',
  'emergency-read': 'read an emergency summary about you',
  'proxy-read': 'opened your record for you',
  appointment: 'dealt with who acts for you',
};

/** What an emergency was about, how long it lasts, and whether somebody looked at it again. */
function EmergencyLines({ of }: { of: EmergencyView }) {
  const nameOf = useOrganisationName();
  const now = useNow(60_000);
  const { review } = of;
  return (
    <>
      <p className={css.soft}>{GROUND_WORDS[of.ground]}. What {nameOf(of.source)} keeps for emergencies could be read until {timeOfMs(of.untilMs)}.</p>
      <p className={css.soft}>
        {review
          ? `Somebody else there looked at it again on ${timeOfMs(review.timeMs)}${review.late ? ', too late,' : ''} and found it ${review.justified ? 'right' : 'not right'}.`
          : of.dueMs > now ? `Somebody else there has to look at it again by ${timeOfMs(of.dueMs)}.` : `Nobody has looked at it again, though that was due on ${timeOfMs(of.dueMs)}.`}
      </p>
    </>
  );
}

const DONE: Record<Done['what'], string> = { read: 'looked at your record', shared: 'shared your record', stopped: 'stopped sharing your record' };

/** Something that somebody did for the person. */
function DoneRow({ done, fresh }: { done: Done; fresh: boolean }) {
  const nameOf = useOrganisationName();
  return (
    <li className={css.item}>
      <span className={css.icon}><Icon name="users" /></span>
      <div className={css.words}>
        <p><strong>Done by {done.name || 'somebody who acted for you'}{done.name ? ' for you' : ''}:</strong> {DONE[done.what]} at {nameOf(done.part.source)}</p>
        <p className={css.soft}>{timeOfMs(done.timeMs)}{done.count !== undefined ? ` · ${done.count} ${done.count === 1 ? 'entry' : 'entries'}` : ''}</p>
        <p className={css.tags}>{fresh && <Tag tone="warn">New</Tag>}<Tag icon="users">Acts for you</Tag></p>
      </div>
    </li>
  );
}

function Row({ access, fresh }: { access: AccessView; fresh: boolean }) {
  const nameOf = useOrganisationName();
  const urgent = access.action === 'break-glass';
  return (
    <li className={css.item}>
      <span className={`${css.icon} ${urgent ? css.urgent : ''}`}><Icon name={urgent ? 'alert-triangle' : 'eye'} /></span>
      <div className={css.words}>
        <p><strong>{access.name ?? (access.appointment ? 'Somebody who acted for you' : 'Someone')}</strong>{access.role ? `, ${access.role},` : ''} at {nameOf(access.organisation)} {ACTIONS[access.action] ?? 'used your record'}</p>
        <p className={css.soft}>
          {timeOfMs(access.timeMs)}
          {access.purpose ? ` · ${PURPOSE_WORDS[access.purpose]}` : ''}
          {access.count !== undefined ? ` · ${access.count} ${access.count === 1 ? 'entry' : 'entries'}` : ''}
        </p>
        {access.emergency && <EmergencyLines of={access.emergency} />}
        {access.reason && <p className={css.soft}>Reason given: “{access.reason}”</p>}
        <p className={css.tags}>
          {fresh && <Tag tone="warn">New</Tag>}
          {access.confirmed && <Tag tone="accent" icon="shield-check">Confirmed</Tag>}
          {access.confirmed && access.emergency?.reasonConfirmed && <Tag icon="notes">Reason confirmed</Tag>}
          {access.confirmed && access.nameConfirmed && <Tag icon="user">Name confirmed</Tag>}
          {access.categories.map((category) => <Tag key={category}>{CATEGORY_WORDS[category].name}</Tag>)}
        </p>
      </div>
    </li>
  );
}

import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { isProtected } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction, useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import type { AppointmentRecord } from '../session/profile';
import { session } from '../session/session';
import { useProxiesLook, useSession } from '../session/useSession';
import { InviteCode } from './InviteCode';
import css from './Proxies.module.css';

/** Who acts for this person: invitations that were answered, appointments that stand, and past ones. */
export function Proxies() {
  const { profile, proxies } = useSession();
  const now = useNow(1_000);
  useProxiesLook();
  const all = (profile?.appointments ?? []).toSorted((a, b) => b.createdMs - a.createdMs);
  const over = (one: AppointmentRecord) => one.state === 'ended' || one.untilMs <= now;
  const standing = all.filter((one) => !over(one));
  return (
    <Page
      title="People who act for me"
      lead="Somebody you trust can look after your record with you, with a passkey of their own. You see everything they do, and you can end it at any moment."
      back={{ to: '/settings', label: 'Settings' }}
      action={<Button component={Link} to="/settings/proxies/new" leftSection={<Icon name="plus" size={20} />}>Let somebody act for you</Button>}
    >
      {proxies.failure && <ErrorNote title="This was not ended" message={proxies.failure} />}
      {standing.length === 0 && <Empty icon="users" title="Nobody acts for you">You can ask a relative, a friend or a carer.</Empty>}
      {standing.length > 0 && <Section title="Now">{standing.map((one) => (one.state === 'invited' ? <Invited key={one.code} record={one} /> : <Standing key={one.code} record={one} />))}</Section>}
      {all.some(over) && <Section title="Before">{all.filter(over).map((one) => <Card key={one.code} tone="soft"><h3>{one.name}</h3><p className={css.past}>Ended {dayOfMs(one.endedMs ?? one.untilMs)}</p></Card>)}</Section>}
    </Page>
  );
}

/** What somebody may do, in words. */
function Scope({ record }: { record: AppointmentRecord }) {
  const now = useNow(60_000);
  return (
    <Facts
      of={[
        ['Can see', <span key="what" className={css.tags}>{record.categories.map((category) => <Tag key={category} tone={isProtected(category) ? 'warn' : 'plain'}>{CATEGORY_WORDS[category].name}</Tag>)}</span>],
        ['Can share for you', record.shares ? 'Yes' : 'No'],
        ['Can ask for corrections', record.asks ? 'Yes' : 'No'],
        ['Until', `${dayOfMs(record.untilMs)} (${fromNow(record.untilMs, now)})`],
      ]}
    />
  );
}

function Invited({ record }: { record: AppointmentRecord }) {
  const { proxies } = useSession();
  const answer = proxies.answers[record.code];
  const confirm = useAction(() => session.proxies.confirm(record.code));
  return (
    <Card>
      <div className={css.head}><h3>{record.name}</h3><Tag icon="clock">{answer ? 'Has answered' : 'Invited'}</Tag></div>
      <Scope record={record} />
      {answer ? (
        <Note tone="warn" title={`${answer.name} has answered your invitation`}>
          <p>Call {record.name} and ask for the number that they see. It must be <strong>{answer.check.slice(0, 3)} {answer.check.slice(3)}</strong>. If it is another, somebody else has answered: withdraw the invitation.</p>
        </Note>
      ) : <InviteCode code={record.code} name={record.name} />}
      {confirm.error && <ErrorNote title="Not confirmed" message={confirm.error} />}
      <div className={css.actions}>
        {answer && <Button size="lg" loading={confirm.busy} onClick={() => void confirm.go()}>The number is right: let {record.name} act for me</Button>}
        <EndButton record={record} words="Withdraw the invitation" />
      </div>
    </Card>
  );
}

function Standing({ record }: { record: AppointmentRecord }) {
  const { proxies } = useSession();
  const done = proxies.done.filter((one) => one.code === record.code).length;
  return (
    <Card>
      <div className={css.head}><h3>{record.name}</h3><Tag tone="accent" icon="users">Acts for you</Tag></div>
      <Scope record={record} />
      <p className={css.past}>{done === 0 ? 'Nothing has been done for you yet.' : <Link to="/looked">See what was done for you</Link>}</p>
      <EndButton record={record} words={`End that ${record.name} acts for me`} />
    </Card>
  );
}

function EndButton({ record, words }: { record: AppointmentRecord; words: string }) {
  const now = useNow(1_000);
  const { proxies } = useSession();
  const [asking, setAsking] = useState(false);
  const endAtMs = proxies.ending[record.code];
  const ending = endAtMs !== undefined;
  const undo = useRef<HTMLButtonElement>(null);
  const end = useRef<HTMLButtonElement>(null);
  const before = useRef(ending);
  // The button that was pressed goes; the focus goes on to the one that takes its place.
  useEffect(() => {
    if (before.current === ending) return;
    before.current = ending;
    (ending ? undo : end).current?.focus();
  }, [ending]);
  if (ending) {
    return (
      <Note tone="warn" title="This is being ended" action={endAtMs > now && <Button ref={undo} variant="default" leftSection={<Icon name="arrow-back-up" size={20} />} onClick={() => session.proxies.undoEnd(record.code)}>Undo</Button>}>One moment …</Note>
    );
  }
  return (
    <>
      <Button ref={end} variant="default" size="lg" className={css.end} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => setAsking(true)}>{words}</Button>
      <Dialog open={asking} title={`${words}?`} onClose={() => setAsking(false)} confirm={{ label: 'End it', danger: true, onConfirm: () => { setAsking(false); session.proxies.end(record.code); } }}>
        <p>From then on {record.name} cannot open or do anything for you any more. What {record.name} has read cannot be unread. What {record.name} shared for you stays shared until you stop it, under Sharing.</p>
      </Dialog>
    </>
  );
}

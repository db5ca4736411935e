import { Button, Textarea } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { feeds, type Feed, type WaitingMessage } from '../../api/feeds';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { fromNow, timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import css from './Feeds.module.css';

const REFRESH_MS = 10_000;
const REASON_MAX = 500;
const KINDS: Record<Feed['kind'], string> = {
  messages: 'Messages (HL7 v2)',
  documents: 'Documents (C-CDA)',
  folder: 'Files in a folder',
  server: 'Another record system (FHIR)',
};

const PLACES: Record<Feed['kind'], string> = { messages: 'Listens at', documents: 'Listens at', folder: 'Looks into', server: 'Asks' };

/** What the organisation’s own systems send here, and what of it waits for somebody to look. */
export function Feeds() {
  const list = useLoad('feeds', () => feeds.list(), REFRESH_MS);
  const all = list.value ?? [];
  return (
    <Page title="Feeds" lead="What the organisation’s own systems send here by themselves. What cannot be filed waits here and is not lost." wide>
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {list.loading && <Skeletons rows={3} />}
      {list.value && all.length === 0 && <Empty icon="share" title="No feeds">Whoever runs this organisation’s node can connect its systems.</Empty>}
      {all.map((feed) => <Section key={feed.name} title={feed.name}><OneFeed of={feed} onChange={list.again} /></Section>)}
    </Page>
  );
}

function OneFeed({ of, onChange }: { of: Feed; onChange: () => void }) {
  const facts: [string, string][] = [
    ['Kind', KINDS[of.kind]],
    [PLACES[of.kind], of.place],
    ['Last message', of.lastMs === null ? 'None yet' : `${fromNow(of.lastMs)}${of.lastKind ? `, ${of.lastKind}` : ''}`],
    ['So far', `${of.received.toLocaleString()} came, ${of.filed.toLocaleString()} filed (${of.unchanged.toLocaleString()} with nothing new), ${of.refused.toLocaleString()} sent back`],
    ['After a look', `${of.replayed.toLocaleString()} filed, ${of.discarded.toLocaleString()} discarded`],
  ];
  if (of.kind !== 'folder') facts.push(['On its way', of.encrypted ? 'Encrypted' : 'Not encrypted: keep it on a network of its own']);
  if (of.kind === 'messages') facts.push(['Connected now', of.connections.toLocaleString()]);
  return (
    <Card>
      {of.trouble && <Note tone="warn" title="This feed does not work at the moment">The reason: {of.trouble}. It is tried again by itself.</Note>}
      <Facts of={facts} />
      {of.waiting > 0
        ? <WaitingList feed={of.name} count={of.waiting} onChange={onChange} />
        : <p><Tag tone="accent" icon="check">Nothing waits</Tag></p>}
    </Card>
  );
}

type Asking = { step: 'look' | 'restore' | 'discard'; of: WaitingMessage };

function WaitingList({ feed, count, onChange }: { feed: string; count: number; onChange: () => void }) {
  const list = useLoad(`feeds/${feed}`, () => feeds.waiting(feed), REFRESH_MS);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [told, setTold] = useState('');
  const changed = () => { list.again(); onChange(); };
  const again = useAction(async (number?: number) => {
    const { filed, failed } = await feeds.replay(feed, number);
    setTold(failed === 0 ? `Filed: ${filed}.` : `Filed: ${filed}. Still waiting: ${failed}.`);
    changed();
  });
  return (
    <>
      <Note tone="warn" title={count === 1 ? '1 message waits' : `${count.toLocaleString()} messages wait`}>
        They could not be filed. When the reason is put right, have them tried again.
      </Note>
      <p role="status">{told}</p>
      {again.error && <ErrorNote message={again.error} />}
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      <Button loading={again.busy} onClick={() => void again.go()}>Try all again</Button>
      <ul aria-label={`Messages that wait in ${feed}`}>
        {(list.value ?? []).map((one) => (
          <li key={one.number}>
            <p><strong>Message {one.number}</strong>: {one.kind}, {timeOfMs(one.receivedMs)}</p>
            <p>Why: {one.reason}.{one.attempts > 0 && ` Tried again ${one.attempts === 1 ? 'once' : `${one.attempts} times`}.`}</p>
            <Button variant="default" onClick={() => setAsking({ step: 'look', of: one })}>Look at {one.number}</Button>{' '}
            {one.erased
              ? <Button variant="default" onClick={() => setAsking({ step: 'restore', of: one })}>Let {one.number} in again</Button>
              : <Button variant="default" loading={again.busy} onClick={() => void again.go(one.number)}>Try {one.number} again</Button>}{' '}
            <Button variant="default" onClick={() => setAsking({ step: 'discard', of: one })}>Discard {one.number}</Button>
          </li>
        ))}
      </ul>
      {asking?.step === 'look' && <Look feed={feed} number={asking.of.number} onClose={() => setAsking(null)} />}
      {asking?.step === 'restore' && (
        <WithReason title={`Let message ${asking.of.number} in again?`} label="Let it in" onClose={() => setAsking(null)} onDone={changed} act={(reason) => feeds.restore(feed, asking.of.number, reason)}>
          It holds records that were erased here, and they come back with it. Do this only if the person agrees or the law demands it. Your name and reason are kept where the person sees them.
        </WithReason>
      )}
      {asking?.step === 'discard' && (
        <WithReason title={`Discard message ${asking.of.number}?`} label="Discard" onClose={() => setAsking(null)} onDone={changed} act={(reason) => feeds.discard(feed, asking.of.number, reason)}>
          Its contents are deleted and cannot come back, unless its sender sends it again. Your name and reason are kept.
        </WithReason>
      )}
    </>
  );
}

function Look({ feed, number, onClose }: { feed: string; number: number; onClose: () => void }) {
  const one = useLoad(`feeds/${feed}/${number}`, () => feeds.look(feed, number));
  return (
    <Dialog open title={`Message ${number}`} onClose={onClose}>
      <p>Letters and digits are covered. You see how the message is built, and nothing about the person.</p>
      {one.error && <ErrorNote message={one.error} onRetry={one.again} />}
      {one.value && <pre className={css.covered} tabIndex={0} role="region" aria-label="The covered message">{one.value.covered}</pre>}
    </Dialog>
  );
}

interface Reasoned { title: string; label: string; children: ReactNode; act: (reason: string) => Promise<unknown>; onClose: () => void; onDone: () => void }

/** Something that is done with a reason only. */
function WithReason({ title, label, children, act, onClose, onDone }: Reasoned) {
  const [reason, setReason] = useState('');
  const done = useAction(async () => {
    if (!reason.trim()) throw new Error('Say why, in a few words.');
    await act(reason.trim());
    onDone();
    onClose();
  });
  return (
    <Dialog open title={title} onClose={onClose} confirm={{ label, danger: true, busy: done.busy, onConfirm: () => void done.go() }}>
      <p>{children}</p>
      <Textarea label="Why" rows={3} maxLength={REASON_MAX} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {done.error && <ErrorNote message={done.error} />}
    </Dialog>
  );
}

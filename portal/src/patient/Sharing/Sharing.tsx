import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { isProtected } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useAction, useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import type { AccessRequest } from '../session/accesses';
import type { Done } from '../session/appointing';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import { sharesOf, type ShareView } from '../shares';
import { Links } from '../Links/Links';
import { Apps } from './Apps';
import css from './Sharing.module.css';

/** Who can see what: requests, what is shared now, what has ended. */
export function Sharing() {
  const { profile, accesses, stopping, proxies } = useSession();
  const now = useNow(1_000);
  if (!profile) return null;
  const shares = sharesOf(profile.grants, now);
  const live = shares.filter((share) => share.state === 'active' || share.state === 'starting');
  const ended = shares.filter((share) => share.state === 'ended' || share.state === 'expired');
  const requests = (accesses?.requests ?? []).filter((request) => !profile.answered.includes(request.id));
  return (
    <Page title="Who can see what" lead="Your own hospitals keep the records they made themselves. Here is what others may see." action={<Button component={Link} to="/share" leftSection={<Icon name="plus" size={20} />}>Share</Button>}>
      {requests.length > 0 && <Section title="Requests">{requests.map((request) => <Request key={request.id} request={request} />)}</Section>}
      {session.stops.failure && <ErrorNote title="Sharing was not stopped" message={session.stops.failure} />}
      <Section title="Shared now">
        {live.length === 0 ? (
          <Empty icon="lock" title="No other organisation sees your record">Share it when you go to another hospital or practice, so that they know your history.</Empty>
        ) : (
          live.map((share) => <Live key={share.share} share={share} now={now} stopAtMs={stopping[share.share]} />)
        )}
      </Section>
      <Links />
      <Apps />
      {proxies.done.some((one) => one.grant) && <Section title="Shared by others for you">{proxies.done.filter((one) => one.grant).map((one) => <SharedForMe key={one.id} done={one} />)}</Section>}
      {ended.length > 0 && <Section title="Ended">{ended.map((share) => <Ended key={share.share} share={share} />)}</Section>}
    </Page>
  );
}

function Live({ share, now, stopAtMs }: { share: ShareView; now: number; stopAtMs?: number }) {
  const [asking, setAsking] = useState(false);
  const undo = useRef<HTMLButtonElement>(null);
  const stop = useRef<HTMLButtonElement>(null);
  const stopping = stopAtMs !== undefined;
  const before = useRef(stopping);
  // The button that was pressed goes; the focus goes on to the one that takes its place.
  useEffect(() => {
    if (before.current === stopping) return;
    before.current = stopping;
    (stopping ? undo : stop).current?.focus();
  }, [stopping]);
  const nameOf = useOrganisationName();
  const name = nameOf(share.grantee);
  return (
    <Card>
      <div className={css.head}>
        <h3>{name}</h3>
        {share.state === 'starting' ? <Tag icon="clock">Being set up</Tag> : <Tag tone="accent" icon="eye">Can see</Tag>}
      </div>
      <Facts
        of={[
          ['Can see', <span key="what" className={css.tags}>{share.categories.map((category) => <Tag key={category} tone={isProtected(category) ? 'warn' : 'plain'}>{CATEGORY_WORDS[category].name}</Tag>)}</span>],
          ['From', share.sources.map(nameOf).join(', ')],
          ['For', PURPOSE_WORDS[share.purpose]],
          ['Until', `${dayOfMs(share.expiryMs)} (${fromNow(share.expiryMs, now)})`],
          ['New entries', share.future ? 'Included' : 'Not included'],
        ]}
      />
      {stopAtMs ? (
        <Note tone="warn" title="Sharing is being stopped" action={stopAtMs > now && <Button ref={undo} variant="default" leftSection={<Icon name="arrow-back-up" size={20} />} onClick={() => session.stops.undo(share.share)}>Undo</Button>}>
          {stopAtMs > now ? `In ${Math.ceil((stopAtMs - now) / 1_000)} seconds.` : 'One moment …'}
        </Note>
      ) : (
        <Button ref={stop} variant="default" className={css.stop} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => setAsking(true)}>Stop sharing</Button>
      )}
      <Dialog open={asking} title={`Stop sharing with ${name}?`} onClose={() => setAsking(false)} confirm={{ label: 'Stop sharing', danger: true, onConfirm: () => { setAsking(false); session.stops.ask(share.share); } }}>
        <p>{name} cannot open these records any more, and must delete its copy. What someone there has already read cannot be unread.</p>
      </Dialog>
    </Card>
  );
}

/** What somebody who acts for the person shared. */
function SharedForMe({ done }: { done: Done }) {
  const nameOf = useOrganisationName();
  const stop = useAction(() => session.proxies.stopShared(done));
  return (
    <Card>
      <div className={css.head}><h3>Done by {done.name} for you</h3><Tag tone="accent" icon="eye">Shared</Tag></div>
      <Facts of={[['From', nameOf(done.part.source)], ['Since', dayOfMs(done.timeMs)], ['Until', dayOfMs(done.untilMs ?? 0)]]} />
      {stop.error && <ErrorNote title="Sharing was not stopped" message={stop.error} />}
      <Button variant="default" className={css.stop} loading={stop.busy} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => void stop.go()}>Stop sharing</Button>
    </Card>
  );
}

function Ended({ share }: { share: ShareView }) {
  const nameOf = useOrganisationName();
  return (
    <Card tone="soft">
      <div className={css.head}>
        <h3>{nameOf(share.grantee)}</h3>
        <Tag icon="check">{share.state === 'ended' ? `Stopped ${share.endedMs ? dayOfMs(share.endedMs) : ''}` : `Ended ${dayOfMs(share.expiryMs)}`}</Tag>
      </div>
      <p className={css.past}>Could see {share.categories.map((category) => CATEGORY_WORDS[category].name).join(', ')} from {dayOfMs(share.createdMs)}.</p>
    </Card>
  );
}

function Request({ request }: { request: AccessRequest }) {
  const nameOf = useOrganisationName();
  return (
    <Card>
      <div className={css.head}><h3>{request.name}</h3><Tag icon="message-circle">{fromNow(request.timeMs)}</Tag></div>
      <Facts
        of={[
          ['Works at', `${nameOf(request.organisation)}${request.role ? `, ${request.role}` : ''}`],
          ['Reason', request.reason],
          ['Would like to see', request.categories.map((category) => CATEGORY_WORDS[category].name).join(', ')],
          ['For', `${request.days} days`],
        ]}
      />
      <div className={css.row}>
        <Button component={Link} to={`/share?request=${encodeURIComponent(request.id)}`}>Choose what to share</Button>
        <Button variant="default" onClick={() => void session.answerRequest(request.id)}>No, thank you</Button>
      </div>
    </Card>
  );
}

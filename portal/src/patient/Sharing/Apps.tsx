import { Button } from '@mantine/core';
import { useState } from 'react';
import type { AllowedApp, AppEnd } from '../../api/apps';
import { isProtected } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow, timeOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import css from './Sharing.module.css';

const ENDS: Record<AppEnd, string> = {
  stopped: 'You stopped it',
  replaced: 'You chose again',
  'given-back': 'The app gave it back',
  'used-twice': 'Stopped for your safety: somebody else may have had the app’s key',
  'not-taken': 'The app did not take it up',
  'keys-replaced': 'Stopped because your keys were replaced',
};
/** Past ones that are shown. */
const PAST_MAX = 10;

function pastOf({ ended, state, untilMs }: AllowedApp): string {
  if (ended) return `Ended ${dayOfMs(ended.timeMs)}`;
  return state === 'over' ? `Ended ${dayOfMs(untilMs)}` : 'Ended';
}

/** The apps that may read, as every hospital has them. */
export function Apps() {
  const list = useLoad('apps', () => session.apps());
  const nameOf = useOrganisationName();
  const all = list.value?.apps ?? [];
  const live = all.filter(({ app }) => app.state === 'allowed');
  const past = all.filter(({ app }) => app.state !== 'allowed').slice(0, PAST_MAX);
  const silent = list.value?.silent ?? [];
  if (!list.error && all.length === 0 && silent.length === 0) return null;
  return (
    <Section title="Apps" hint="Apps of other makers that you let read what a hospital keeps about you.">
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {silent.length > 0 && <Note tone="warn" action={<Button variant="default" onClick={list.again}>Try again</Button>}>{silent.map(nameOf).join(', ')} did not answer. There may be apps that are not shown here.</Note>}
      {live.map(({ organisation, app }) => <Live key={app.id} organisation={organisation} app={app} onStopped={list.again} />)}
      {past.map(({ organisation, app }) => (
        <Card key={app.id} tone="soft">
          <div className={css.head}><h3>{app.name}</h3><Tag icon="check">{pastOf(app)}</Tag></div>
          <p className={css.past}>{app.ended ? ENDS[app.ended.why] : app.state === 'unused' ? ENDS['not-taken'] : app.state === 'ended' ? `${nameOf(organisation)} does not let this app in any more` : 'Its time was over'}.</p>
        </Card>
      ))}
    </Section>
  );
}

function Live({ organisation, app, onStopped }: { organisation: string; app: AllowedApp; onStopped: () => void }) {
  const nameOf = useOrganisationName();
  const [asking, setAsking] = useState(false);
  const stop = useAction(async () => {
    await session.askCases(organisation, { ask: 'stop-app', app: app.id });
    setAsking(false);
    onStopped();
  });
  return (
    <Card>
      <div className={css.head}><h3>{app.name}</h3><Tag tone="accent" icon="eye">Can see</Tag></div>
      <Facts
        of={[
          ['Can see', <span key="what" className={css.tags}>{app.categories.map((category) => <Tag key={category} tone={isProtected(category) ? 'warn' : 'plain'}>{CATEGORY_WORDS[category].name}</Tag>)}</span>],
          ['From', nameOf(organisation)],
          ['Until', `${dayOfMs(app.untilMs)} (${fromNow(app.untilMs)})`],
          ['Used last', app.usedMs === null ? 'Not yet' : timeOfMs(app.usedMs)],
        ]}
      />
      <Button variant="default" className={css.stop} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => setAsking(true)}>Stop {app.name}</Button>
      {asking && <Dialog open title={`Stop ${app.name}?`} onClose={() => setAsking(false)} confirm={{ label: 'Stop', danger: true, busy: stop.busy, onConfirm: () => void stop.go() }}>
        <p>{app.name} cannot read anything at {nameOf(organisation)} any more, at once. What it has already read it may keep.</p>
        {stop.error && <ErrorNote message={stop.error} />}
      </Dialog>}
    </Card>
  );
}

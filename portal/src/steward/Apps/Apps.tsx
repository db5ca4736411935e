import { Button } from '@mantine/core';
import { useState } from 'react';
import { apps, type RegisteredApp } from '../../api/apps';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag, type Tone } from '../../ui/Tag/Tag';

const STATES: Record<RegisteredApp['state'], { words: string; tone: Tone }> = {
  waiting: { words: 'Waits for you', tone: 'warn' },
  approved: { words: 'May be used', tone: 'accent' },
  refused: { words: 'Refused', tone: 'plain' },
  ended: { words: 'Ended', tone: 'plain' },
};
type Step = 'approve' | 'refuse' | 'end';
const STEPS: Record<Step, { title: (name: string) => string; label: string; words: string; danger?: boolean }> = {
  approve: { title: (name) => `Let ${name} in?`, label: 'Approve', words: 'Patients can let it read their own record, and clinicians can open it in a chart. Be sure who makes it, and that it is sent back only to addresses of theirs.' },
  refuse: { title: (name) => `Refuse ${name}?`, label: 'Refuse', words: 'It cannot be used here. Its maker can register again.', danger: true },
  end: { title: (name) => `End ${name} here?`, label: 'End', words: 'It cannot read anything here any more, at once, whoever allowed it. This cannot be taken back.', danger: true },
};

/** The apps that ask to be used with this organisation’s records, and those that are. */
export function Apps() {
  const list = useLoad('apps', () => apps.registered(), 10_000);
  const [asking, setAsking] = useState<{ of: RegisteredApp; step: Step } | null>(null);
  const decide = useAction(async () => {
    if (asking) await apps.decide(asking.of.id, asking.step);
    setAsking(null);
    list.again();
  });
  const all = list.value ?? [];
  const waiting = all.filter((one) => one.state === 'waiting');
  const others = all.filter((one) => one.state !== 'waiting');
  const shown = asking && STEPS[asking.step];
  return (
    <Page title="Apps" lead="Apps of other makers. None works before you approve it, and then only for those who allow it for themselves." wide>
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {list.loading && <Skeletons rows={3} />}
      <Section title="To decide">
        {list.value && waiting.length === 0 ? <Empty icon="check" title="Nothing waits">When somebody registers an app here, it appears.</Empty> : waiting.map((one) => <Row key={one.id} of={one} onStep={(step) => setAsking({ of: one, step })} />)}
      </Section>
      {others.length > 0 && <Section title="Decided">{others.map((one) => <Row key={one.id} of={one} onStep={(step) => setAsking({ of: one, step })} />)}</Section>}
      {asking && shown && (
        <Dialog open title={shown.title(asking.of.name)} onClose={() => setAsking(null)} confirm={{ label: shown.label, danger: shown.danger, busy: decide.busy, onConfirm: () => void decide.go() }}>
          <p>{shown.words}</p>
          {decide.error && <ErrorNote message={decide.error} />}
        </Dialog>
      )}
    </Page>
  );
}

function Row({ of, onStep }: { of: RegisteredApp; onStep: (step: Step) => void }) {
  const { words, tone } = STATES[of.state];
  const facts: [string, string][] = [
    ['Registered', timeOfMs(of.receivedMs)],
    ['Asks for', of.scope],
    ['Sends people back to', of.redirects.join(', ')],
    ['Proves who it is', of.confidential ? 'With a key of its own' : 'Not: it runs on people’s own devices'],
  ];
  if (of.launchUrl) facts.push(['Opened from a chart at', of.launchUrl]);
  if (of.site) facts.push(['Its page', of.site]);
  return (
    <Card>
      <h3>{of.name} <Tag tone={tone}>{words}</Tag></h3>
      <Facts of={facts} />
      {of.state === 'waiting' && <><Button onClick={() => onStep('approve')}>Approve {of.name}</Button>{' '}<Button variant="default" onClick={() => onStep('refuse')}>Refuse {of.name}</Button></>}
      {of.state === 'approved' && <Button variant="default" onClick={() => onStep('end')}>End {of.name}</Button>}
    </Card>
  );
}

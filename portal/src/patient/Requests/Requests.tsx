import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import { GROUND_WORDS, WORDS_MAX, type CaseBody } from '../../api/cases';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Erasure, scopeWords } from '../../ui/Erasure/Erasure';
import { dayOfMs } from '../../ui/fhir/dates';
import { Facts } from '../../ui/Facts/Facts';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { saveFile } from '../../ui/saveFile';
import { Tag, type Tone } from '../../ui/Tag/Tag';
import { Erase } from '../Erase/Erase';
import type { CaseAsk } from '../session/cases';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Requests.module.css';

const STATES: Record<CaseBody['state'], { words: string; tone: Tone }> = {
  open: { words: 'Waiting for an answer', tone: 'accent' },
  accepted: { words: 'Done as you asked', tone: 'plain' },
  refused: { words: 'Not done', tone: 'warn' },
  withdrawn: { words: 'You took it back', tone: 'plain' },
  lifted: { words: 'Ended', tone: 'plain' },
};
const TITLES: Record<CaseBody['kind'], string> = { amendment: 'Correct an entry', restriction: 'Do not use my record', erasure: 'Erase what you have of me' };

/** What was asked of each hospital by the person's rights, and how it stands. */
export function Requests() {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  const loaded = useLoad('cases', () => session.cases());
  const [restricting, setRestricting] = useState<string | null>(null);
  const [erasing, setErasing] = useState<string | null>(null);
  if (!profile) return null;
  const restricted = (organisation: string) =>
    loaded.value?.cases.some(({ organisation: at, body }) => at === organisation && body.kind === 'restriction' && (body.state === 'open' || body.state === 'accepted'));
  return (
    <Page title="My requests" lead="Your rights: to have a mistake corrected, to have your record kept but not used, and to have it erased." back={{ to: '/settings', label: 'Settings' }}>
      {loaded.error && <ErrorNote message={loaded.error} onRetry={loaded.again} />}
      {(loaded.value?.silent.length ?? 0) > 0 && <Note tone="warn">{loaded.value!.silent.map(nameOf).join(' and ')} did not answer. What you asked there is missing here; please look again later.</Note>}
      {loaded.loading ? <Skeletons rows={3} label="Fetching your requests" /> : loaded.value?.cases.length === 0 ? (
        <Empty icon="message-circle" title="You have not asked for anything yet">To have a mistake corrected, open the entry and choose “This is wrong”.</Empty>
      ) : (
        <ul className={css.list}>{loaded.value?.cases.map(({ organisation, body }) => <li key={body.id}><One organisation={organisation} of={body} onDone={loaded.again} /></li>)}</ul>
      )}
      <Section title="Do not use my record" hint="The hospital keeps it, and does not look at it or use it, except in an emergency. It answers within a month.">
        <Card>
          {profile.organisations.map(({ id }) => (
            <div key={id} className={css.row}>
              <p className={css.name}>{nameOf(id)}</p>
              <Button variant="default" disabled={!loaded.value || !!restricted(id)} onClick={() => setRestricting(id)}>{restricted(id) ? 'Asked' : 'Ask for this'}</Button>
            </div>
          ))}
        </Card>
      </Section>
      <Section title="Erase what they have of me" hint="What a law says must be kept stays until then; they tell you which. One entry alone you can have erased from its own page.">
        <Card>
          {profile.organisations.map(({ id }) => (
            <div key={id} className={css.row}>
              <p className={css.name}>{nameOf(id)}</p>
              <Button variant="default" onClick={() => setErasing(id)}>Ask to erase</Button>
            </div>
          ))}
        </Card>
      </Section>
      {erasing && <Erase organisation={erasing} onClose={() => setErasing(null)} onDone={() => { setErasing(null); loaded.again(); }} />}
      {restricting && <Restrict organisation={restricting} onClose={() => setRestricting(null)} onDone={() => { setRestricting(null); loaded.again(); }} />}
    </Page>
  );
}

function Restrict({ organisation, onClose, onDone }: { organisation: string; onClose: () => void; onDone: () => void }) {
  const nameOf = useOrganisationName();
  const [reason, setReason] = useState('');
  const ask = useAction(async () => { await session.askCase(organisation, { ask: 'restrict', reason }); onDone(); });
  return (
    <Dialog open title={`Ask ${nameOf(organisation)} not to use your record?`} onClose={onClose} confirm={{ label: 'Ask', busy: ask.busy, onConfirm: () => void ask.go() }}>
      <p>If they agree, nobody there opens or uses your record until you or they end this. They go on adding to it. In an emergency it can be opened; you see that in “Who looked”.</p>
      <p>Your treatment there may become slower, because people cannot look things up.</p>
      <Textarea label="Why?" description="For example: I contest what it says, and want it checked first." rows={4} maxLength={WORDS_MAX} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {ask.error && <ErrorNote message={ask.error} />}
    </Dialog>
  );
}

function One({ organisation, of, onDone }: { organisation: string; of: CaseBody; onDone: () => void }) {
  const nameOf = useOrganisationName();
  const [asking, setAsking] = useState<'withdraw' | 'lift' | 'disagree' | null>(null);
  const state = STATES[of.state];
  const dossier = useAction(async () => saveFile('erasure.json', JSON.stringify(await session.erasureDossier(organisation, of.id), null, 2)));
  const holds = of.kind === 'restriction' && of.state === 'accepted';
  return (
    <Card>
      <div className={css.case}>
        <div className={css.head}>
          <h2 className={css.title}>{TITLES[of.kind]}</h2>
          <Tag tone={holds ? 'accent' : state.tone}>{holds ? 'In force' : state.words}</Tag>
        </div>
        <Facts
          of={[
            ['Asked of', nameOf(organisation)],
            ['On', dayOfMs(of.receivedMs)],
            ['What is wrong', of.wrong],
            ['What is right', of.right],
            ['What', of.scope && scopeWords(of.scope)],
            ['Why', of.reason],
            ['Answer due by', of.state === 'open' ? dayOfMs(of.dueMs) : ''],
            ['They need more time because', of.extended],
            ['Their answer', of.answer && `${of.answer.words} (${dayOfMs(of.answer.timeMs)})`],
            ['The law’s ground for that', of.answer?.ground && GROUND_WORDS[of.answer.ground]],
            ['You disagree', of.disagreement],
            ['Ended', of.ended && `${dayOfMs(of.ended.timeMs)}, ${of.ended.why}`],
          ]}
        />
        {of.erasure && <Erasure of={of.erasure} nameOf={nameOf} />}
        {dossier.error && <ErrorNote message={dossier.error} />}
        <div className={css.actions}>
          {of.erasure && of.erasure.step === 'ordered' && <Button variant="default" loading={dossier.busy} leftSection={<Icon name="download" size={20} />} onClick={() => void dossier.go()}>Save the proof</Button>}
          {of.state === 'open' && <Button variant="default" onClick={() => setAsking('withdraw')}>Take it back</Button>}
          {holds && <Button variant="default" onClick={() => setAsking('lift')}>Let them use it again</Button>}
          {of.state === 'refused' && !of.disagreement && <Button variant="default" onClick={() => setAsking('disagree')}>I disagree</Button>}
        </div>
      </div>
      {asking && <Step organisation={organisation} id={of.id} step={asking} onClose={() => setAsking(null)} onDone={() => { setAsking(null); onDone(); }} />}
    </Card>
  );
}

const STEPS = {
  withdraw: { title: 'Take this request back?', label: 'Take it back', words: 'It is not looked at any more. You can ask again later.' },
  lift: { title: 'Let them use your record again?', label: 'Yes, let them', words: 'From now on it can be opened as before.' },
  disagree: { title: 'Say why you disagree', label: 'Send', words: 'Your statement is kept with the request, for as long as they keep the entry.' },
};

function Step({ organisation, id, step, onClose, onDone }: { organisation: string; id: string; step: keyof typeof STEPS; onClose: () => void; onDone: () => void }) {
  const [statement, setStatement] = useState('');
  const words = STEPS[step];
  const ask: CaseAsk = step === 'disagree' ? { ask: step, case: id, statement } : { ask: step, case: id };
  const send = useAction(async () => { await session.askCase(organisation, ask); onDone(); });
  return (
    <Dialog open title={words.title} onClose={onClose} confirm={{ label: words.label, busy: send.busy, onConfirm: () => void send.go() }}>
      <p>{words.words}</p>
      {step === 'disagree' && <Textarea label="Your statement" rows={4} maxLength={WORDS_MAX} value={statement} onChange={(event) => setStatement(event.currentTarget.value)} />}
      {send.error && <ErrorNote message={send.error} />}
    </Dialog>
  );
}

import { Button, Progress, Radio, Switch } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { isProtected, type Category, type Purpose } from '../../crypto/formats';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useAction } from '../../ui/hooks';
import { Empty, ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Share.module.css';

const DAY_MS = 86_400_000;
const PERIODS: [number, string][] = [[1, '1 day'], [7, '1 week'], [30, '1 month'], [90, '3 months'], [365, '1 year']];
const PURPOSES: Purpose[] = ['treatment', 'research', 'payment'];
const CLASS_WORDS: Record<string, string> = {
  provider: 'Hospital or practice', payer: 'Insurer', research: 'Research institute', manufacturer: 'Maker of medicines',
  distributor: 'Distributor', pharmacy: 'Pharmacy', regulator: 'Public authority',
};
const STEPS = ['Who', 'What', 'Why and how long', 'Check'] as const;

interface Draft {
  grantee: string;
  categories: Category[] | null;
  purpose: Purpose;
  days: number;
  future: boolean;
}

/** From a clinician's request, if the page was opened from one. */
function useDraft() {
  const [parameters] = useSearchParams();
  const { accesses } = useSession();
  const request = accesses?.requests.find((one) => one.id === parameters.get('request'));
  const [draft, setDraft] = useState<Draft>(() => ({
    grantee: request?.organisation ?? parameters.get('to') ?? '',
    categories: request ? request.categories.filter((category) => !isProtected(category)) : null,
    purpose: request?.purpose ?? 'treatment',
    days: request && PERIODS.some(([days]) => days === request.days) ? request.days : 30,
    future: true,
  }));
  return { draft, request, parameters, change: (part: Partial<Draft>) => setDraft((known) => ({ ...known, ...part })) };
}

export function Share() {
  const { draft, request, parameters, change } = useDraft();
  const { sync } = useSession();
  const nameOf = useOrganisationName();
  const navigate = useNavigate();
  // In the address, so that the phone's own "back" goes back one step.
  const step = draft.grantee === '' ? 0 : Math.min(STEPS.length - 1, Number(parameters.get('step') ?? (request ? 1 : 0)) || 0);
  const setStep = (to: number) => void navigate(`/share?${new URLSearchParams({ ...Object.fromEntries(parameters), step: String(to) }).toString()}`);
  const body = useRef<HTMLDivElement>(null);
  const shown = useRef(step);
  useEffect(() => {
    if (shown.current === step) return;
    shown.current = step;
    window.scrollTo(0, 0);
    body.current?.focus({ preventScroll: true });
  }, [step]);
  const [sent, setSent] = useState(false);
  const [progress, setProgress] = useState<[number, number] | null>(null);
  const counts = session.shareable(draft.grantee);
  const categories = draft.categories ?? [...counts.keys()].map((one) => one as Category).filter((category) => !isProtected(category));
  const [expiryMs] = useState(() => Date.now());
  const until = expiryMs + draft.days * DAY_MS;
  const { busy, error, go } = useAction(async () => {
    await session.share({ grantee: draft.grantee, categories, purpose: draft.purpose, expiryMs: until, future: draft.future }, (done, total) => setProgress([done, total]));
    if (request) await session.answerRequest(request.id);
    setSent(true);
  });
  if (sent) return <Sent grantee={nameOf(draft.grantee)} untilMs={until} />;
  return (
    <Page title="Share my record" lead={request ? `${request.name} at ${nameOf(request.organisation)} asks: “${request.reason}”` : undefined} back={{ to: '/sharing', label: 'Sharing' }}>
      <ol className={css.steps} aria-label="Steps">
        {STEPS.map((name, at) => (
          <li key={name} className={at === step ? css.now : at < step ? css.done : ''} aria-current={at === step ? 'step' : undefined}>
            {at < step ? <button type="button" onClick={() => setStep(at)}>{name}</button> : <span>{name}</span>}
          </li>
        ))}
      </ol>
      <div ref={body} tabIndex={-1} role="group" aria-label={`Step ${step + 1} of ${STEPS.length}: ${STEPS[step]}`} className={css.body}>
        {step === 0 && <Who value={draft.grantee} onChange={(grantee) => change({ grantee, categories: null })} />}
        {step === 1 && (
          <Section title={`What may ${nameOf(draft.grantee)} see?`}>
            {counts.size === 0 && sync.state === 'working' && <Note>Your record is still being opened. One moment.</Note>}
            {counts.size === 0 && sync.state !== 'working' ? (
              <Empty icon="share" title="Nothing to share with them">{nameOf(draft.grantee)} has its own records about you. There is nothing from others to add.</Empty>
            ) : (
              <CategoryPicker value={categories} counts={counts} onChange={(chosen) => change({ categories: chosen })} />
            )}
          </Section>
        )}
        {step === 2 && <Why draft={draft} untilMs={until} change={change} />}
        {step === 3 && <Review grantee={nameOf(draft.grantee)} categories={categories} draft={draft} untilMs={until} counts={counts} />}
      </div>
      {error && <ErrorNote title="Not shared" message={error} />}
      {busy && progress && <Progress value={(100 * (progress[0] + 0.5)) / progress[1]} animated striped aria-label="Sharing" />}
      <div className={css.actions}>
        {step > 0 && <Button variant="default" size="lg" disabled={busy} onClick={() => setStep(step - 1)}>Back</Button>}
        {step < 3 ? (
          <Button size="lg" disabled={draft.grantee === '' || (step === 1 && categories.length === 0)} onClick={() => setStep(step + 1)}>Next</Button>
        ) : (
          <Button size="lg" loading={busy} onClick={() => void go()}>Share with {nameOf(draft.grantee)}</Button>
        )}
      </div>
    </Page>
  );
}

function Who({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const { around, profile } = useSession();
  const mine = profile?.organisations.map((one) => one.id) ?? [];
  const choices = (around?.organisations ?? []).filter((one) => !(mine.length === 1 && mine[0] === one.id));
  return (
    <Section title="Who may see it?">
      <Radio.Group value={value} onChange={onChange} name="grantee" aria-label="Who may see it?">
        <div className={css.choices}>
          {choices.map((one) => {
            // Whoever reads must know whose chart it is for.
            const known = mine.includes(one.id);
            const description = known ? CLASS_WORDS[one.class] : `${CLASS_WORDS[one.class]}. Does not know you yet: ask there for an invitation`;
            return <Radio key={one.id} className={css.choice} value={one.id} label={one.name} description={description} disabled={!known} />;
          })}
        </div>
      </Radio.Group>
    </Section>
  );
}

function Why({ draft, untilMs, change }: { draft: Draft; untilMs: number; change: (part: Partial<Draft>) => void }) {
  return (
    <>
      <Section title="For what?">
        <Radio.Group value={draft.purpose} onChange={(purpose) => change({ purpose: purpose as Purpose })} name="purpose" aria-label="For what?">
          <div className={css.choices}>{PURPOSES.map((purpose) => <Radio key={purpose} className={css.choice} value={purpose} label={PURPOSE_WORDS[purpose]} />)}</div>
        </Radio.Group>
      </Section>
      <Section title="For how long?">
        <Radio.Group value={String(draft.days)} onChange={(days) => change({ days: Number(days) })} name="days" aria-label="For how long?">
          <div className={css.choices}>{PERIODS.map(([days, words]) => <Radio key={days} className={css.choice} value={String(days)} label={words} description={days === draft.days ? `Ends by itself on ${dayOfMs(untilMs)}` : undefined} />)}</div>
        </Radio.Group>
      </Section>
      <Section title="New entries">
        <Card><Switch size="md" checked={draft.future} onChange={(event) => change({ future: event.currentTarget.checked })} label="Also share what is added while this lasts" /></Card>
      </Section>
    </>
  );
}

function Review({ grantee, categories, draft, untilMs, counts }: { grantee: string; categories: Category[]; draft: Draft; untilMs: number; counts: Map<string, number> }) {
  const left = [...counts.keys()].map((one) => one as Category).filter((category) => !categories.includes(category));
  return (
    <Section title="Is this right?">
      <Card>
        <Facts
          of={[
            ['Who', <strong key="who">{grantee}</strong>],
            ['Can see', categories.map((category) => CATEGORY_WORDS[category].name).join(', ')],
            ['Cannot see', left.map((category) => CATEGORY_WORDS[category].name).join(', ')],
            ['For', PURPOSE_WORDS[draft.purpose]],
            ['Until', `${dayOfMs(untilMs)}, or until you stop it`],
            ['New entries', draft.future ? 'Yes, they are included' : 'No, only what is there today'],
          ]}
        />
      </Card>
      {categories.some(isProtected) && <Note tone="warn" title="This includes extra protected entries">{categories.filter(isProtected).map((category) => CATEGORY_WORDS[category].name).join(', ')}</Note>}
      <Note>You will see every time someone there looks. What they have read, they may remember or note down, even after you stop.</Note>
    </Section>
  );
}

function Sent({ grantee, untilMs }: { grantee: string; untilMs: number }) {
  return (
    <Page title="Shared">
      <Note tone="good" title={`${grantee} can now see what you chose`}>It ends by itself on {dayOfMs(untilMs)}. You can stop it at any time.</Note>
      <div className={css.actions}>
        <Button component={Link} to="/sharing" size="lg">See who can see what</Button>
        <Button component={Link} to="/" size="lg" variant="default">My record</Button>
      </div>
    </Page>
  );
}

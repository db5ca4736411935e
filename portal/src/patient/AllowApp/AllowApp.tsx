import { Button, Radio } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import { apps, leaveTo, type AppRequest } from '../../api/apps';
import { PlainError } from '../../api/http';
import type { Category } from '../../crypto/formats';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { dayOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { allowing } from '../session/apps';
import { session } from '../session/session';
import { useSession } from '../session/useSession';
import css from './AllowApp.module.css';

const DAY_MS = 86_400_000;
/** An app that does not ask to stay reads for one sitting. */
const SITTING_MS = DAY_MS / 3;
const PERIODS: [number, string][] = [[1, '1 day'], [30, '1 month'], [90, '3 months'], [365, '1 year']];

/** "lab results and medicines" */
const listed = (categories: Category[]) =>
  new Intl.ListFormat('en', { type: 'conjunction' }).format(categories.map((one) => CATEGORY_WORDS[one].name.toLowerCase()));

/** An app sent the person here: what it gets, until when, or nothing. */
export function AllowApp() {
  const { request = '' } = useParams();
  const asked = useLoad(`app/${request}`, () => apps.request(request));
  if (asked.loading) return <Page title="An app asks"><Skeletons rows={3} /></Page>;
  if (!asked.value) return <Page title="An app asks"><ErrorNote title="Nothing was shown to the app" message={asked.error ?? ''} onRetry={asked.again} /></Page>;
  return <Asked id={request} of={asked.value} />;
}

function Asked({ id, of }: { id: string; of: AppRequest }) {
  const { phase, profile, freshCode } = useSession();
  const open = phase === 'open' && !freshCode;
  const known = profile?.organisations.some((one) => one.id === of.organisation) ?? false;
  const refusal = useAction(async () => leaveTo(await apps.refuse(id)));
  const refuse = <Button size="lg" variant="default" loading={refusal.busy} onClick={() => void refusal.go()}>No, thank you</Button>;
  return (
    <Page title={`${of.name} wants to see your record`} lead={`It asks for what ${of.organisationName} keeps about you. You decide what it gets. It is not made by your hospital.`}>
      {of.site && <p className={css.site}>More about it: {of.site}</p>}
      {refusal.error && <ErrorNote message={refusal.error} />}
      {open && known ? <Choice id={id} of={of} refuse={refuse} /> : (
        <>
          {open ? (
            <Note tone="warn" title="No record to show">Your record on this device has nothing from {of.organisationName}. Ask there for an invitation first.</Note>
          ) : (
            <Note>Unlock your record to choose. Nothing is shown to {of.name} before you have.</Note>
          )}
          <div className={css.actions}>
            {!open && <Button component={Link} to="/signin" state={{ from: `/allow/${id}` }} size="lg" leftSection={<Icon name="fingerprint" />}>Unlock and choose</Button>}
            {refuse}
          </div>
        </>
      )}
    </Page>
  );
}

function Choice({ id, of, refuse }: { id: string; of: AppRequest; refuse: ReactNode }) {
  const [categories, setCategories] = useState<Category[]>([]);
  const [days, setDays] = useState(30);
  const [now] = useState(() => Date.now());
  const untilMs = now + (of.stays ? days * DAY_MS : SITTING_MS);
  const offered = new Map<string, number>(of.categories.map((one) => [one, 1]));
  const allow = useAction(async () => {
    const { redirect } = await session.askCases(of.organisation, allowing(id, of, categories, untilMs));
    if (!redirect) throw new PlainError('The app cannot be reached. Please go back to it and begin again.');
    leaveTo(redirect);
  });
  return (
    <>
      <Section title={`What may ${of.name} see?`}><CategoryPicker value={categories} counts={offered} onChange={setCategories} /></Section>
      <Section title="For how long?">
        {of.stays ? (
          <Radio.Group value={String(days)} onChange={(value) => setDays(Number(value))} name="days" aria-label="For how long?">
            <div className={css.choices}>{PERIODS.map(([count, words]) => <Radio key={count} value={String(count)} label={words} />)}</div>
          </Radio.Group>
        ) : <p>While you use it now, and for at most eight hours.</p>}
      </Section>
      <Card>
        <p className={css.said} role="status">
          {categories.length === 0 ? `${of.name} sees nothing yet. Tick what it may see.` : `${of.name} will see your ${listed(categories)}${of.stays ? ` until ${dayOfMs(untilMs)}` : ''}.`}
        </p>
        {of.identity && <p>It will also know that it is you when you come back.</p>}
        <p>It can read and cannot change anything. You can stop it at any time under Sharing. What it has read by then it may keep.</p>
      </Card>
      {allow.error && <ErrorNote title="Not allowed yet" message={allow.error} />}
      <div className={css.actions}>
        <Button size="lg" loading={allow.busy} disabled={categories.length === 0} onClick={() => void allow.go()}>Allow</Button>
        {refuse}
      </div>
    </>
  );
}

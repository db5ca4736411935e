import { Button, Checkbox, Radio, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { CATEGORIES, isProtected, type Category } from '../../crypto/formats';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { dayOfMs } from '../../ui/fhir/dates';
import { useAction } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { wholeWeek } from '../session/appointing';
import { session } from '../session/session';
import { InviteCode } from './InviteCode';
import css from './Proxies.module.css';

const DAY_MS = 86_400_000;
const PERIODS: [number, string][] = [[31, 'About a month'], [93, 'About 3 months'], [366, 'About a year'], [3 * 366, 'About 3 years']];

/** Lets somebody act: who, what they may see and do, and for how long. */
export function NewProxy() {
  const [name, setName] = useState('');
  const [categories, setCategories] = useState<Category[]>(() => CATEGORIES.filter((category) => !isProtected(category)));
  const [shares, setShares] = useState(false);
  const [asks, setAsks] = useState(false);
  const [days, setDays] = useState(93);
  const [nowMs] = useState(Date.now);
  const [code, setCode] = useState<string | null>(null);
  const untilMs = wholeWeek(nowMs + days * DAY_MS);
  const { busy, error, go } = useAction(async () => setCode(await session.proxies.invite({ name: name.trim(), categories, shares, asks, untilMs })));
  const back = { to: '/settings/proxies', label: 'People who act for me' };
  if (code) {
    return (
      <Page title={`Invite ${name.trim()}`} back={back} lead="Nothing happens before they have answered and you have confirmed it.">
        <Card><InviteCode code={code} name={name.trim()} /></Card>
        <div><Button component={Link} to="/settings/proxies" size="lg">Done</Button></div>
      </Page>
    );
  }
  return (
    <Page title="Let somebody act for you" back={back} lead="They use a record and a passkey of their own, never yours. You can end it at any moment.">
      <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void go(); }}>
        <Section title="Who?"><Card><TextInput label="Their name, as you call them" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={64} autoComplete="off" required /></Card></Section>
        <Section title="What may they see?"><CategoryPicker value={categories} onChange={setCategories} /></Section>
        <Section title="What else may they do?">
          <Card>
            <div className={css.choices}>
              <Checkbox size="md" checked={shares} onChange={(event) => setShares(event.currentTarget.checked)} label="Share for me, and stop what they shared" description="With hospitals that know you. You see it, and can stop it." />
              <Checkbox size="md" checked={asks} onChange={(event) => setAsks(event.currentTarget.checked)} label="Ask for corrections, and that an entry is not used" />
            </div>
          </Card>
        </Section>
        <Section title="For how long?">
          <Radio.Group value={String(days)} onChange={(value) => setDays(Number(value))} name="days" aria-label="For how long?">
            <div className={css.choices}>{PERIODS.map(([value, words]) => <Radio key={value} value={String(value)} label={words} description={value === days ? `Ends by itself on ${dayOfMs(untilMs)}` : undefined} />)}</div>
          </Radio.Group>
        </Section>
        {error && <ErrorNote title="Not invited" message={error} />}
        <div><Button type="submit" size="lg" loading={busy} disabled={name.trim() === '' || categories.length === 0}>Make an invitation</Button></div>
      </form>
    </Page>
  );
}

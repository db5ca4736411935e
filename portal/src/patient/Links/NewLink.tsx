import { Button, Radio, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { isProtected, type Category } from '../../crypto/formats';
import { LABEL_MAX } from '../../links/shlink';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { dayOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction } from '../../ui/hooks';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { newPin } from '../session/links';
import { session } from '../session/session';
import { useRecords } from '../session/useSession';
import css from './Links.module.css';

const DAY_MS = 86_400_000;
const PERIODS: [number, string][] = [[1, '1 day'], [7, '1 week'], [30, '1 month'], [365, '1 year']];
/** What a doctor who does not know the person asks first. */
const SUMMARY: Category[] = ['allergies', 'medications', 'problems', 'immunizations'];
const PIN_MIN = 4;
const PIN_MAX = 32;

/** Chooses what a link shows, to whom it is given is up to the person. */
export function NewLink() {
  const records = useRecords();
  const navigate = useNavigate();
  const counts = new Map<string, number>();
  for (const { category } of records) counts.set(category, (counts.get(category) ?? 0) + 1);
  const [what, setWhat] = useState<'summary' | 'own'>('summary');
  const [picked, setPicked] = useState<Category[]>([]);
  const [days, setDays] = useState(7);
  const [now] = useState(() => Date.now());
  const [label, setLabel] = useState('');
  const [withPin, setWithPin] = useState(true);
  const [pin, setPin] = useState(newPin);
  const [renews, setRenews] = useState(false);
  const categories = (what === 'summary' ? SUMMARY : picked).filter((one) => counts.has(one));
  const untilMs = now + days * DAY_MS;
  const pinIsGood = !withPin || (pin.trim().length >= PIN_MIN && pin.trim().length <= PIN_MAX);
  const make = useAction(async () => {
    const link = await session.links.make({ label: label.trim() || 'My health record', categories, untilMs, pin: withPin ? pin.trim() : null, renews });
    await navigate(`/sharing/link/${link.id}`, { replace: true });
  });
  return (
    <Page title="Make a link" back={{ to: '/sharing', label: 'Sharing' }} lead="For a doctor abroad, a school, a relative: they need no Salus, only a browser.">
      <Section title="What does it show?">
        <Radio.Group value={what} onChange={(value) => setWhat(value as 'summary' | 'own')} name="what" aria-label="What does it show?">
          <div className={css.choices}>
            <Radio value="summary" label="A summary" description="Allergies, medicines, diagnoses and vaccines" />
            <Radio value="own" label="What I choose" />
          </div>
        </Radio.Group>
        {what === 'own' && <CategoryPicker value={picked} counts={counts} onChange={setPicked} />}
        {categories.some(isProtected) && <Note tone="warn" title="This includes extra protected entries">{categories.filter(isProtected).map((one) => CATEGORY_WORDS[one].name).join(', ')}. Whoever has the link and the PIN sees them.</Note>}
      </Section>
      <Section title="For how long?">
        <Radio.Group value={String(days)} onChange={(value) => setDays(Number(value))} name="days" aria-label="For how long?">
          <div className={css.choices}>{PERIODS.map(([count, words]) => <Radio key={count} value={String(count)} label={words} description={count === days ? `Ends by itself on ${dayOfMs(untilMs)}` : undefined} />)}</div>
        </Radio.Group>
      </Section>
      <Section title="How is it opened?">
        <Card>
          <div className={css.choices}>
            <Switch size="md" checked={withPin} onChange={(event) => setWithPin(event.currentTarget.checked)} label="Ask for a PIN" description="Tell it apart from the link: by phone, or in person" />
            {withPin && <TextInput label="PIN" value={pin} maxLength={PIN_MAX} autoComplete="off" onChange={(event) => setPin(event.currentTarget.value)} error={pinIsGood ? undefined : 'At least four letters or digits'} />}
            {!withPin && <Note tone="warn">Whoever has the link, or a photo of its code, can open it.</Note>}
            <Switch size="md" checked={renews} onChange={(event) => setRenews(event.currentTarget.checked)} label="I may bring it up to date" description="Then one link can show newer entries when you say so" />
            <TextInput label="What it is called" description="Whoever opens the link sees this, too" placeholder="My health record" value={label} maxLength={LABEL_MAX} onChange={(event) => setLabel(event.currentTarget.value)} />
          </div>
        </Card>
      </Section>
      <Note>What is in the link is locked on this device. The hospital that keeps it cannot read it. You see when it is opened, and can end it at any time.</Note>
      {make.error && <ErrorNote title="The link was not made" message={make.error} />}
      <div className={css.actions}><Button size="lg" loading={make.busy} disabled={categories.length === 0 || !pinIsGood} onClick={() => void make.go()}>Make the link</Button></div>
      {categories.length === 0 && <p className={css.past} role="status">{what === 'summary' ? 'Your record has none of these yet. Choose something else.' : 'Tick what it shows.'}</p>}
    </Page>
  );
}

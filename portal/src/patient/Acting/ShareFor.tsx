import { Button, Radio } from '@mantine/core';
import { useState } from 'react';
import { isProtected, type Category, type Purpose } from '../../crypto/formats';
import { CategoryPicker } from '../../ui/CategoryPicker/CategoryPicker';
import { dayOfMs } from '../../ui/fhir/dates';
import { PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useAction, useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import type { ActingRecord } from '../session/profile';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import css from './Acting.module.css';

const PERIODS: [number, string][] = [[7, '1 week'], [30, '1 month'], [90, '3 months'], [365, '1 year']];
const PURPOSES: Purpose[] = ['treatment', 'research', 'payment'];

/** Shares another person's record, and stops that: they see it, with the name of who did. */
export function ShareFor({ person, there }: { person: ActingRecord; there: Category[] }) {
  const nameOf = useOrganisationName();
  const now = useNow(60_000);
  const [open, setOpen] = useState(false);
  const [grantee, setGrantee] = useState('');
  const [purpose, setPurpose] = useState<Purpose>('treatment');
  const [days, setDays] = useState(30);
  const [categories, setCategories] = useState<Category[]>(() => there.filter((category) => !isProtected(category)));
  const share = useAction(async () => {
    await session.proxies.shareFor(person.code, { grantee, categories, purpose, days });
    setOpen(false);
  });
  const stop = useAction((id: string) => session.proxies.stopFor(person.code, id));
  const standing = (person.grants ?? []).filter((one) => !one.stopped && one.untilMs > now);
  return (
    <Section title={`Share ${person.name}’s record`} hint={person.child ? `Everything you do for ${person.name} is noted, and ${person.name} sees it when grown up.` : 'They see that you did it, and can stop it.'}>
      {standing.map((one) => (
        <Card key={one.id}>
          <p><strong>{nameOf(one.grantee)}</strong> can see what is from {nameOf(one.source)}{one.purpose ? `, for ${(PURPOSE_WORDS[one.purpose] ?? '').toLowerCase()}` : ''}, until {dayOfMs(one.untilMs)}</p>
          <Button variant="default" loading={stop.busy} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => void stop.go(one.id)}>Stop sharing with {nameOf(one.grantee)}</Button>
        </Card>
      ))}
      {stop.error && <ErrorNote title="Sharing was not stopped" message={stop.error} />}
      {person.at.length < 2 ? (
        <Note>Only {nameOf(person.at[0]?.id ?? '')} knows {person.name} so far. To let another hospital see the record, ask at its desk for a code to act for your child, and say here that it is the same child.</Note>
      ) : !open ? (
        <div><Button size="lg" variant="default" leftSection={<Icon name="share" size={20} />} onClick={() => setOpen(true)}>Share for {person.name}</Button></div>
      ) : (
        <Card>
          <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void share.go(); }}>
            <Radio.Group label="With whom?" value={grantee} onChange={setGrantee} name="grantee">
              <div className={css.stack}>{person.at.map(({ id }) => <Radio key={id} value={id} label={nameOf(id)} />)}</div>
            </Radio.Group>
            <Radio.Group label="For what?" value={purpose} onChange={(value) => setPurpose(value as Purpose)} name="purpose">
              <div className={css.stack}>{PURPOSES.map((one) => <Radio key={one} value={one} label={PURPOSE_WORDS[one]} />)}</div>
            </Radio.Group>
            <Radio.Group label="For how long?" value={String(days)} onChange={(value) => setDays(Number(value))} name="days">
              <div className={css.stack}>{PERIODS.map(([value, words]) => <Radio key={value} value={String(value)} label={words} />)}</div>
            </Radio.Group>
            <CategoryPicker value={categories} counts={new Map(there.map((category) => [category, 1]))} onChange={setCategories} />
            {share.error && <ErrorNote title="Not shared" message={share.error} />}
            <div className={css.row}>
              <Button type="submit" size="lg" loading={share.busy} disabled={grantee === '' || categories.length === 0}>Share for {person.name}</Button>
              <Button variant="default" size="lg" onClick={() => setOpen(false)}>Cancel</Button>
            </div>
          </form>
        </Card>
      )}
    </Section>
  );
}

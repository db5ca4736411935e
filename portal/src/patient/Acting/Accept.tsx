import { Button, Radio, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction } from '../../ui/hooks';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { RecoverySheet } from '../RecoverySheet/RecoverySheet';
import { readCode, type Offer } from '../session/appointing';
import { readInvite } from '../session/enrol';
import type { Accepted } from '../session/proxies';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Acting.module.css';

const OTHER = 'other';

/** An invitation to act for somebody, or a desk's code for a child: from a link's fragment or typed in. */
export function Accept() {
  const { phase, freshCode, profile } = useSession();
  const [typed, setTyped] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const [name, setName] = useState('');
  const [offer, setOffer] = useState<Offer | null>(null);
  const [check, setCheck] = useState<string | null>(null);
  const [child, setChild] = useState<Accepted | null>(null);
  const [which, setWhich] = useState('');
  const nameOf = useOrganisationName();
  const desk = readInvite(typed);
  const code = desk ? null : readCode(typed);
  // Nobody but the parent can say whether two organisations have the same child.
  const children = desk ? (profile?.acting ?? []).filter((one) => one.child && !one.ended) : [];
  const look = useAction(async () => {
    if (desk) setChild(await session.proxies.acceptAtDesk(desk, which === '' || which === OTHER ? undefined : which));
    else if (code) setOffer(await session.proxies.offer(code));
  });
  const accept = useAction(async () => {
    if (code && offer) setCheck(await session.proxies.accept(code, offer, name.trim()));
  });
  if (freshCode) return <RecoverySheet />;
  if (child !== null) return <ActsForChild accepted={child} />;
  if (check) {
    return (
      <Page title="You have answered">
        <Card>
          <p>Tell the person who invited you this number. They see the same, and confirm it:</p>
          <p className={css.number}>{check.slice(0, 3)} {check.slice(3)}</p>
        </Card>
        <div><Button component={Link} to="/acting" size="lg">People I act for</Button></div>
      </Page>
    );
  }
  const from = `/act#${encodeURIComponent(typed)}`;
  return (
    <Page title="Act for somebody" lead="Somebody would like you to look after their record with them, or you are the parent of a child.">
      <Card>
        {phase !== 'open' ? (
          <div className={css.stack}>
            <Note>First open your own record, or make one. You act with your own passkey. The invitation is kept meanwhile.</Note>
            <div className={css.row}>
              <Button component={Link} to="/signup" state={{ from }} size="lg">Make my record</Button>
              <Button component={Link} to="/signin" state={{ from }} size="lg" variant="default">I have one: sign in</Button>
            </div>
          </div>
        ) : offer ? (
          <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void accept.go(); }}>
            <Facts
              of={[
                ['Who asks', offer.from || 'Somebody'],
                ['You could see', offer.categories.map((category) => CATEGORY_WORDS[category]?.name ?? category).join(', ')],
                ['Share for them', offer.shares ? 'Yes' : 'No'],
                ['Ask for corrections', offer.asks ? 'Yes' : 'No'],
                ['Until', dayOfMs(offer.untilMs)],
              ]}
            />
            <Note>They see everything you do for them.</Note>
            <TextInput label="Your name, so that they know who answered" value={name} onChange={(event) => setName(event.currentTarget.value)} maxLength={64} required />
            {accept.error && <ErrorNote message={accept.error} />}
            <div><Button type="submit" size="lg" loading={accept.busy} disabled={name.trim() === ''}>Yes, I will</Button></div>
          </form>
        ) : (
          <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void look.go(); }}>
            <TextInput label="Invitation" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" spellCheck={false} error={typed !== '' && !code && !desk ? 'This is not an invitation.' : null} />
            {children.length > 0 && (
              <Radio.Group label="Which child is it?" value={which} onChange={setWhich} name="child">
                <div className={css.stack}>
                  {children.map((one) => <Radio key={one.code} value={one.code} label={`${one.name}, known at ${one.at.map(({ id }) => nameOf(id)).join(' and ')}`} />)}
                  <Radio value={OTHER} label="Another child" />
                </div>
              </Radio.Group>
            )}
            {look.error && <ErrorNote message={look.error} />}
            <div><Button type="submit" size="lg" loading={look.busy} disabled={(!code && !desk) || (children.length > 0 && which === '')}>Go on</Button></div>
          </form>
        )}
      </Card>
    </Page>
  );
}

/** A parent acts. Two hospitals may write one child's name in two ways; or the code is for a brother or a sister. */
function ActsForChild({ accepted: { name, apart } }: { accepted: Accepted }) {
  const [same, setSame] = useState(false);
  const join = useAction(async () => {
    if (apart) await session.proxies.join(apart.from, apart.code);
    setSame(true);
  });
  return (
    <Page title="You act for your child">
      <Note tone="good" title={`You can now see ${name || 'the'}’s record`}>It ends by itself when your child comes of age.</Note>
      {apart && !same && (
        <Note tone="warn" title="Is this the same child?">You said that this is {apart.name}. This hospital knows the child as {name}. Until you say that it is the same child, the two records are kept apart.</Note>
      )}
      {join.error && <ErrorNote message={join.error} />}
      <div className={css.row}>
        {apart && !same && <Button size="lg" variant="default" loading={join.busy} onClick={() => void join.go()}>{name} and {apart.name} are the same child</Button>}
        <Button component={Link} to="/acting" size="lg">People I act for</Button>
      </div>
    </Page>
  );
}

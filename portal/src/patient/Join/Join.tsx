import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { RecoverySheet } from '../RecoverySheet/RecoverySheet';
import { readInvite } from '../session/enrol';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Join.module.css';

/** An invitation, from a link's fragment or typed in. Without an open record it is kept until there is one. */
export function Join() {
  const { phase, freshCode } = useSession();
  const [typed, setTyped] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const [joined, setJoined] = useState<string | null>(null);
  const invite = readInvite(typed);
  const nameOf = useOrganisationName();
  const navigate = useNavigate();
  const { busy, error, go } = useAction(async () => {
    if (!invite) return;
    const name = await session.join(invite);
    setJoined(name);
    window.history.replaceState(null, '', '/join');
  });
  if (freshCode) return <RecoverySheet />;
  if (joined !== null) {
    return (
      <Page title="You have joined">
        <Note tone="good" title={joined ? `Welcome, ${joined}` : 'Welcome'}>
          {nameOf(invite?.organisation ?? '')} now adds your records here. The first ones arrive within a minute.
        </Note>
        <div><Button size="lg" onClick={() => void navigate('/')}>See my record</Button></div>
      </Page>
    );
  }
  const from = `/join${invite ? `#${invite.organisation}.${invite.code}` : ''}`;
  return (
    <Page title="Join with an invitation" lead="Your hospital or practice gives you an invitation, as a link or on paper.">
      <Card>
        <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void go(); }}>
          <TextInput label="Invitation" description="Looks like hospital-a.K7Q2-MX9P" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" spellCheck={false} error={typed !== '' && !invite ? 'This is not an invitation. It has the short name of the hospital, a dot, and a code.' : null} />
          {invite && <p className={css.from}><Icon name="building-hospital" /> From <strong>{nameOf(invite.organisation)}</strong></p>}
          {error && <ErrorNote message={error} />}
          {phase === 'open' ? (
            <Button type="submit" size="lg" loading={busy} disabled={!invite}>Join</Button>
          ) : (
            <>
              <Note>First open your record, or make one. Your invitation is kept meanwhile.</Note>
              <div className={css.row}>
                <Button component={Link} to="/signup" state={{ from }} size="lg">Make my record</Button>
                <Button component={Link} to="/signin" state={{ from }} size="lg" variant="default">I have one: sign in</Button>
              </div>
            </>
          )}
        </form>
      </Card>
    </Page>
  );
}

import { Button } from '@mantine/core';
import { Link, Navigate, useLocation } from 'react-router';
import { passkeysWork } from '../../api/webauthn';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { session } from '../session/session';
import { useSession } from '../session/useSession';
import css from './SignUp.module.css';

/** Two ways to make a record; both give a recovery code to print. No name, no e-mail, no password. */
export function SignUp() {
  const { phase } = useSession();
  const { state } = useLocation();
  const { busy, error, go } = useAction((withPasskey: boolean) => session.signUp(withPasskey));
  if (phase === 'open' || phase === 'opening') return <Navigate to={(state as { from?: string } | null)?.from ?? '/'} replace />;
  return (
    <Page title="Make your record" lead="No name, no e-mail and no password are needed. It is locked on your device, and only you can open it." back={{ to: '/', label: 'Start' }}>
      <Card>
        <div className={css.way}>
          <span className={css.disc}><Icon name="fingerprint" size={28} /></span>
          <div className={css.words}>
            <h2>With a passkey</h2>
            <p>Unlock with your fingerprint, face or screen lock. Best for your own phone or computer.</p>
            <Button size="lg" loading={busy} disabled={!passkeysWork()} onClick={() => void go(true)}>Continue with passkey</Button>
          </div>
        </div>
      </Card>
      <Card>
        <div className={css.way}>
          <span className={css.disc}><Icon name="printer" size={28} /></span>
          <div className={css.words}>
            <h2>With a printed code only</h2>
            <p>You get a code on paper and type it in each time. For shared computers, or if passkeys do not work for you.</p>
            <Button variant="default" size="lg" disabled={busy} onClick={() => void go(false)}>Continue with a code</Button>
          </div>
        </div>
      </Card>
      {error && <ErrorNote message={error} />}
      {!passkeysWork() && <Note tone="warn">This browser cannot use passkeys, so only the printed code is possible here.</Note>}
      <p>Already have a record? <Link to="/signin" className={css.link}>Sign in</Link></p>
    </Page>
  );
}

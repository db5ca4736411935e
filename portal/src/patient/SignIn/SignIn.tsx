import { Button, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { Link, Navigate, useLocation } from 'react-router';
import { passkeysWork } from '../../api/webauthn';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import type { CodeProblem } from '../session/letters';
import { readRecoveryCode } from '../session/recoveryCode';
import { session } from '../session/session';
import { useSession } from '../session/useSession';
import css from './SignIn.module.css';

function useFrom(): string {
  const { state } = useLocation();
  return (state as { from?: string } | null)?.from ?? '/';
}

export function SignIn() {
  const { phase } = useSession();
  const from = useFrom();
  const { busy, error, go } = useAction(() => session.signInWithPasskey());
  if (phase === 'open' || phase === 'opening') return <Navigate to={from} replace />;
  const locked = phase === 'locked';
  return (
    <Page
      title={locked ? 'Your record is locked' : 'Sign in'}
      lead={locked ? 'It locks by itself when you have not used it for five minutes, and when the page is loaded anew. Nothing of it is open on this device now.' : 'Your record is unlocked on this device, with your fingerprint, face or screen lock.'}
    >
      <Card>
        <div className={css.stack}>
          <Button size="lg" fullWidth leftSection={<Icon name="fingerprint" />} loading={busy} onClick={() => void go()} disabled={!passkeysWork()}>
            {locked ? 'Unlock with passkey' : 'Sign in with passkey'}
          </Button>
          {!passkeysWork() && <Note tone="warn">This browser cannot use passkeys. Please use your recovery code.</Note>}
          {error && <ErrorNote message={error} />}
          <Button component={Link} to="/recover" state={{ from }} variant="default" fullWidth leftSection={<Icon name="key" />}>Use recovery code</Button>
          <Button component={Link} to="/recover/shares" variant="subtle" fullWidth>I lost everything</Button>
        </div>
      </Card>
      {!locked && <p>New here? <Link to="/signup" className={css.link}>Make your record</Link></p>}
    </Page>
  );
}

const PROBLEMS: Record<CodeProblem, string> = {
  short: 'The code is too short. It has seven groups of four letters and digits.',
  long: 'The code is too long. It has seven groups of four letters and digits.',
  letter: 'There is a sign in it that never occurs in a code. Only letters and digits do.',
  check: 'One of the letters or digits is not right. Please compare it with your sheet.',
};

export function Recover() {
  const { phase } = useSession();
  const from = useFrom();
  const [typed, setTyped] = useState('');
  const [problem, setProblem] = useState<string | null>(null);
  const { busy, error, go, clear } = useAction((code: Uint8Array) => session.signInWithCode(code));
  if (phase === 'open' || phase === 'opening') return <Navigate to={from} replace />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const code = readRecoveryCode(typed);
    if (typeof code === 'string') return setProblem(PROBLEMS[code]);
    setProblem(null);
    void go(code);
  };
  return (
    <Page title="Use your recovery code" lead="You find it on the sheet that you printed or wrote down when you started." back={{ to: '/signin', label: 'Sign in' }}>
      <Card>
        <form className={css.stack} onSubmit={submit}>
          <TextInput
            label="Recovery code"
            description="Seven groups of four. Capital letters and dashes do not matter."
            value={typed}
            onChange={(event) => { setTyped(event.currentTarget.value); clear(); }}
            error={problem}
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            classNames={{ input: css.code }}
          />
          {error && <ErrorNote message={error} />}
          <Button type="submit" size="lg" loading={busy} disabled={typed.trim() === ''}>Open my record</Button>
        </form>
      </Card>
      <Note>Lost the code and the passkey? If you left parts of your key with a hospital or on paper, <Link to="/recover/shares">put them together again</Link>. If not, nobody can open this copy: not we, and not your hospital. Your hospital still has its own records and can invite you again.</Note>
    </Page>
  );
}

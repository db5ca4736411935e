import { Button, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { staff } from '../../api/staff';
import { createPasskey, askPasskey } from '../../api/webauthn';
import { useAction } from '../hooks';
import { Icon } from '../icons';
import { ErrorNote } from '../Note/Note';
import { Card, Page, Section } from '../Page/Page';

/** Staff sign in with a passkey, or join with the one-time code that their organisation gave them. */
export function StaffSignIn({ title, onDone }: { title: string; onDone: () => void }) {
  // In a printed link the code is the fragment, which browsers send to no server.
  const [code, setCode] = useState(() => window.location.hash.slice(1));
  const signIn = useAction(async () => {
    const start = await staff.signinStart();
    const { credential } = await askPasskey(start.options, false);
    await staff.signinFinish(start.session, credential);
    onDone();
  });
  const join = useAction(async () => {
    const start = await staff.joinStart(code.trim());
    const { credential } = await createPasskey(start.options, false);
    await staff.joinFinish(code.trim(), start.session, credential);
    onDone();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void join.go();
  };
  return (
    <Page title={title} lead="For people who work at this organisation.">
      <Card>
        <Button size="lg" fullWidth leftSection={<Icon name="fingerprint" />} loading={signIn.busy} onClick={() => void signIn.go()}>Sign in with passkey</Button>
        {signIn.error && <ErrorNote message={signIn.error} />}
      </Card>
      <Section title="First time here?" hint="Your organisation gives you a joining code. It works once and makes a passkey on this device.">
        <Card>
          <form onSubmit={submit}>
            <TextInput label="Joining code" value={code} onChange={(event) => setCode(event.currentTarget.value)} autoComplete="off" spellCheck={false} mb="md" />
            {join.error && <ErrorNote message={join.error} />}
            <Button type="submit" variant="default" loading={join.busy} disabled={code.trim() === ''}>Join</Button>
          </form>
        </Card>
      </Section>
    </Page>
  );
}

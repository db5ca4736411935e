import { Button, Checkbox } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { passkeysWork } from '../../api/webauthn';
import { dayOfMs } from '../../ui/fhir/dates';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import css from '../Recovery/Recovery.module.css';
import { CodeCard } from '../RecoverySheet/RecoverySheet';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';

/** Somebody else may have the keys: new ones everywhere, and the old ones open nothing any more. */
export function ReplaceKeys() {
  const { profile } = useSession();
  const [code, setCode] = useState<string | null>(null);
  if (profile?.former && profile.former.root !== '') return <Unfinished />;
  if (code) return <Commit code={code} />;
  return (
    <Page title="Replace your keys" lead="When a phone or computer of yours was stolen, or somebody has your recovery code: make new keys, and the old ones open nothing any more." back={{ to: '/settings', label: 'Settings' }}>
      <Section title="What happens">
        <ul className={css.list}>
          <li>You get a new recovery code and a new passkey on this device. All other passkeys, the old code, and all open sessions stop working.</li>
          <li>Every hospital and practice gets your new key in the place of the old one, and locks what comes from now on with keys that nobody had before.</li>
          <li>Everything you share stops. Share it again afterwards with whom you want.</li>
          <li>Parts of your key at hospitals and on paper are worth nothing any more. Make new ones afterwards.</li>
        </ul>
      </Section>
      <Note tone="warn">It does not take back what somebody has already read or copied with the old keys.</Note>
      <div><Button size="lg" color="rose" onClick={() => setCode(session.prepareReplace())}>Start</Button></div>
    </Page>
  );
}

function Commit({ code }: { code: string }) {
  const navigate = useNavigate();
  const [kept, setKept] = useState(false);
  const [madeMs] = useState(Date.now);
  const replace = useAction(async (withPasskey: boolean) => { await session.replaceKeys(withPasskey); await navigate('/'); });
  return (
    <Page title="First keep your new recovery code" lead="Nothing has changed yet. Print it or write it down, then go on.">
      <CodeCard code={code} madeOn={dayOfMs(madeMs)} />
      <div className={`${css.actions} no-print`}>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      <Card>
        <div className={`${css.stack} no-print`}>
          <Checkbox label="I have printed the code or written it down" checked={kept} onChange={(event) => setKept(event.currentTarget.checked)} />
          {replace.error && <ErrorNote message={replace.error} />}
          <Button size="lg" color="rose" leftSection={<Icon name="fingerprint" />} disabled={!kept || !passkeysWork()} loading={replace.busy} onClick={() => void replace.go(true)}>Replace my keys, with a new passkey here</Button>
          <Button variant="default" disabled={!kept || replace.busy} onClick={() => void replace.go(false)}>Replace my keys, with the code only</Button>
        </div>
      </Card>
    </Page>
  );
}

function Unfinished() {
  const { profile, sync } = useSession();
  const nameOf = useOrganisationName();
  const { left, grants } = profile!.former!;
  const open = grants.filter(({ state }) => state !== 'revoked').length;
  return (
    <Page title="Your keys are being replaced" back={{ to: '/settings', label: 'Settings' }}>
      <Note tone="warn" title="Not finished yet" action={<Button variant="default" loading={sync.state === 'working'} onClick={() => void session.refresh()}>Go on now</Button>}>
        {left.length > 0 && <p>The old key still stands at {left.map(nameOf).join(' and ')}. If that stays so, call them.</p>}
        {open > 0 && <p>{open === 1 ? 'One thing' : `${open} things`} you shared with the old key still {open === 1 ? 'has' : 'have'} to be stopped.</p>}
        <p>It goes on by itself whenever you open your record.</p>
      </Note>
    </Page>
  );
}

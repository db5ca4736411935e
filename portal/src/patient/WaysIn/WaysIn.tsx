import { Button, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { account, type SlotInfo } from '../../api/account';
import { passkeysWork } from '../../api/webauthn';
import { Dialog } from '../../ui/Dialog/Dialog';
import { day, timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { Row } from '../Settings/Row';
import { CREDENTIAL, session } from '../session/session';
import { device } from '../session/store';
import { useSession } from '../session/useSession';

const usedWords = ({ used }: SlotInfo) => (used ? `last used ${timeOfMs(Date.parse(used))}` : 'not used here yet');

/** Everything that unlocks the record: each with its name, when it was added, and when it was used last. */
export function WaysIn() {
  const { profile } = useSession();
  const info = useLoad('account', () => account.me());
  const here = useLoad('this-device', () => device.get<string>(CREDENTIAL).then((id) => id ?? ''));
  const [removing, setRemoving] = useState<SlotInfo | null>(null);
  const [naming, setNaming] = useState<SlotInfo | null>(null);
  const add = useAction(async () => { await session.addPasskey(); info.again(); here.again(); });
  const code = useAction(() => session.newCode());
  const remove = useAction(async (id: string) => { await account.removePasskey(id); setRemoving(null); info.again(); });
  const slots = info.value?.slots ?? [];
  const passkeys = slots.filter((slot) => slot.kind === 'passkey');
  const paper = slots.find((slot) => slot.kind === 'recovery');
  const nameOf = (slot: SlotInfo) => profile?.deviceNames?.[slot.id]?.name || `Passkey ${passkeys.indexOf(slot) + 1}`;
  const last = passkeys.length === 1 && !paper;
  const error = info.error ?? add.error ?? code.error;
  return (
    <Section title="How you unlock it">
      {error && <ErrorNote message={error} />}
      <Card>
        {passkeys.map((slot) => (
          <Row
            key={slot.id}
            icon="fingerprint"
            title={`${nameOf(slot)}${slot.id === here.value ? ' (this device)' : ''}`}
            action={(
              <>
                <Button variant="default" aria-label={`Rename ${nameOf(slot)}`} onClick={() => setNaming(slot)}>Rename</Button>
                <Button variant="default" aria-label={`Remove ${nameOf(slot)}`} disabled={last} onClick={() => setRemoving(slot)}>Remove</Button>
              </>
            )}
          >
            Added {day(slot.created)}, {usedWords(slot)}.{last && ' It is your only way in, so it stays. Add another one first.'}
          </Row>
        ))}
        <Row icon="plus" title="Add a passkey" action={<Button variant="default" loading={add.busy} disabled={!passkeysWork()} onClick={() => void add.go()}>Add</Button>}>For another phone or computer.</Row>
        <Row icon="key" title="Recovery code" action={<Button variant="default" loading={code.busy} onClick={() => void code.go()}>New code</Button>}>
          {paper && `Made ${day(paper.created)}, ${usedWords(paper)}. `}Lost the sheet, or someone has seen it? Make a new code; the old one stops working.
        </Row>
        <Row icon="users" title="If you lose everything" action={<Button component={Link} to="/settings/recovery" variant="default">{profile?.recovery?.holders.length ? 'Look at it' : 'Set it up'}</Button>}>
          {profile?.recovery?.holders.length ? 'Two of your three parts give your record back.' : 'Leave parts of your key with a hospital and on paper. Two of three give your record back.'}
        </Row>
        <Row icon="shield-x" title="Stolen or seen by somebody?" action={<Button component={Link} to="/settings/replace" variant="default">Replace my keys</Button>}>New keys everywhere; the old ones open nothing any more.</Row>
        <Row icon="lock" title="Lock" action={<Button variant="default" onClick={session.lock}>Lock now</Button>}>Locks by itself after five minutes without use.</Row>
      </Card>
      <Dialog open={removing !== null} title={`Remove ${removing ? nameOf(removing) : ''}?`} onClose={() => setRemoving(null)} confirm={{ label: 'Remove', danger: true, busy: remove.busy, onConfirm: () => removing && void remove.go(removing.id) }}>
        {remove.error && <ErrorNote message={remove.error} />}
        <p>The device with it can no longer sign in to your record here, and everywhere else you are signed out.</p>
        <p>It does not take back what that device has seen or kept. If somebody else has the device and could have unlocked it, also <Link to="/settings/replace">replace your keys</Link>.</p>
      </Dialog>
      <Naming slot={naming} name={naming ? nameOf(naming) : ''} onClose={() => setNaming(null)} />
    </Section>
  );
}

function Naming({ slot, name, onClose }: { slot: SlotInfo | null; name: string; onClose: () => void }) {
  const [typed, setTyped] = useState(name);
  useEffect(() => setTyped(name), [name]);
  const rename = useAction(async () => { if (slot) await session.nameDevice(slot.id, typed); onClose(); });
  return (
    <Dialog open={slot !== null} title="Name this passkey" onClose={onClose} confirm={{ label: 'Save', busy: rename.busy, onConfirm: () => void rename.go() }}>
      {rename.error && <ErrorNote message={rename.error} />}
      <TextInput label="Name" description="For example “My phone”. Only you can read it." maxLength={64} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
    </Dialog>
  );
}

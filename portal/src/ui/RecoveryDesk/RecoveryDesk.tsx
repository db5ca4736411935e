import { Button, Checkbox, TextInput } from '@mantine/core';
import { useDeferredValue, useState } from 'react';
import { staff, type PatientRow } from '../../api/staff';
import { day, timeOfMs } from '../fhir/dates';
import { useAction, useLoad } from '../hooks';
import { Icon } from '../icons';
import { ErrorNote, Note } from '../Note/Note';
import { Card, Page } from '../Page/Page';
import css from './RecoveryDesk.module.css';

/** The desk: a person who lost every way in shows who they are, and gets a code for a new device. */
export function RecoveryDesk() {
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<PatientRow | null>(null);
  const search = useDeferredValue(typed.trim());
  const list = useLoad(`recover/${search}`, (signal) => (search ? staff.patients(search, signal) : Promise.resolve([])));
  return (
    <Page title="Recover a patient’s record" lead="For somebody who lost all their passkeys and their recovery code. If they left a part of their key with us, they get it back; otherwise they begin with a new key.">
      <TextInput label="Name or date of birth" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); setChosen(null); }} type="search" />
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {!chosen && list.value?.map((row) => (
        <Button key={row.id} variant="default" size="lg" justify="flex-start" onClick={() => setChosen(row)}>{row.name}{row.birthDate ? `, born ${day(row.birthDate)}` : ''}</Button>
      ))}
      {chosen && <GiveCode patient={chosen} />}
      {chosen && <ForParent patient={chosen} />}
    </Page>
  );
}

/** A child: whoever may act for it gets a code, after a look at the documents. */
function ForParent({ patient }: { patient: PatientRow }) {
  const [checked, setChecked] = useState(false);
  const [given, setGiven] = useState<Awaited<ReturnType<typeof staff.guardian>> | null>(null);
  const [ended, setEnded] = useState(false);
  const give = useAction(async () => setGiven(await staff.guardian(patient.id)));
  const end = useAction(async () => { await staff.endGuardians(patient.id); setEnded(true); });
  if (given) {
    return (
      <Note tone="good" title={given.code}>
        Give this to the parent of {patient.name}. Link: <span className={css.break}>{given.link}</span><br />
        It can be used once, by {day(given.expires)}. It ends by itself before {patient.name} comes of age; then invite {patient.name} anew.
      </Note>
    );
  }
  return (
    <Card>
      <div className={css.stack}>
        <p><strong>A parent of {patient.name}</strong></p>
        <Checkbox label="I have seen the documents, and this person may act for the child" checked={checked} onChange={(event) => setChecked(event.currentTarget.checked)} />
        {give.error && <ErrorNote message={give.error} />}
        <div><Button variant="default" size="lg" disabled={!checked} loading={give.busy} onClick={() => void give.go()}>Make a code for a parent</Button></div>
        {end.error && <ErrorNote message={end.error} />}
        {ended ? <p role="status">Nobody acts for {patient.name} by our word any more.</p> : <div><Button variant="default" loading={end.busy} onClick={() => void end.go()}>End that others act for {patient.name}</Button></div>}
      </div>
    </Card>
  );
}

function GiveCode({ patient }: { patient: PatientRow }) {
  const [checked, setChecked] = useState(false);
  const [given, setGiven] = useState<Awaited<ReturnType<typeof staff.recover>> | null>(null);
  const [anew, setAnew] = useState<Awaited<ReturnType<typeof staff.invite>> | null>(null);
  const give = useAction(async () => setGiven(await staff.recover(patient.id)));
  const invite = useAction(async () => setAnew(await staff.invite(patient.id, true)));
  if (anew) {
    return (
      <Note tone="good" title={anew.code}>
        An invitation for {patient.name}. Link: <span className={css.break}>{anew.link}</span><br />
        The key that uses it takes the place of the one they had, here and at once. What they shared with the old key stops. Valid until {day(anew.expires)}.
      </Note>
    );
  }
  if (given) {
    return (
      <Note tone="good" title={given.code}>
        Give this to {patient.name}, for one new device. Link: <span className={css.break}>{given.link}</span><br />
        It has to be used by {timeOfMs(Date.parse(given.expires))}. Two days later the device gets our part; until then the patient’s other devices can stop it.
      </Note>
    );
  }
  return (
    <Card>
      <div className={css.stack}>
        <p><strong>{patient.name}</strong>{patient.birthDate ? `, born ${day(patient.birthDate)}` : ''}</p>
        <Checkbox label="I have seen an official identity card with a photo, and it is this person" checked={checked} onChange={(event) => setChecked(event.currentTarget.checked)} />
        {give.error && <ErrorNote message={give.error} />}
        <div><Button size="lg" disabled={!checked} loading={give.busy} onClick={() => void give.go()}>Make a code for their part</Button></div>
        <p className={css.soft}>They left no part, or somebody else has their keys and replaced them? Then invite them anew.</p>
        {invite.error && <ErrorNote message={invite.error} />}
        <div><Button variant="default" disabled={!checked} loading={invite.busy} onClick={() => void invite.go()}>Invite anew, with a new key</Button></div>
        <p className={css.soft}>Your name and this step stand in the patient’s log, and the patient is told.</p>
      </div>
    </Card>
  );
}

import { Button, TextInput } from '@mantine/core';
import { useDeferredValue, useState } from 'react';
import type { AccountingFile } from '../../api/accounting';
import { staff, type PatientRow } from '../../api/staff';
import { day, timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { SignedListView } from '../../ui/SignedList/SignedListView';
import css from './Lists.module.css';

const BACK = { to: '/steward/cases', label: 'Patients’ requests' };

/** Somebody asks at the desk, or in writing, who looked at their record. */
export function Lists() {
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<PatientRow | null>(null);
  const search = useDeferredValue(typed.trim());
  const found = useLoad(`lists/${search}`, (signal) => (search ? staff.patients(search, signal) : Promise.resolve([])));
  return (
    <Page title="A list of who looked" back={BACK} lead="For a patient who asks at the desk or in writing. The list is signed by this organisation; give it to the patient, printed or as a file.">
      <div className="no-print">
        <TextInput label="Name or date of birth" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => { setTyped(event.currentTarget.value); setChosen(null); }} type="search" />
      </div>
      {found.error && <ErrorNote message={found.error} onRetry={found.again} />}
      {!chosen && found.value?.map((row) => (
        <Button key={row.id} variant="default" size="lg" justify="flex-start" onClick={() => setChosen(row)}>{row.name}{row.birthDate ? `, born ${day(row.birthDate)}` : ''}</Button>
      ))}
      {chosen && <Make key={chosen.id} patient={chosen} />}
    </Page>
  );
}

function Make({ patient }: { patient: PatientRow }) {
  const [list, setList] = useState<AccountingFile | null>(null);
  const make = useAction(async () => setList(await staff.signedList(patient.id)));
  if (list) {
    return (
      <>
        <p><strong>{patient.name}</strong>{patient.birthDate ? `, born ${day(patient.birthDate)}` : ''}. Signed by {list.statement.name} on {timeOfMs(list.statement.madeMs)}.</p>
        <SignedListView list={list} />
      </>
    );
  }
  return (
    <Card>
      <div className={css.stack}>
        <p><strong>{patient.name}</strong>{patient.birthDate ? `, born ${day(patient.birthDate)}` : ''}</p>
        {make.error && <ErrorNote message={make.error} />}
        <div><Button size="lg" loading={make.busy} onClick={() => void make.go()}>Make the list</Button></div>
        <p>Your name and this step stand in the patient’s log.</p>
      </div>
    </Card>
  );
}

import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { Link, useLocation, useParams } from 'react-router';
import type { Purpose } from '../../crypto/formats';
import { staff, type Chart, type PatientRow, type StaffMember } from '../../api/staff';
import { ageAt, day } from '../../ui/fhir/dates';
import { PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { OpenChart } from '../OpenChart/OpenChart';
import css from './ChartPage.module.css';

const PURPOSES: Purpose[] = ['treatment', 'emergency', 'operations', 'payment'];
const REASONS = ['Appointment today', 'In our care now', 'Question from the patient', 'Preparing a procedure'];

export function ChartPage({ me, nameOf }: { me: StaffMember; nameOf: (id: string) => string }) {
  const { patient = '' } = useParams();
  const { state } = useLocation();
  const list = useLoad(`patient/${patient}`, async () => (state as PatientRow | null) ?? (await staff.patients('')).find((row) => row.id === patient) ?? null);
  const [chart, setChart] = useState<Chart | null>(null);
  const row = list.value;
  const name = row?.name.replace(/\d+/g, '') ?? 'Patient';
  const age = ageAt(row?.birthDate);
  const lead = [row?.birthDate && `born ${day(row.birthDate)}`, age !== null && `${age} years`, row?.sex].filter(Boolean).join(' · ');
  return (
    <Page title={name} lead={lead} back={{ to: '/clinic', label: 'Patients' }} wide={!!chart}>
      {chart ? <OpenChart chart={chart} patient={patient} name={name} me={me} nameOf={nameOf} /> : <Reason patient={patient} role={me.role} onOpen={setChart} />}
    </Page>
  );
}

/** Why the chart is opened: kept in the log, shown to the patient. */
function Reason({ patient, role, onOpen }: { patient: string; role: StaffMember['role']; onOpen: (chart: Chart) => void }) {
  const [reason, setReason] = useState('');
  const [purpose, setPurpose] = useState<Purpose>('treatment');
  const open = useAction(async () => onOpen(await staff.openChart(patient, reason.trim(), purpose)));
  const [link, setLink] = useState<{ code: string; link: string; expires: string } | null>(null);
  const invite = useAction(async () => setLink(await staff.invite(patient)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void open.go();
  };
  return (
    <>
      {role === 'clinician' && (
        <Card>
          <form className={css.form} onSubmit={submit}>
            <h2>Why do you open this chart?</h2>
            <p className={css.soft}>The patient sees your name, the time and this reason.</p>
            <div className={css.chips}>{REASONS.map((text) => <Button key={text} variant={reason === text ? 'filled' : 'default'} aria-pressed={reason === text} onClick={() => setReason(text)}>{text}</Button>)}</div>
            <Textarea label="Reason" value={reason} onChange={(event) => setReason(event.currentTarget.value)} minRows={2} maxLength={200} required />
            <NativeSelect size="md" label="Purpose" value={purpose} onChange={(event) => setPurpose(event.currentTarget.value as Purpose)} data={PURPOSES.map((value) => ({ value, label: PURPOSE_WORDS[value]! }))} />
            {open.error && <ErrorNote message={open.error} />}
            <Button type="submit" size="lg" loading={open.busy} disabled={reason.trim().length < 3}>Open chart for 12 hours</Button>
          </form>
        </Card>
      )}
      {role === 'clinician' && (
        <Note tone="bad" title="Emergency" action={<Button component={Link} to={`/clinic/patients/${patient}/emergency`} color="rose" size="lg" leftSection={<Icon name="alert-triangle" size={22} />}>This is an emergency</Button>}>
          If this person cannot be asked and it cannot wait, you can read what other hospitals keep for emergencies.
        </Note>
      )}
      <Card tone="soft">
        <div className={css.form}>
          <h2>Invite the patient</h2>
          <p className={css.soft}>After you have checked who they are, give them this invitation. It works once.</p>
          {invite.error && <ErrorNote message={invite.error} />}
          {link ? <Note tone="good" title={link.code}>Link: <span className={css.break}>{link.link}</span><br />Valid until {day(link.expires)}</Note> : <div><Button variant="default" loading={invite.busy} onClick={() => void invite.go()}>Make an invitation</Button></div>}
        </div>
      </Card>
    </>
  );
}

import { Button, Radio, Textarea } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { useParams } from 'react-router';
import { staff, type Chart, type Emergency as Begun, type StaffMember } from '../../api/staff';
import type { EmergencyGround } from '../../crypto/formats';
import { clockOfMs } from '../../ui/fhir/dates';
import { useAction, useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { OpenChart } from '../OpenChart/OpenChart';
import css from './Emergency.module.css';
import { Summary } from './Summary';

const GROUNDS: { value: EmergencyGround; label: string }[] = [
  { value: 'unconscious', label: 'The person is unconscious' },
  { value: 'cannot-consent', label: 'The person is awake and cannot consent' },
  { value: 'immediate-danger', label: 'Waiting would put life or health in danger' },
  { value: 'other', label: 'Another reason' },
];

/** What saves a life, for who cannot be asked: why, what will happen, and then what others keep for it. */
export function Emergency({ me, nameOf }: { me: StaffMember; nameOf: (id: string) => string }) {
  const { patient = '' } = useParams();
  const [begun, setBegun] = useState<Begun | null>(null);
  return (
    <Page title="Emergency" lead={begun ? undefined : 'For somebody who cannot be asked, when it cannot wait.'} back={{ to: `/clinic/patients/${patient}`, label: 'Back' }} wide={!!begun}>
      {begun ? <Open begun={begun} me={me} nameOf={nameOf} /> : <Begin patient={patient} onBegin={setBegun} />}
    </Page>
  );
}

function Begin({ patient, onBegin }: { patient: string; onBegin: (begun: Begun) => void }) {
  const [ground, setGround] = useState<EmergencyGround | ''>('');
  const [reason, setReason] = useState('');
  const begin = useAction(async () => {
    if (ground !== '') onBegin(await staff.beginEmergency(patient, ground, reason.trim()));
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void begin.go();
  };
  return (
    <Card>
      <form className={css.form} onSubmit={submit}>
        <Radio.Group label="Why can nobody be asked?" value={ground} onChange={(value) => setGround(value as EmergencyGround)} required>
          <div className={css.grounds}>{GROUNDS.map(({ value, label }) => <Radio key={value} value={value} label={label} size="md" />)}</div>
        </Radio.Group>
        <Textarea label="What has happened?" description="The patient reads this, with your name." value={reason} onChange={(event) => setReason(event.currentTarget.value)} minRows={2} maxLength={400} required />
        <Note tone="warn" title="What will happen">
          <ul>
            <li>You see allergies, medicines, problems, implants and wishes that other hospitals keep for emergencies, for four hours, and this hospital’s own chart.</li>
            <li>The patient is told at once: your name, the time and what you write here.</li>
            <li>Somebody else at your hospital has to look at it again within three days. Every hospital of the network sees that it was done.</li>
          </ul>
        </Note>
        {begin.busy && <Note>Leaving the entry that comes before anything is opened, and collecting the keys …</Note>}
        {begin.error && <ErrorNote message={begin.error} />}
        <Button type="submit" size="lg" color="rose" leftSection={<Icon name="alert-triangle" size={22} />} loading={begin.busy} disabled={ground === '' || reason.trim().length < 3}>Open what is kept for emergencies</Button>
      </form>
    </Card>
  );
}

function leftWords(ms: number): string {
  const minutes = Math.max(0, Math.ceil(ms / 60_000));
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes} min`;
}

function Open({ begun, me, nameOf }: { begun: Begun; me: StaffMember; nameOf: (id: string) => string }) {
  const [current, setCurrent] = useState(begun);
  const [chart, setChart] = useState<Chart | null>(null);
  const left = begun.untilMs - useNow(15_000);
  const again = useAction(async () => setCurrent(await staff.emergency(begun.id)));
  if (left <= 0) return <Note tone="warn" title="The four hours are over">What was opened is closed. If it is still an emergency, begin again.</Note>;
  const closed = current.sources.filter((source) => source.state !== 'opened');
  const silent = begun.silent ?? [];
  return (
    <>
      <Note tone="warn" title={`Open until ${clockOfMs(begun.untilMs)}`}><span className={css.clock}>{leftWords(left)} left.</span> The patient has been told, and it will be looked at again.</Note>
      {current.sources.map((source) => source.summary && <Summary key={source.event} from={nameOf(source.organisation)} madeMs={source.madeMs} bundle={source.summary} />)}
      {current.sources.length === 0 && <Note title="No other hospital has anything for emergencies about this person">They are found by name, birth date and sex. This hospital’s own chart is below.</Note>}
      {closed.length > 0 && <ErrorNote title={`Not opened: ${closed.map((source) => nameOf(source.organisation)).join(', ')}`} message="Too few of those who keep the keys have answered." onRetry={() => void again.go()} />}
      {again.error && <ErrorNote message={again.error} />}
      {silent.length > 0 && <Note tone="warn" title={`No answer from ${silent.map(nameOf).join(', ')}`}>Whether they know this person is not known.</Note>}
      <Section title={`Our own chart at ${me.organisation}`}>
        {chart
          ? <OpenChart chart={chart} patient={current.patient} name="the patient" me={me} nameOf={nameOf} />
          : <div><Button variant="default" onClick={() => setChart({ chart: begun.chart, patient: begun.patient, sources: [{ organisation: me.organisation, state: 'own' }] })}>Show our own chart</Button></div>}
      </Section>
    </>
  );
}

import { Button, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { Dialog } from '../../ui/Dialog/Dialog';
import { dayOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad, useNow } from '../../ui/hooks';
import { ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Row } from '../Settings/Row';
import type { Registration, Registrations } from '../session/registrations';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Twice.module.css';

/** A person who is registered twice at one organisation makes one record of it, and can undo that. */
export function Twice() {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  return (
    <Page title="Registered twice?" back={{ to: '/settings', label: 'Settings' }}>
      <Note>Sometimes a hospital has two records of one person, for example after an emergency or a change of name. You can make one record of them here. Nothing is deleted, and for 30 days you can undo it.</Note>
      {profile?.organisations.map(({ id }) => <One key={id} id={id} name={nameOf(id)} />)}
    </Page>
  );
}

function One({ id, name }: { id: string; name: string }) {
  const loaded = useLoad(`registrations/${id}`, async () => session.registrations(id, { ask: 'registrations' }));
  const [changed, setChanged] = useState<Registrations | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const state = changed ?? loaded.value;
  const joined = state?.registrations.filter((one) => one.mergedMs !== null) ?? [];
  const change = (words: string) => (next: Registrations) => { setChanged(next); setDone(words); };
  return (
    <Section title={name}>
      {loaded.loading && <Skeletons rows={1} label={`Asking ${name}`} />}
      {loaded.error && <ErrorNote message={loaded.error} onRetry={loaded.again} />}
      {done && <Note tone="good">{done}</Note>}
      {state && (
        <Card>
          {joined.map((one) => <Joined key={one.id} organisation={id} of={one} onDone={change('The two records are separate again.')} />)}
          <Join organisation={id} name={name} onDone={change('The two records are one now. Your record shows both after it has been checked again.')} />
          <Offer organisation={id} name={name} />
        </Card>
      )}
    </Section>
  );
}

/** With a code of the desk, or of the person's other device. */
function Join({ organisation, name, onDone }: { organisation: string; name: string; onDone: (next: Registrations) => void }) {
  const [code, setCode] = useState('');
  const [asking, setAsking] = useState(false);
  const join = useAction(async () => {
    try {
      onDone(await session.registrations(organisation, { ask: 'merge-registration', code: code.trim() }));
      setCode('');
    } finally {
      setAsking(false);
    }
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAsking(true);
  };
  return (
    <form className={css.form} onSubmit={submit}>
      <TextInput size="md" label="Code for the other record" description={`From the desk of ${name}, or from your other device.`} value={code} onChange={(event) => setCode(event.currentTarget.value)} autoComplete="off" required />
      {join.error && <ErrorNote message={join.error} />}
      <div><Button type="submit" size="lg" loading={join.busy} disabled={code.trim().length < 8}>Make one record of both</Button></div>
      <Dialog open={asking} title="Make one record of both?" onClose={() => setAsking(false)} confirm={{ label: 'Yes, both are mine', busy: join.busy, onConfirm: () => void join.go() }}>
        <p>Only do this if both records are yours. Whoever you shared the other record with loses access to it; share again if you want to. If another device opened the other record, it no longer does.</p>
        <p>You can undo this for 30 days.</p>
        {join.busy && <p role="status">Joining the two records …</p>}
      </Dialog>
    </form>
  );
}

/** For the device that opens the other record. */
function Offer({ organisation, name }: { organisation: string; name: string }) {
  const [code, setCode] = useState<string | null>(null);
  const offer = useAction(async () => setCode((await session.registrations(organisation, { ask: 'offer-registration' })).offer?.code ?? null));
  return (
    <>
      <Row icon="user" title="My other record opens on another device" action={<Button variant="default" loading={offer.busy} onClick={() => void offer.go()}>Show a code</Button>}>Show a code here and type it in there: that device then opens both records at {name}.</Row>
      {offer.error && <ErrorNote message={offer.error} />}
      {code && <Note tone="warn" title={code}>Type this code in on your other device within an hour. Give it to nobody else: it hands this record over.</Note>}
    </>
  );
}

function Joined({ organisation, of, onDone }: { organisation: string; of: Registration; onDone: (next: Registrations) => void }) {
  const now = useNow(60_000);
  const [asking, setAsking] = useState(false);
  const part = useAction(async () => {
    try {
      onDone(await session.registrations(organisation, { ask: 'part-registration', registration: of.id }));
    } finally {
      setAsking(false);
    }
  });
  const open = of.partUntilMs !== null && now < of.partUntilMs;
  return (
    <>
      <Row icon="users" title={of.name ?? 'Another record'} action={open && <Button variant="default" onClick={() => setAsking(true)}>Undo</Button>}>
        Joined with your record {of.mergedMs !== null && `on ${dayOfMs(of.mergedMs)}`}. {open && of.partUntilMs !== null ? `You can undo this until ${dayOfMs(of.partUntilMs)}.` : 'This can no longer be undone.'}
      </Row>
      {part.error && <ErrorNote message={part.error} />}
      <Dialog open={asking} title="Make two records again?" onClose={() => setAsking(false)} confirm={{ label: 'Make two records again', busy: part.busy, onConfirm: () => void part.go() }}>
        <p>Each record is then as it was before. What you shared of the other one since ends.</p>
        {part.busy && <p role="status">Separating the two records …</p>}
      </Dialog>
    </>
  );
}

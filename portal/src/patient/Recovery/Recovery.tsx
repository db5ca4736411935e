import { Button, Checkbox, Radio } from '@mantine/core';
import { useState } from 'react';
import { Dialog } from '../../ui/Dialog/Dialog';
import { dayOfMs } from '../../ui/fhir/dates';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import { Row } from '../Settings/Row';
import css from './Recovery.module.css';

const PERSON = 'person';

/** Parts of the key with organisations and on paper: what is set up, and how to set it up anew. */
export function Recovery() {
  const { profile, freshPapers } = useSession();
  const [anew, setAnew] = useState(false);
  if (!profile) return null;
  if (freshPapers) return <RecoveryPapers onKept={() => setAnew(false)} />;
  const setup = profile.recovery;
  const standing = setup && setup.holders.length > 0;
  return (
    <Page title="If you lose everything" lead="Your record’s key is split into three parts. Two of them give it back, one alone gives nothing." back={{ to: '/settings', label: 'Settings' }}>
      {setup && !setup.done && <Note tone="warn" title="This was not finished">Some parts may be old and some new, and those do not fit together. Please make new parts.</Note>}
      {standing && setup.done && !anew && <Standing onAnew={() => setAnew(true)} />}
      {(!standing || !setup.done || anew) && <SetUp />}
      <Section title="How it would go">
        <ul className={css.list}>
          <li>You go to the desk of a hospital that has a part, with your identity card, and get a code for your new phone or computer.</li>
          <li>It then waits two days. All your devices say that somebody is recovering your record, and any of them can stop it.</li>
          <li>After that you get the part on your new device. With a second part, from your paper or from another hospital, your record opens.</li>
        </ul>
      </Section>
    </Page>
  );
}

function Standing({ onAnew }: { onAnew: () => void }) {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  const [ending, setEnding] = useState(false);
  const end = useAction(async () => { await session.takeBackRecovery(); setEnding(false); });
  const setup = profile!.recovery!;
  return (
    <Section title="Your three parts">
      <Card>
        {setup.holders.map(({ organisation, index }) => <Row key={index} icon="building-hospital" title={`Part ${index}: ${nameOf(organisation)}`}>Kept locked there since {dayOfMs(setup.madeMs)}. It cannot open anything with it alone.</Row>)}
        {setup.papers.map((index) => <Row key={index} icon="printer" title={`Part ${index}: on paper`}>Printed {dayOfMs(setup.madeMs)}.</Row>)}
        <Row icon="refresh" title="Make new parts" action={<Button variant="default" onClick={onAnew}>Start</Button>}>When a paper is lost or was seen, or to choose other places. The old parts are then worth nothing.</Row>
        <Row icon="trash" title="Stop this" action={<Button variant="default" onClick={() => setEnding(true)}>Stop</Button>}>The hospitals delete their parts.</Row>
      </Card>
      <Dialog open={ending} title="Take all parts back?" onClose={() => setEnding(false)} confirm={{ label: 'Take back', danger: true, busy: end.busy, onConfirm: () => void end.go() }}>
        {end.error && <ErrorNote message={end.error} />}
        <p>If you then lose your passkeys and your recovery code, nobody can open your record any more.</p>
      </Dialog>
    </Section>
  );
}

function SetUp() {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  const organisations = profile!.organisations.map(({ id }) => id);
  const [home, setHome] = useState(organisations[0] ?? '');
  const [second, setSecond] = useState(PERSON);
  const make = useAction(() => session.setUpRecovery(second === PERSON ? [home] : [home, second]));
  if (organisations.length === 0) return <Note>First join a hospital or practice: it can then keep a part for you.</Note>;
  const others = organisations.filter((id) => id !== home);
  return (
    <Section title="Choose where the parts go">
      <Card>
        <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void make.go(); }}>
          <Radio.Group label="Part 1: your hospital or practice" description="It must be able to check who you are, at its desk." value={home} onChange={(value) => { setHome(value); if (value === second) setSecond(PERSON); }}>
            <div className={css.stack}>{organisations.map((id) => <Radio key={id} value={id} label={nameOf(id)} />)}</div>
          </Radio.Group>
          <Radio.Group label="Part 2: somebody else" value={second} onChange={setSecond}>
            <div className={css.stack}>
              <Radio value={PERSON} label="A person I trust, on paper" description="They open nothing with it. Together with your own paper they could, at once and unseen: choose well." />
              {others.map((id) => <Radio key={id} value={id} label={nameOf(id)} />)}
            </div>
          </Radio.Group>
          <p>Part 3 is for you, on paper.</p>
          {make.error && <ErrorNote message={make.error} />}
          <Button type="submit" size="lg" loading={make.busy}>Make the parts</Button>
        </form>
      </Card>
    </Section>
  );
}

/** The parts on paper, shown once. */
function RecoveryPapers({ onKept }: { onKept: () => void }) {
  const { freshPapers, profile } = useSession();
  const nameOf = useOrganisationName();
  const [kept, setKept] = useState(false);
  const setup = profile?.recovery;
  if (!freshPapers || !setup) return null;
  const places = setup.holders.map(({ organisation }) => nameOf(organisation)).join(' and ');
  return (
    <Page title={freshPapers.length === 1 ? 'Print your part' : 'Print the two parts'} lead="They are shown once. Print them or write them down.">
      {freshPapers.map(({ index, text }, at) => {
        const own = at === freshPapers.length - 1;
        return (
          <Card key={index} className={css.sheet}>
            <p className={css.head}>Salus recovery, part {index} of 3: {own ? 'for you' : 'for a person you trust'}</p>
            <p className={css.code} role="img" aria-label={`Part ${index}: ${text.split('-').map((group) => [...group].join(' ')).join(', ')}`}>
              {text.split('-').map((group, place) => <span key={place}>{group}</span>)}
            </p>
            <ol className={css.steps}>
              <li>Go to the desk of {places} with your identity card and ask to recover your record.</li>
              <li>Open <strong>{window.location.origin}</strong>, choose “Sign in”, then “I lost everything”.</li>
              <li>Enter the code from the desk. Two days later, type this part.</li>
            </ol>
            <p className={css.foot}>Made on {dayOfMs(setup.madeMs)}. {own ? 'Keep it where you keep important papers.' : 'Give it to that person, and do not keep a copy beside your own.'} Alone it opens nothing.</p>
          </Card>
        );
      })}
      <div className={`${css.actions} no-print`}>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      <div className={`${css.stack} no-print`}>
        <Checkbox label="I have printed them or written them down" checked={kept} onChange={(event) => setKept(event.currentTarget.checked)} />
        <div><Button size="lg" disabled={!kept} onClick={() => { onKept(); session.papersAreKept(); }}>Continue</Button></div>
      </div>
    </Page>
  );
}

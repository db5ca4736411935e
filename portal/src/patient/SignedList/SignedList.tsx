import { Button } from '@mantine/core';
import { useState } from 'react';
import { useParams } from 'react-router';
import { readingsOf, type Account, type AccountingFile } from '../../api/accounting';
import { timeOfMs } from '../../ui/fhir/dates';
import { PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote } from '../../ui/Note/Note';
import { Page, Section } from '../../ui/Page/Page';
import { saveFile } from '../../ui/saveFile';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import css from './SignedList.module.css';

const BACK = { to: '/looked', label: 'Who looked' };

/** An organisation's signed list of who looked: to read, to print, to save. */
export function SignedList() {
  const { organisation = '' } = useParams();
  const nameOf = useOrganisationName();
  const [list, setList] = useState<AccountingFile | null>(null);
  const make = useAction(async () => setList(await session.signedList(organisation)));
  const name = nameOf(organisation);
  if (!list) {
    return (
      <Page title="A signed list" back={BACK} lead={`${name} lists everyone who looked at what it keeps about you, and signs it. You can print it, and give it to anyone who should check it.`}>
        {make.error && <ErrorNote message={make.error} />}
        <Button size="lg" loading={make.busy} onClick={() => void make.go()}>Ask {name} for the list</Button>
      </Page>
    );
  }
  return <Shown list={list} />;
}

function Shown({ list }: { list: AccountingFile }) {
  const { statement } = list;
  const entries = statement.entries.toReversed();
  const [first] = statement.entries;
  const readings = readingsOf(list);
  const left = entries.filter(({ says }) => says.side === 'disclosure');
  const within = entries.filter(({ says }) => says.side === 'use');
  return (
    <Page title="Who looked" back={BACK} lead={`Signed by ${statement.name} on ${timeOfMs(statement.madeMs)}.`}>
      <div className={`${css.actions} no-print`}>
        <Button leftSection={<Icon name="download" size={20} />} onClick={() => saveFile(`who-looked-${statement.organisation}.json`, JSON.stringify(list, null, 2))}>Save the signed file</Button>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      {first && first.number > 1 && <p className={css.soft}>This list begins with entry {first.number}. {statement.name} gives you what is older on request.</p>}
      <Section title="What left this organisation">
        {left.length + readings.length === 0 && <p>Nothing.</p>}
        <ul className={css.list}>
          {readings.map((reading, at) => (
            <li key={at}>
              <p><strong>{reading.to}</strong> read {reading.count} {reading.count === 1 ? 'entry' : 'entries'} that you share with it</p>
              <p className={css.soft}>{timeOfMs(reading.timeMs)} · {PURPOSE_WORDS[reading.purpose]}</p>
            </li>
          ))}
          {left.map((entry) => <Line key={entry.number} number={entry.number} timeMs={entry.timeMs} says={entry.says} />)}
        </ul>
      </Section>
      <Section title="What was used within">
        <ul className={css.list}>{within.map((entry) => <Line key={entry.number} number={entry.number} timeMs={entry.timeMs} says={entry.says} />)}</ul>
      </Section>
      <Section title="What a check of the saved file shows"><Claims of={statement.proven} /></Section>
      <Section title="What you have to take their word for"><Claims of={statement.stated} /></Section>
      <Section title="How to check it">
        <p>Give the saved file to somebody you trust who has the program “salus” and the network’s founding file. They run <code>salus verify who-looked-{statement.organisation}.json --genesis genesis.json</code>. It needs no connection, and says what is wrong if anything was changed, left out, or signed by somebody else.</p>
      </Section>
    </Page>
  );
}

function Line({ number, timeMs, says }: { number: number; timeMs: number; says: Account }) {
  return (
    <li>
      <p><strong>{says.who}</strong> at {says.at} {says.what}</p>
      <p className={css.soft}>{timeOfMs(timeMs)} · {says.why} · entry {number}</p>
    </li>
  );
}

const Claims = ({ of }: { of: string[] }) => <ul className={css.claims}>{of.map((claim) => <li key={claim}>{claim}</li>)}</ul>;

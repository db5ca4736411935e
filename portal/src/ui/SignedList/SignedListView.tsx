import { Button } from '@mantine/core';
import { readingsOf, type Account, type AccountingFile } from '../../api/accounting';
import { timeOfMs } from '../fhir/dates';
import { PURPOSE_WORDS } from '../fhir/describe';
import { Icon } from '../icons';
import { Section } from '../Page/Page';
import { saveFile } from '../saveFile';
import css from './SignedList.module.css';

interface Props {
  list: AccountingFile;
  /** The name of an organisation, where it is known. */
  nameOf?: (organisation: string) => string;
  /** Asks for what is older than this list. */
  onOlder?: (before: number) => void;
  asking?: boolean;
}

/** "Lakeside Clinic (hospital-b)": the short name is what was signed. */
const named = (id: string, nameOf: Props['nameOf']) => {
  const name = nameOf?.(id) ?? id;
  return name === id ? id : `${name} (${id})`;
};

/** An organisation's signed list of who looked: to read, to print, to save. */
export function SignedListView({ list, nameOf, onOlder, asking }: Props) {
  const { statement } = list;
  const entries = statement.entries.toReversed();
  const [first] = statement.entries;
  const readings = readingsOf(list);
  const left = entries.filter(({ says }) => says.side === 'disclosure');
  const within = entries.filter(({ says }) => says.side === 'use');
  return (
    <>
      <div className={`${css.actions} no-print`}>
        <Button leftSection={<Icon name="download" size={20} />} onClick={() => saveFile(`who-looked-${statement.organisation}.json`, JSON.stringify(list, null, 2))}>Save the signed file</Button>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      {first && first.number > 1 && <p className={css.soft}>This list begins with entry {first.number}. {onOlder ? 'What is older comes as a list of its own.' : `${statement.name} gives you what is older on request.`}</p>}
      {first && first.number > 1 && onOlder && <div className="no-print"><Button variant="default" loading={asking} onClick={() => onOlder(first.number)}>Ask for older entries</Button></div>}
      <Section title="What left this organisation">
        {left.length + readings.length === 0 && <p>Nothing.</p>}
        <ul className={css.list}>
          {readings.map((reading, at) => (
            <li key={at}>
              <p><strong>{named(reading.to, nameOf)}</strong> read {reading.count} {reading.count === 1 ? 'entry' : 'entries'} that you share with it</p>
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
    </>
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

import type { Fault, Governance } from '../../api/staff';
import { dayOfMs } from '../../ui/fhir/dates';
import { Note } from '../../ui/Note/Note';
import { MISDEED_WORDS, nameIn } from '../governance/words';
import css from './Faults.module.css';

/** What nodes were caught at; nothing where there is nothing. */
export function Faults({ faults, members }: Governance) {
  if (faults.length === 0) return null;
  return (
    <Note tone="warn" title="A node broke the rules of agreement">
      <p>A node signed two votes that no sound node signs both. The votes are on record, so anybody can check it. Ask the organisation why: its node may be under attack, or may have been set back to an old copy of its data. Members can take its seat by a proposal.</p>
      <ul className={css.list}>{faults.map((fault) => <FaultLine key={`${fault.organisation} ${fault.epoch}`} fault={fault} name={(id) => nameIn(members, id)} />)}</ul>
    </Note>
  );
}

function FaultLine({ fault, name }: { fault: Fault; name: (id: string) => string }) {
  const { organisation, misdeed, accuser, epoch, height, timeMs } = fault;
  return <li>{`${name(organisation)} ${MISDEED_WORDS[misdeed]}, in epoch ${epoch.toLocaleString()}. Shown by ${name(accuser)} on ${dayOfMs(timeMs)}, in block ${height.toLocaleString()}.`}</li>;
}

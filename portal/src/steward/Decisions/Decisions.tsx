import type { Governance } from '../../api/staff';
import { counted } from '../../ui/fhir/text';
import { epochEnd } from '../governance/words';
import { neededOf, refusingOf } from '../governance/votes';
import css from './Decisions.module.css';

/** How the members decide. */
export function Decisions({ members, network }: Governance) {
  const all = members.length;
  return (
    <details className={css.how}>
      <summary>How decisions are made</summary>
      <ul className={css.lines}>
        <li>One organisation, one vote, whatever its size.</li>
        <li>Two thirds of the members must approve: now {neededOf(all)} of {all}. {counted(refusingOf(all), 'vote against refuses', 'votes against refuse')} a proposal. Without either it lapses when its time is over.</li>
        <li>What is accepted takes effect {epochEnd(network)}.</li>
        <li>A vote cannot be changed or taken back.</li>
        <li>A new member first follows. A second proposal gives it a seat: then its node helps decide which blocks count.</li>
        <li>Insurers and makers of medicines or devices hold fewer than a third of the seats.</li>
        <li>Custodians are hospitals, practices or public authorities. At least three must stay.</li>
      </ul>
    </details>
  );
}

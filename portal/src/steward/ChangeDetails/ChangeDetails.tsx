import type { Applicant, Change } from '../../api/staff';
import { Facts } from '../../ui/Facts/Facts';
import { capital, CLASS_WORDS, differenceText } from '../governance/words';
import type { Network } from '../governance/votes';
import css from './ChangeDetails.module.css';

/** All that is known of an applicant. */
export function ApplicantFacts({ of }: { of: Applicant }) {
  return (
    <Facts
      of={[
        ['Name', of.name],
        ['Short name', of.id],
        ['Kind', capital(CLASS_WORDS[of.class])],
        ['Custodian', of.custodian ? 'Yes' : 'No'],
        ['Portal', of.portalUrl],
        ['Address for other nodes', of.peerUrl],
        ['Address on the ledger’s network', of.ledgerAddress],
      ]}
    />
  );
}

/** What its title leaves out: who is to be admitted, or what is different. */
export function ChangeDetails({ change, network }: { change: Change; network: Network }) {
  if (change.kind === 'admit') {
    const { class: kind, custodian, portalUrl } = change.organisation;
    return <p className={css.line}>{[capital(CLASS_WORDS[kind]), custodian ? 'a custodian' : 'not a custodian', portalUrl].filter(Boolean).join(', ')}</p>;
  }
  if (change.kind === 'update' || change.kind === 'setParameters') return <Facts of={change.differences.map((one) => differenceText(one, network))} />;
  return null;
}

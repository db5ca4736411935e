import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { Governance, Member, Proposal } from '../../api/staff';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs } from '../../ui/fhir/dates';
import { Card } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import { ApplicantFacts, ChangeDetails } from '../ChangeDetails/ChangeDetails';
import { Consequences } from '../Consequences/Consequences';
import { changeTitle, epochEnd, nameIn } from '../governance/words';
import { votesAreTaken } from '../governance/votes';
import { VoteBar } from '../VoteBar/VoteBar';
import { VoteDialog } from '../VoteDialog/VoteDialog';
import css from './ProposalCard.module.css';

interface Props {
  proposal: Proposal;
  governance: Governance;
  onVoted: () => void;
}

/** One proposal: what would change, how the votes stand, and the own vote. */
export function ProposalCard({ proposal, governance, onVoted }: Props) {
  const { members, network } = governance;
  const open = proposal.outcome === 'open';
  const heading = useRef<HTMLHeadingElement>(null);
  const [voted, setVoted] = useState(false);
  // The button that was pressed is gone once the vote is counted.
  useEffect(() => {
    if (voted && proposal.own) heading.current?.focus();
  }, [voted, proposal.own]);
  return (
    <Card className={css.item}>
      <div className={css.top}>
        <div>
          <h3 ref={heading} tabIndex={-1} className={css.title}>{changeTitle(proposal.change, members, open ? members : [])}</h3>
          <p className={css.meta}>Proposal {proposal.number}, by {nameIn(members, proposal.proposer)}, in block {proposal.height.toLocaleString()}</p>
        </div>
        <Standing proposal={proposal} governance={governance} />
      </div>
      {open && <ChangeDetails change={proposal.change} network={network} />}
      <VoteBar proposal={proposal} members={members.length} />
      {open && <Ballot proposal={proposal} governance={governance} onVoted={() => (setVoted(true), onVoted())} />}
      <details className={css.details}>
        <summary>Details and votes</summary>
        <div className={css.inside}>
          {proposal.change.kind === 'admit' ? <ApplicantFacts of={proposal.change.organisation} /> : !open && <ChangeDetails change={proposal.change} network={network} />}
          {open && <Consequences change={proposal.change} members={members} />}
          <Voters proposal={proposal} members={members} />
        </div>
      </details>
    </Card>
  );
}

function Standing({ proposal: { outcome, accepted, closesMs, decided }, governance: { network } }: { proposal: Proposal; governance: Governance }) {
  const at = decided === null ? '' : ` in block ${decided.toLocaleString()}`;
  switch (outcome) {
    case 'executed':
      return <Tag tone="accent" icon="check">In force{decided === null ? '' : ` since block ${decided.toLocaleString()}`}</Tag>;
    case 'refused':
      return <Tag tone="bad" icon="x">Refused{at}</Tag>;
    case 'lapsed':
      return <Tag icon="clock">Lapsed{at}: too few votes in time</Tag>;
    case 'failed':
      return <Tag tone="warn" icon="alert-triangle">Accepted, but not possible any more</Tag>;
    default:
      if (accepted) return <Tag tone="accent" icon="check">Accepted</Tag>;
      return network.timeMs < closesMs ? <Tag tone="shared" icon="clock">Open until {dayOfMs(closesMs)}</Tag> : <Tag icon="clock">Time to vote is over</Tag>;
  }
}

/** The own vote, or the way to it. */
function Ballot({ proposal, governance, onVoted }: Props) {
  const [asking, setAsking] = useState<'for' | 'against' | null>(null);
  const { members, network } = governance;
  const title = changeTitle(proposal.change, members, members);
  const may = !proposal.own && votesAreTaken(proposal, network) && members.some((one) => one.own);
  const own = proposal.own === 'for' ? 'Your organisation voted for it.' : proposal.own === 'against' ? 'Your organisation voted against it.' : votesAreTaken(proposal, network) ? '' : 'Your organisation did not vote.';
  const next = proposal.accepted ? `Two thirds approve: it takes effect ${epochEnd(network)}.` : !votesAreTaken(proposal, network) ? `It is closed ${epochEnd(network)}.` : '';
  return (
    <>
      <p role="status" className={css.status}>{[own, next].filter(Boolean).join(' ')}</p>
      {may && (
        <div className={css.actions}>
          <Button aria-label={`Vote for: ${title}`} onClick={() => setAsking('for')}>Vote for</Button>
          <Button variant="default" aria-label={`Vote against: ${title}`} onClick={() => setAsking('against')}>Vote against</Button>
        </div>
      )}
      {asking && <VoteDialog proposal={proposal} approve={asking === 'for'} governance={governance} onClose={() => setAsking(null)} onVoted={() => (setAsking(null), onVoted())} />}
    </>
  );
}

function Voters({ proposal: { votes, outcome }, members }: { proposal: Proposal; members: readonly Member[] }) {
  const names = (ids: readonly string[]) => ids.map((id) => nameIn(members, id)).join(', ');
  const silent = members.map((one) => one.id).filter((id) => !votes.for.includes(id) && !votes.against.includes(id));
  return <Facts of={[['For it', names(votes.for) || 'Nobody'], ['Against', names(votes.against) || 'Nobody'], ['Not yet', outcome === 'open' && names(silent)]]} />;
}

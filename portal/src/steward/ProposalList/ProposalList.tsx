import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { staff, type Governance, type Proposal } from '../../api/staff';
import { useAction } from '../../ui/hooks';
import { Empty, ErrorNote } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { ProposalCard } from '../ProposalCard/ProposalCard';
import css from './ProposalList.module.css';

interface Props {
  proposals: Proposal[];
  governance: Governance;
  onVoted: (proposal: Proposal) => void;
}

function Cards({ proposals, governance, onVoted }: Props) {
  return <ul className={css.list}>{proposals.map((one) => <li key={one.id}><ProposalCard proposal={one} governance={governance} onVoted={() => onVoted(one)} /></li>)}</ul>;
}

export function OpenProposals({ proposals, governance, onVoted }: Props) {
  return (
    <Section title="Open proposals">
      {proposals.length === 0 ? <Empty icon="list" title="Nothing to vote on">When a member proposes a change, it stands here until it is decided.</Empty> : <Cards proposals={proposals} governance={governance} onVoted={onVoted} />}
    </Section>
  );
}

export function DecidedProposals({ proposals, governance, onVoted }: Props) {
  return (
    <Section title="Decided">
      {proposals.length === 0 ? <Card tone="soft">Nothing has been decided yet: the network is as it began.</Card> : <Cards proposals={proposals} governance={governance} onVoted={onVoted} />}
    </Section>
  );
}

const merged = (there: Proposal[], fresh: Proposal[]): Proposal[] =>
  [...new Map([...there, ...fresh].map((one) => [one.id, one])).values()].sort((a, b) => b.number - a.number);

/** The newest, and on demand those before; what is fetched anew replaces what was there. */
export function useProposals(newest: Proposal[] | undefined) {
  const [known, setKnown] = useState<Proposal[]>([]);
  const add = (fresh: Proposal[]) => setKnown((there) => merged(there, fresh));
  useEffect(() => {
    if (newest) add(newest);
  }, [newest]);
  const all = merged(known, newest ?? []);
  const last = all.at(-1)?.number ?? 0;
  const earlier = useAction(async () => add((await staff.governance(last)).proposals));
  /** One that is not among the newest is not fetched by itself. */
  const refetch = useAction(async (number: number) => add((await staff.governance(number + 1)).proposals));
  return { all, more: last > 0, earlier, refetch };
}

export function Earlier({ more, earlier }: Pick<ReturnType<typeof useProposals>, 'more' | 'earlier'>) {
  return (
    <>
      {earlier.error && <ErrorNote message={earlier.error} onRetry={() => void earlier.go()} />}
      {more && <div><Button variant="default" loading={earlier.busy} onClick={() => void earlier.go()}>Show earlier</Button></div>}
    </>
  );
}

import { Button } from '@mantine/core';
import { Link, useLocation } from 'react-router';
import { staff, type Governance, type Proposal } from '../../api/staff';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Page } from '../../ui/Page/Page';
import { Decisions } from '../Decisions/Decisions';
import { Faults } from '../Faults/Faults';
import { roughly } from '../governance/parameters';
import { msToEpochEnd, neededOf, seatsOf } from '../governance/votes';
import { MemberList } from '../MemberList/MemberList';
import { DecidedProposals, Earlier, OpenProposals, useProposals } from '../ProposalList/ProposalList';
import { Rules } from '../Rules/Rules';
import { Tile, Tiles } from '../Tile/Tile';
import css from './Members.module.css';

const REFRESH_MS = 5_000;

/** Who the members are, by which rules they work together, and on what they vote. */
export function Members() {
  const { value: governance, error, loading, again } = useLoad('governance', () => staff.governance(), REFRESH_MS);
  const { all, more, earlier, refetch } = useProposals(governance?.proposals);
  const onVoted = ({ number }: Proposal) => (again(), void refetch.go(number));
  const may = governance?.members.some((one) => one.own);
  return (
    <Page
      title="Members and rules"
      lead="The organisations run this network together. Each has one vote, and two thirds must approve a change."
      action={may && <Button component={Link} to="/steward/members/propose" size="lg" leftSection={<Icon name="plus" size={20} />}>Propose a change</Button>}
      wide
    >
      {error && <ErrorNote message={error} onRetry={again} />}
      {loading && <Skeletons rows={5} />}
      {governance && (
        <>
          <Proposed all={all} />
          {!may && <Note tone="warn" title="Your organisation is not a member">You can see what the members decide, but not vote.</Note>}
          <Faults {...governance} />
          <Figures {...governance} />
          <Decisions {...governance} />
          <OpenProposals proposals={all.filter((one) => one.outcome === 'open')} governance={governance} onVoted={onVoted} />
          <div className={css.columns}>
            <MemberList members={governance.members} />
            <Rules {...governance} />
          </div>
          <DecidedProposals proposals={all.filter((one) => one.outcome !== 'open')} governance={governance} onVoted={onVoted} />
          <Earlier more={more} earlier={earlier} />
        </>
      )}
    </Page>
  );
}

/** Said once, after the page for proposing. */
function Proposed({ all }: { all: Proposal[] }) {
  const { proposed } = (useLocation().state ?? {}) as { proposed?: string };
  const one = all.find((proposal) => proposal.id === proposed && proposal.outcome === 'open');
  if (!one) return null;
  return <Note tone="good" title={`Proposal ${one.number} is open for votes`}>Your organisation’s vote for it is counted. The stewards of the other members see it on this page.</Note>;
}

function Figures({ members, network }: Governance) {
  const ms = msToEpochEnd(network);
  return (
    <Tiles>
      <Tile name="Members" value={String(members.length)} hint="with one vote each" />
      <Tile name="Needed to approve" value={`${neededOf(members.length)} of ${members.length}`} hint="two thirds of the members" />
      <Tile name="Seats" value={String(seatsOf(members))} hint="nodes that decide which blocks count" />
      <Tile name="Changes take effect" value={ms > 0 ? `in ${roughly(ms)}` : 'now'} hint={`about, when epoch ${network.epoch.toLocaleString()} ends`} />
    </Tiles>
  );
}

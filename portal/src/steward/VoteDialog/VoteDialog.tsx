import { staff, type Governance, type Proposal } from '../../api/staff';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useAction } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { ChangeDetails } from '../ChangeDetails/ChangeDetails';
import { Consequences } from '../Consequences/Consequences';
import { effectsOf } from '../governance/effects';
import { changeTitle, outlook, refusalWords } from '../governance/words';

/** Asks once more, because a vote stands: what it is about, and what it does. */
export function VoteDialog({ proposal, approve, governance, onClose, onVoted }: { proposal: Proposal; approve: boolean; governance: Governance; onClose: () => void; onVoted: () => void }) {
  const { members, network } = governance;
  const vote = useAction(async () => {
    await staff.vote(proposal.id, approve);
    onVoted();
  });
  return (
    <Dialog
      open
      title={`Vote ${approve ? 'for' : 'against'}: ${changeTitle(proposal.change, members, members)}?`}
      onClose={onClose}
      confirm={{ label: approve ? 'Vote for it' : 'Vote against it', danger: approve && effectsOf(proposal.change, members).serious, busy: vote.busy, onConfirm: () => void vote.go() }}
    >
      <ChangeDetails change={proposal.change} network={network} />
      {approve && <Consequences change={proposal.change} members={members} />}
      <p>{outlook(proposal, governance, approve)}</p>
      <p>A vote cannot be changed or taken back. The other members see it.</p>
      {vote.error && <ErrorNote title="Your vote was not counted" message={refusalWords(vote.error)} />}
    </Dialog>
  );
}

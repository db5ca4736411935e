import { staff, type AskedChange, type Change, type Governance } from '../../api/staff';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useAction } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { ChangeDetails } from '../ChangeDetails/ChangeDetails';
import { Consequences } from '../Consequences/Consequences';
import { effectsOf } from '../governance/effects';
import { neededOf } from '../governance/votes';
import { changeTitle, prospect, refusalWords } from '../governance/words';

interface Props {
  change: Change;
  asked: AskedChange;
  governance: Governance;
  onClose: () => void;
  onProposed: (id: string) => void;
}

/** Asks once more: proposing is voting for it. */
export function ProposeDialog({ change, asked, governance, onClose, onProposed }: Props) {
  const { members, network } = governance;
  const propose = useAction(async () => onProposed((await staff.propose(asked)).id));
  return (
    <Dialog open title={`Propose: ${changeTitle(change, members, members)}?`} onClose={onClose} confirm={{ label: 'Propose', danger: effectsOf(change, members).serious, busy: propose.busy, onConfirm: () => void propose.go() }}>
      <ChangeDetails change={change} network={network} />
      <Consequences change={change} members={members} />
      <p>{prospect(neededOf(members.length), governance)}</p>
      {propose.error && <ErrorNote title="This was not proposed" message={refusalWords(propose.error)} />}
    </Dialog>
  );
}

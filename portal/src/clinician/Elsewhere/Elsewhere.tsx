import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { staff, type Elsewhere as Answer } from '../../api/staff';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import css from './Elsewhere.module.css';

const SAYS: Record<Answer['asked'][number]['state'], string> = {
  holds: 'Keeps records',
  'not-found': 'Found nobody, or may not say',
  silent: 'Did not answer',
};

/** Asks every other hospital, practice and pharmacy whether it keeps records of the patient; what is in them, the patient is asked for. */
export function Elsewhere({ chart, name, nameOf, onAsk, onClose }: { chart: string; name: string; nameOf: (id: string) => string; onAsk: () => void; onClose: () => void }) {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const look = useAction(async () => setAnswer(await staff.elsewhere(chart)));
  const { go } = look;
  useEffect(() => void go(), [go]);
  const asked = answer?.asked ?? [];
  const holding = asked.filter((one) => one.state === 'holds');
  return (
    <Dialog open title="Records elsewhere" onClose={onClose}>
      {look.busy && <Note>Asking other hospitals, practices and pharmacies …</Note>}
      {look.error && <ErrorNote message={look.error} onRetry={() => void look.go()} />}
      {answer && (
        <>
          <p role="status">{holding.length === 0 ? `No one says that they keep records of ${name}. That does not mean that there are none.` : `${holding.length === 1 ? 'One organisation keeps' : `${holding.length} organisations keep`} records of ${name}.`}</p>
          <ul className={css.list}>
            {[...holding, ...asked.filter((one) => one.state !== 'holds')].map((one) => (
              <li key={one.organisation} className={css.row}>
                <Icon name={one.state === 'holds' ? 'check' : 'building-hospital'} size={22} />
                <span><strong>{nameOf(one.organisation)}</strong><br />{SAYS[one.state]}</span>
              </li>
            ))}
          </ul>
          <p className={css.soft}>{name} can see that you asked.</p>
          {holding.length > 0 && <Button size="lg" onClick={onAsk}>Ask {name} for access</Button>}
        </>
      )}
    </Dialog>
  );
}

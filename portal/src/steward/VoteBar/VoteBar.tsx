import type { Proposal } from '../../api/staff';
import { tally } from '../governance/words';
import css from './VoteBar.module.css';

/** Votes for from the left, against from the right, and a line at two thirds. The words below say the same. */
export function VoteBar({ proposal, members }: { proposal: Proposal; members: number }) {
  const words = tally(proposal, members);
  const share = (count: number) => `${Math.min(100, (100 * count) / Math.max(1, members))}%`;
  return (
    <div className={css.votes}>
      {words.needed && (
        <div className={css.bar} aria-hidden="true">
          <span className={css.for} style={{ width: share(proposal.votes.for.length) }} />
          <span className={css.against} style={{ width: share(proposal.votes.against.length) }} />
          <span className={css.needed} style={{ left: share(proposal.needed) }} />
        </div>
      )}
      <ul className={css.key} aria-label="Votes">
        <li><span className={`${css.swatch} ${css.for}`} />{words.inFavour}</li>
        <li><span className={`${css.swatch} ${css.against}`} />{words.against}</li>
        {words.silent && <li><span className={`${css.swatch} ${css.silent}`} />{words.silent}</li>}
        {words.needed && <li><span className={css.line} />{words.needed}</li>}
      </ul>
    </div>
  );
}

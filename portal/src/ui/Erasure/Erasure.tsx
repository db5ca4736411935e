import { Progress } from '@mantine/core';
import type { ErasureProgress, EraseScope, KeptRecord } from '../../api/cases';
import { CATEGORY_WORDS } from '../fhir/describe';
import { dayOfMs } from '../fhir/dates';
import { counted } from '../fhir/text';
import css from './Erasure.module.css';

/** What is to be erased, in words. */
export function scopeWords(scope: EraseScope): string {
  if (scope.of === 'category') return `Everything under “${CATEGORY_WORDS[scope.category].name}”`;
  return scope.of === 'record' ? 'One entry, with its earlier versions' : 'Everything that may be erased';
}

/** How far an erasure is: who has confirmed that nothing is left, and what had to be kept. */
export function Erasure({ of, nameOf }: { of: ErasureProgress; nameOf: (id: string) => string }) {
  const confirmed = of.receipts.filter((receipt) => receipt.timeMs !== undefined);
  const waiting = of.receipts.filter((receipt) => receipt.timeMs === undefined);
  const copies = confirmed.reduce((sum, receipt) => sum + (receipt.copies ?? 0), 0);
  const words = of.step === 'removing' ? 'Being erased now.' : `${confirmed.length} of ${of.receipts.length} organisations have confirmed that nothing of it is left.`;
  return (
    <div className={css.erasure}>
      <p className={css.big}>{counted(of.records, 'entry', 'entries')} {of.records === 1 ? 'is' : 'are'} being erased, with all earlier versions, at everybody who holds them.</p>
      {of.step !== 'removing' && <Progress value={(100 * confirmed.length) / Math.max(1, of.receipts.length)} size="lg" aria-label={words} />}
      <p role="status">{words}</p>
      {waiting.length > 0 && of.step !== 'removing' && <p>Still to confirm{of.receiptsDueMs ? `, by ${dayOfMs(of.receiptsDueMs)} at the latest` : ''}: {waiting.map(({ organisation }) => nameOf(organisation)).join(', ')}.</p>}
      {copies > 0 && <p>{counted(copies, 'copy', 'copies')} that others had by your sharing {copies === 1 ? 'was' : 'were'} deleted, too.</p>}
      {of.keptCount > 0 && <Kept kept={of.kept} count={of.keptCount} />}
    </div>
  );
}

/** What is not erased, and the law that says so: each law once, with the last day. */
export function Kept({ kept, count }: { kept: KeptRecord[]; count: number }) {
  const laws = new Map<string, { count: number; untilMs: number | null }>();
  for (const { ground, untilMs } of kept) {
    const known = laws.get(ground);
    laws.set(ground, { count: (known?.count ?? 0) + 1, untilMs: known && (known.untilMs === null || untilMs === null) ? null : Math.max(known?.untilMs ?? 0, untilMs ?? 0) || null });
  }
  return (
    <div>
      <p className={css.big}>{counted(count, 'entry', 'entries')} must be kept:</p>
      <ul className={css.laws}>
        {[...laws].map(([ground, { count: some, untilMs }]) => (
          <li key={ground}>{ground} {untilMs ? `The last of these ${some} until ${dayOfMs(untilMs)}.` : `For ${some} of these nobody knows how old they are.`}</li>
        ))}
      </ul>
    </div>
  );
}

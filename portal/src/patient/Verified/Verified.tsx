import type { Verdict } from '../../verify/messages';
import { Tag } from '../../ui/Tag/Tag';

/** Computed on this device from the proof; absent proofs never count as good. */
export function Verified({ verdict }: { verdict?: Verdict }) {
  if (!verdict) return <Tag icon="clock">Being checked</Tag>;
  if (verdict.ok) return <Tag tone="accent" icon="shield-check">Verified</Tag>;
  if (verdict.reason === 'the proof has not arrived yet') return <Tag icon="clock">Being checked</Tag>;
  return <Tag tone="bad" icon="shield-x">Not verified</Tag>;
}

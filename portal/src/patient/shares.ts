/** Grants as the person made them: one share may be several grants, one per source. */
import type { Category, Purpose } from '../crypto/formats';
import type { GrantRecord } from './session/profile';

export interface ShareView {
  share: string;
  grantee: string;
  sources: string[];
  categories: Category[];
  purpose: Purpose;
  createdMs: number;
  expiryMs: number;
  future: boolean;
  state: 'starting' | 'active' | 'ended' | 'expired';
  endedMs?: number;
  grants: GrantRecord[];
}

function stateOf(grants: GrantRecord[], nowMs: number): ShareView['state'] {
  if (grants.every((grant) => grant.state === 'revoked')) return 'ended';
  if (grants.every((grant) => grant.expiryMs <= nowMs)) return 'expired';
  return grants.some((grant) => grant.state === 'active' && grant.letterSent) ? 'active' : 'starting';
}

export function sharesOf(grants: GrantRecord[], nowMs: number): ShareView[] {
  const byShare = new Map<string, GrantRecord[]>();
  for (const grant of grants) byShare.set(grant.share, [...(byShare.get(grant.share) ?? []), grant]);
  return [...byShare.values()]
    .map((group) => {
      const [first] = group as [GrantRecord];
      const { share, grantee, purpose, createdMs, expiryMs, future } = first;
      return {
        share, grantee, purpose, createdMs, expiryMs, future,
        sources: group.map((grant) => grant.source),
        categories: [...new Set(group.flatMap((grant) => grant.categories))],
        state: stateOf(group, nowMs),
        endedMs: group.map((grant) => grant.revokedMs ?? 0).reduce((a, b) => Math.max(a, b)) || undefined,
        grants: group,
      };
    })
    .sort((a, b) => b.createdMs - a.createdMs);
}

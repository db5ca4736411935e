/** Five members, seen by the clinic, for tests. */
import type { Governance, Member, Proposal } from '../../api/staff';

const DAY_MS = 86_400_000;
export const NOW_MS = Date.UTC(2026, 10, 28, 12);

const member = (id: string, name: string, kind: Member['class'], validator: boolean, custodian: boolean): Member => ({ id, name, class: kind, validator, custodian, since: validator ? 0 : 40_961, own: id === 'clinic' });
export const members: Member[] = [
  member('hospital', 'St. Anna Hospital', 'provider', true, true),
  member('clinic', 'Lakeside Clinic', 'provider', true, true),
  member('insurer', 'Helvia Insurance', 'payer', true, false),
  member('authority', 'Health Authority', 'regulator', true, true),
  member('pharmacy', 'Harbour Pharmacies', 'pharmacy', false, false),
];

export const proposal = (part: Partial<Proposal> = {}): Proposal => ({
  id: `id-${part.number ?? 0}`, number: 0, proposer: 'hospital', height: 41_000, closesMs: NOW_MS + 14 * DAY_MS, outcome: 'open', decided: null,
  votes: { for: ['hospital'], against: [] }, needed: 4, accepted: false, own: null, change: { kind: 'remove', organisation: 'insurer' }, ...part,
});

export const governance = (part: Partial<Governance> = {}): Governance => ({
  network: { name: 'Test network', epoch: 41, firstHeight: 41_985, lastHeight: 43_008, height: 41_985, timeMs: NOW_MS, blockMs: 700 },
  parameters: { transactionLifetimeBlocksMax: 10_000, grantPeriodMsMax: 3_660 * DAY_MS, blockTransactionsMax: 4_096, epochBlocks: 1_024, votingPeriodMs: 14 * DAY_MS, blocksRetained: 500_000, protocol: 1 },
  members,
  proposals: [],
  faults: [],
  ...part,
});

/** How votes are counted and what the members may be, as in `crates/ledger/src/governance` and `crates/types/src/membership.rs`. */
import type { Change, Governance, Member, Proposal } from '../../api/staff';

export type Network = Governance['network'];

/** Custodians that a network must keep: the key of a shared record has three holders. */
const CUSTODIANS_MIN = 3;
/** With fewer, no seat may fail. */
export const SEATS_SAFE_MIN = 4;

export const neededOf = (members: number): number => Math.ceil((members * 2) / 3);
/** So many votes against refuse a proposal: more than a third. */
export const refusingOf = (members: number): number => Math.floor(members / 3) + 1;

export const msToEpochEnd = ({ lastHeight, height, blockMs }: Network): number => Math.max(0, lastHeight - height) * blockMs;
/** The time of votes is that of the blocks, not that of this device. */
export const votesAreTaken = (proposal: Proposal, network: Network): boolean => proposal.outcome === 'open' && network.timeMs < proposal.closesMs;

export const seatsOf = (members: readonly Member[]): number => members.filter((one) => one.validator).length;
export const custodiansOf = (members: readonly Member[]): number => members.filter((one) => one.custodian).length;

export const mayBeCustodian = (kind: Member['class']): boolean => kind === 'provider' || kind === 'regulator';
const paysOrMakes = (kind: Member['class']): boolean => kind === 'payer' || kind === 'manufacturer';

/** The members once a change is carried out. */
export function after(change: Change, members: readonly Member[]): Member[] {
  const edit = (id: string, part: Partial<Member>) => members.map((one) => (one.id === id ? { ...one, ...part } : one));
  switch (change.kind) {
    case 'admit': {
      const { id, name, class: kind, custodian } = change.organisation;
      return [...members, { id, name, class: kind, custodian, validator: false, since: 0, own: false }];
    }
    case 'setClass':
      return edit(change.organisation, { class: change.class });
    case 'setDuties':
      return edit(change.organisation, { validator: change.validator, custodian: change.custodian });
    case 'remove':
      return members.filter((one) => one.id !== change.organisation);
    default:
      return [...members];
  }
}

/** Which rule of every network a change would break, in words; the ledger has the last word. */
export function brokenRule(change: Change, members: readonly Member[]): string | null {
  if (change.kind === 'admit' && members.some((one) => one.id === change.organisation.id)) return `There is a member with the short name ${change.organisation.id} already.`;
  const then = after(change, members);
  const unfit = then.find((one) => one.custodian && !mayBeCustodian(one.class));
  if (unfit) return `${unfit.name} cannot be a custodian then: only hospitals, practices and public authorities can.`;
  const kept = Math.min(CUSTODIANS_MIN, custodiansOf(members));
  if (custodiansOf(then) < kept) return `At least ${kept} custodians must stay. Make another member a custodian first.`;
  const seats = seatsOf(then);
  if (seats === 0) return 'At least one member must keep a seat.';
  const interested = then.filter((one) => one.validator && paysOrMakes(one.class)).length;
  if (interested > Math.floor((seats - 1) / 3)) return `Insurers and makers would hold ${interested} of ${seats} seats. It must be fewer than a third.`;
  return null;
}

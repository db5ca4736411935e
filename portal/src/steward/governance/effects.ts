/** What a change means for those who vote on it. */
import type { Change, Member } from '../../api/staff';
import { counted } from '../../ui/fhir/text';
import { nameIn } from './words';
import { after, mayBeCustodian, SEATS_SAFE_MIN, seatsOf, custodiansOf } from './votes';

export interface Effects {
  lines: string[];
  /** Somebody loses something: worth a second thought. */
  serious: boolean;
}

const CUSTODY_ENDS = 'It no longer hands out the sealed copies and the parts of keys that it keeps. Shared records whose key has a part there have one holder fewer, and two of three are needed to open them.';

function seatsLeft(change: Change, members: readonly Member[]): string {
  const left = seatsOf(after(change, members));
  return `${counted(left, 'seat stays', 'seats stay')}.${left < SEATS_SAFE_MIN ? ' With fewer than four, the network stands still while one of their nodes is away.' : ''}`;
}

function removal(change: Change & { kind: 'remove' }, members: readonly Member[]): string[] {
  const one = members.find((member) => member.id === change.organisation);
  return [
    ...(one?.own ? ['This is your own organisation: after that, nobody can act for it here.'] : []),
    'Its node is shut out. It can file no more proofs of records, register no more patients, and open no more records that patients share with it.',
    'What it has filed so far stays, and so do the proofs of it.',
    ...(one?.custodian ? [CUSTODY_ENDS] : []),
    ...(one?.validator ? [seatsLeft(change, members)] : []),
    'It comes back only by a new application and a new vote.',
  ];
}

function duties(change: Change & { kind: 'setDuties' }, members: readonly Member[]): Effects {
  const one = members.find((member) => member.id === change.organisation);
  const lines: string[] = [];
  if (change.validator && !one?.validator) lines.push('Its node helps decide which blocks count. It should be in step with the others and always on: see the page “Network”.');
  if (!change.validator && one?.validator) lines.push(`Its node goes on following, but no longer helps decide which blocks count. ${seatsLeft(change, members)}`);
  if (change.custodian && !one?.custodian) lines.push('It keeps sealed copies and parts of keys for others. It cannot open them alone.');
  if (!change.custodian && one?.custodian) lines.push(CUSTODY_ENDS, `${counted(custodiansOf(after(change, members)), 'custodian stays', 'custodians stay')}.`);
  return { lines, serious: (!change.validator && !!one?.validator) || (!change.custodian && !!one?.custodian) };
}

/** `members` are those before it. */
export function effectsOf(change: Change, members: readonly Member[]): Effects {
  switch (change.kind) {
    case 'admit':
      return {
        lines: [
          'It becomes a member with one vote on proposals like this one. Its node first follows; a seat, with which it helps decide which blocks count, needs a second proposal.',
          ...(change.organisation.custodian ? ['It becomes a custodian at once: it keeps sealed copies and parts of keys for others, and cannot open them alone.'] : []),
          'The file only shows that its node asked. Make sure with its people, not by e-mail alone, that they did.',
        ],
        serious: false,
      };
    case 'update': {
      const keys = change.differences.some(({ field }) => field === 'nodeKey');
      const unknown = change.differences.length === 0;
      return { lines: [...(keys ? [`From then on, whoever holds the new key speaks for ${nameIn(members, change.organisation)}. Make sure with its people that they changed it.`] : []), ...(unknown ? ['What is different is shown to everybody once it is proposed.'] : []), 'Its kind, seat and custody stay as they are.'], serious: keys };
    }
    case 'setClass':
      return { lines: ['The kind says what a member may do: hospitals, pharmacies and insurers file records; hospitals and public authorities can be custodians; insurers and makers hold fewer than a third of the seats.'], serious: !mayBeCustodian(change.class) && members.some((one) => one.id === change.organisation && one.custodian) };
    case 'setDuties':
      return duties(change, members);
    case 'remove':
      return { lines: removal(change, members), serious: true };
    case 'setParameters': {
      const changed = new Set(change.differences.map(({ field }) => field));
      return { lines: ['It holds for every member.', ...(changed.has('grantPeriodMsMax') ? ['Grants that patients have given keep their end.'] : []), ...(changed.has('votingPeriodMs') ? ['Proposals that are open keep their end.'] : []), ...(changed.has('protocol') ? ['At a node whose software does not know the new rules, the ledger stands still when they take effect. Make sure that every member has installed it.'] : [])], serious: changed.has('protocol') };
    }
  }
}

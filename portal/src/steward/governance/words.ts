/** Changes, outcomes and refusals in words that can be said aloud. */
import type { Change, Difference, Fault, Governance, Member, Proposal } from '../../api/staff';
import { dayOfMs } from '../../ui/fhir/dates';
import { counted } from '../../ui/fhir/text';
import { isRule, RULES, roughly, ruleText } from './parameters';
import { msToEpochEnd, refusingOf, type Network } from './votes';

export const CLASS_WORDS: Record<Member['class'], string> = {
  provider: 'hospital or practice',
  payer: 'insurer',
  research: 'research institute',
  manufacturer: 'maker of medicines or devices',
  distributor: 'distributor',
  pharmacy: 'pharmacy',
  regulator: 'public authority',
};
export const MISDEED_WORDS: Record<Fault['misdeed'], string> = {
  'two-notarizes': 'voted for two blocks in one place',
  'two-finalizes': 'voted to make two blocks final in one place',
  'nullify-and-finalize': 'voted to leave a place empty, and to make its block final',
};
const FIELD_WORDS: Record<string, string> = {
  name: 'Name',
  nodeKey: 'Key of its node',
  kemKey: 'Key for sealed messages',
  tlsCertificate: 'Certificate of its node',
  ledgerAddress: 'Address on the ledger’s network',
  peerUrl: 'Address for other nodes',
  portalUrl: 'Portal',
};

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const nameIn = (members: readonly Member[], id: string): string => members.find((one) => one.id === id)?.name ?? id;
export const listed = (names: readonly string[]): string => (names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

function dutiesTitle(change: Change & { kind: 'setDuties' }, name: string, now: Member | undefined): string {
  const { validator, custodian } = change;
  const seat = now && now.validator !== validator;
  const custody = now && now.custodian !== custodian;
  if (!seat && !custody) return `Set the duties of ${name}: ${validator ? 'a seat' : 'no seat'}, ${custodian ? 'custody' : 'no custody'}`;
  const parts = [];
  if (seat) parts.push(validator ? `give ${name} a seat` : `take the seat of ${name}`);
  if (custody) parts.push(custodian ? `make ${seat ? 'it' : name} a custodian` : `end ${seat ? 'its' : `${name}’s`} custody`);
  return capital(parts.join(' and '));
}

/** What would change, without a full stop. `members` are those before it; left out where they may have changed since. */
export function changeTitle(change: Change, all: readonly Member[], members: readonly Member[] = []): string {
  switch (change.kind) {
    case 'admit':
      return `Admit ${change.organisation.name} as a member`;
    case 'update':
      return `Update the entry of ${nameIn(all, change.organisation)}`;
    case 'setClass': {
      const now = members.find((one) => one.id === change.organisation);
      return `Change the kind of ${nameIn(all, change.organisation)} ${now ? `from ${CLASS_WORDS[now.class]} ` : ''}to ${CLASS_WORDS[change.class]}`;
    }
    case 'setDuties':
      return dutiesTitle(change, nameIn(all, change.organisation), members.find((one) => one.id === change.organisation));
    case 'remove':
      return `Remove ${nameIn(all, change.organisation)} from the network`;
    case 'setParameters':
      return `Change ${change.differences.length === 1 ? 'a rule' : `${change.differences.length} rules`}: ${listed(change.differences.map(({ field }) => (isRule(field) ? RULES[field].name.toLowerCase() : field)))}`;
  }
}

/** Keys and certificates are long: their beginnings tell them apart. */
const brief = (value: unknown): string => {
  const text = String(value ?? '');
  return text.length > 64 ? `${text.slice(0, 16)}…` : text || 'none';
};

export function differenceText({ field, from, to }: Difference, network: Network): [string, string] {
  if (isRule(field)) return [RULES[field].name, `${ruleText(field, Number(to), network)} instead of ${ruleText(field, Number(from), network)}`];
  return [FIELD_WORDS[field] ?? field, `${brief(to)} instead of ${brief(from)}`];
}

/** "at the end of the current epoch, about 12 minutes from now" */
export function epochEnd(network: Network): string {
  const ms = msToEpochEnd(network);
  return `at the end of the current epoch${ms > 0 ? `, about ${roughly(ms)} from now` : ''}`;
}

const until = (ms: number) => `until ${dayOfMs(ms)}`;

/** What one more vote does. */
export function outlook(proposal: Proposal, { members, network }: Governance, approve: boolean): string {
  const [inFavour, against] = [proposal.votes.for.length, proposal.votes.against.length];
  if (proposal.accepted) return `Two thirds approve already, so it takes effect ${epochEnd(network)}. Your vote is recorded, and does not change that.`;
  const refusing = refusingOf(members.length);
  if (approve) {
    const missing = proposal.needed - inFavour - 1;
    return missing <= 0 ? `With your vote two thirds approve, and it takes effect ${epochEnd(network)}.` : `After your vote, ${counted(missing, 'more vote', 'more votes')} for it ${missing === 1 ? 'is' : 'are'} needed, ${until(proposal.closesMs)}.`;
  }
  const missing = refusing - against - 1;
  return missing <= 0 ? `With your vote more than a third are against it, and it is refused ${epochEnd(network)}.` : `After your vote, ${counted(missing, 'more vote', 'more votes')} against it ${missing === 1 ? 'refuses' : 'refuse'} it. Without two thirds for it, it lapses on ${dayOfMs(proposal.closesMs)}.`;
}

/** What becomes of a proposal that is made now. */
export function prospect(needed: number, { network, parameters }: Governance): string {
  const own = 'Your organisation’s vote for it is counted at once and cannot be taken back.';
  if (needed <= 1) return `${own} That is enough: it takes effect ${epochEnd(network)}.`;
  return `${own} ${counted(needed - 1, 'more vote', 'more votes')} for it ${needed === 2 ? 'is' : 'are'} needed, ${until(network.timeMs + parameters.votingPeriodMs)}. If they come in time, it takes effect at the end of the epoch in which the last of them comes.`;
}

/** "2 for it", "1 against", "1 has not voted", "3 of 4 needed". */
export function tally({ votes, outcome, needed }: Proposal, members: number): { inFavour: string; against: string; silent?: string; needed?: string } {
  const words = { inFavour: `${votes.for.length} for it`, against: `${votes.against.length} against` };
  if (outcome !== 'open') return words;
  const silent = Math.max(0, members - votes.for.length - votes.against.length);
  return { ...words, silent: `${silent} ${silent === 1 ? 'has' : 'have'} not voted`, needed: `${needed} of ${members} needed` };
}

const REFUSALS: [RegExp, string][] = [
  [/vote exists already/, 'Your organisation has voted on this already.'],
  [/no votes are taken/, 'No votes are taken on this any more: it is decided, or its time is over.'],
  [/too many open proposals/, 'Too many proposals are open. Please wait until one is decided.'],
  [/has not accepted its own entry/, 'The file is not signed by the organisation that it names, or is meant for another network. Please ask for a new one.'],
  [/no such organisation/, 'This organisation is not a member any more.'],
  [/class and duties are not changed/, 'An update leaves kind, seat and custody as they are. Please make a new file.'],
];

/** The ledger's words for a refusal, as a sentence. */
export function refusalWords(message: string): string {
  const known = REFUSALS.find(([pattern]) => pattern.test(message));
  if (known) return known[1];
  const sentence = capital(message.replace(/`/g, '').trim());
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}

import { expect, it } from 'vitest';
import type { Change, Proposal } from '../../api/staff';
import { effectsOf } from './effects';
import { dayOfMs } from '../../ui/fhir/dates';
import { governance, members, NOW_MS, proposal } from './fixture';
import { periodText, roughly, ruleText } from './parameters';
import { changeTitle, differenceText, epochEnd, outlook, prospect, refusalWords, tally } from './words';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const CLOSES = dayOfMs(NOW_MS + 14 * DAY_MS);

it('every change is said in words', () => {
  const check = (change: Change, words: string) => expect(changeTitle(change, members, members)).toBe(words);
  check({ kind: 'remove', organisation: 'insurer' }, 'Remove Helvia Insurance from the network');
  check({ kind: 'setClass', organisation: 'pharmacy', class: 'distributor' }, 'Change the kind of Harbour Pharmacies from pharmacy to distributor');
  check({ kind: 'setDuties', organisation: 'pharmacy', validator: true, custodian: false }, 'Give Harbour Pharmacies a seat');
  check({ kind: 'setDuties', organisation: 'clinic', validator: false, custodian: false }, 'Take the seat of Lakeside Clinic and end its custody');
  check({ kind: 'setDuties', organisation: 'clinic', validator: true, custodian: false }, 'End Lakeside Clinic’s custody');
  check({ kind: 'update', organisation: 'clinic', differences: [] }, 'Update the entry of Lakeside Clinic');
  check({ kind: 'setParameters', parameters: governance().parameters, differences: [{ field: 'votingPeriodMs', from: 1, to: 2 }, { field: 'epochBlocks', from: 1, to: 2 }] }, 'Change 2 rules: time to vote and length of an epoch');
});

it('a decided proposal is not compared with the members of today', () => {
  expect(changeTitle({ kind: 'setDuties', organisation: 'clinic', validator: true, custodian: false }, members)).toBe('Set the duties of Lakeside Clinic: a seat, no custody');
  expect(changeTitle({ kind: 'setClass', organisation: 'gone', class: 'payer' }, members)).toBe('Change the kind of gone to insurer');
});

it('periods are exact in rules and rounded in forecasts', () => {
  const exact: [number, string][] = [[14 * DAY_MS, '14 days'], [90 * MINUTE_MS, '90 minutes'], [3_660 * DAY_MS, '3,660 days (about 10 years)'], [DAY_MS, '1 day'], [45_000, '45 seconds']];
  for (const [ms, words] of exact) expect(periodText(ms)).toBe(words);
  const rounded: [number, string][] = [[20_000, 'a minute'], [12.2 * MINUTE_MS, '12 minutes'], [100 * MINUTE_MS, '2 hours'], [5 * DAY_MS, '5 days']];
  for (const [ms, words] of rounded) expect(roughly(ms)).toBe(words);
  expect(ruleText('epochBlocks', 1_024, { blockMs: 700 })).toBe('1,024 blocks, about 12 minutes');
});

it('differences say what is new first, and shorten keys', () => {
  const { network } = governance();
  expect(differenceText({ field: 'votingPeriodMs', from: 14 * DAY_MS, to: 7 * DAY_MS }, network)).toEqual(['Time to vote', '7 days instead of 14 days']);
  expect(differenceText({ field: 'nodeKey', from: 'a'.repeat(65), to: 'b'.repeat(65) }, network)).toEqual(['Key of its node', `${'b'.repeat(16)}… instead of ${'a'.repeat(16)}…`]);
});

it('the end of the epoch is reckoned from the blocks that are missing', () => {
  expect(epochEnd(governance().network)).toBe('at the end of the current epoch, about 12 minutes from now');
  expect(epochEnd({ ...governance().network, height: 43_008 })).toBe('at the end of the current epoch');
});

it('a vote says beforehand what it does', () => {
  const check = (votes: Proposal['votes'], approve: boolean, words: string) => expect(outlook(proposal({ votes, accepted: votes.for.length >= 4 }), governance(), approve)).toContain(words);
  check({ for: ['hospital'], against: [] }, true, `After your vote, 2 more votes for it are needed, until ${CLOSES}.`);
  check({ for: ['hospital', 'insurer', 'pharmacy'], against: [] }, true, 'With your vote two thirds approve, and it takes effect at the end of the current epoch, about 12 minutes from now.');
  check({ for: ['hospital'], against: ['insurer'] }, false, 'With your vote more than a third are against it, and it is refused at the end of the current epoch');
  check({ for: ['hospital'], against: [] }, false, `After your vote, 1 more vote against it refuses it. Without two thirds for it, it lapses on ${CLOSES}.`);
  check({ for: ['hospital', 'insurer', 'pharmacy', 'authority'], against: [] }, false, 'Your vote is recorded, and does not change that.');
});

it('whoever proposes hears how many more must approve', () => {
  expect(prospect(4, governance())).toContain(`counted at once and cannot be taken back. 3 more votes for it are needed, until ${CLOSES}`);
  expect(prospect(1, governance())).toMatch(/That is enough: it takes effect at the end/);
});

it('votes are counted in words', () => {
  expect(tally(proposal({ votes: { for: ['hospital', 'insurer'], against: ['authority'] } }), 5)).toEqual({ inFavour: '2 for it', against: '1 against', silent: '2 have not voted', needed: '4 of 5 needed' });
  expect(tally(proposal({ outcome: 'lapsed' }), 5)).toEqual({ inFavour: '1 for it', against: '0 against' });
});

it('a refusal of the ledger is a sentence', () => {
  const check = (ledger: string, words: string) => expect(refusalWords(ledger)).toBe(words);
  check('the vote exists already', 'Your organisation has voted on this already.');
  check('no votes are taken on this proposal any more', 'No votes are taken on this any more: it is decided, or its time is over.');
  check('`epoch_blocks` must lie between 4 and 10000000', 'Epoch_blocks must lie between 4 and 10000000.');
  check('Something went wrong on our side.', 'Something went wrong on our side.');
});

it('removing says what is lost, to whom, and what the seats that stay bear', () => {
  const { lines, serious } = effectsOf({ kind: 'remove', organisation: 'clinic' }, members);
  expect(serious).toBe(true);
  const words = lines.join(' ');
  for (const part of [/This is your own organisation/, /file no more proofs/, /proofs of it/, /two of three are needed/, /3 seats stay\. With fewer than four, the network stands still/, /new application/]) expect(words).toMatch(part);
  expect(effectsOf({ kind: 'remove', organisation: 'pharmacy' }, members).lines.join(' ')).not.toMatch(/seat|sealed copies|your own/);
});

it('giving a duty is not serious, ending it is', () => {
  const duties = (organisation: string, validator: boolean, custodian: boolean) => effectsOf({ kind: 'setDuties', organisation, validator, custodian }, members);
  expect(duties('pharmacy', true, false)).toEqual({ serious: false, lines: [expect.stringMatching(/helps decide which blocks count/)] });
  expect(duties('authority', true, false)).toEqual({ serious: true, lines: [expect.stringMatching(/no longer hands out/), '2 custodians stay.'] });
});

it('a new key and an admission ask to be confirmed with people', () => {
  expect(effectsOf({ kind: 'update', organisation: 'clinic', differences: [{ field: 'nodeKey', from: 'a', to: 'b' }] }, members)).toMatchObject({ serious: true, lines: [expect.stringMatching(/whoever holds the new key/), expect.anything()] });
  expect(effectsOf({ kind: 'admit', organisation: { id: 'x', name: 'X', class: 'research', custodian: false, ledgerAddress: '', peerUrl: '', portalUrl: '' } }, members).lines.join(' ')).toMatch(/first follows; a seat.*second proposal.*Make sure with its people/);
});

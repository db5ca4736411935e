// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { staff, type CustodyState } from '../../api/staff';
import { show } from '../../testing/render';
import { Custody } from './Custody';

afterEach(() => vi.restoreAllMocks());

const NAMES: Record<string, string> = { 'hospital-b': 'Hospital B', regulator: 'The regulator' };
const good = { passed: 90, failed: 0, unanswered: 2, passedMs: Date.now() - 60_000, failedMs: 0, lost: 0 };
const state = (change: Partial<CustodyState> = {}): CustodyState => ({
  challenges: { 'hospital-b': good, regulator: good },
  repaired: 0,
  kept: { batches: 12, damaged: 0, unchecked: 0, oldestCheckMs: Date.now() - 3_600_000, everDamaged: 0, tablesDamaged: false },
  audit: { timeMs: Date.now() - 60_000, releases: 41, mismatches: 0, first: [] },
  moves: { moved: 0, toMove: 0, late: 0, receipts: 0, receiptsOwed: {}, faults: {} },
  ...change,
});
const page = (value: CustodyState) => {
  vi.spyOn(staff, 'custody').mockResolvedValue(value);
  show(<Custody nameOf={(id) => NAMES[id] ?? id} />);
};

it('when everything is there, it says so without a warning', async () => {
  page(state());
  const table = within(await screen.findByRole('region', { name: 'Keepers of our records' }));
  expect(table.getAllByText('All there')).toHaveLength(2);
  expect(table.getAllByText('90 good, 0 bad, 2 without answer')).toHaveLength(2);
  expect(screen.getByText('each has its entry')).toBeTruthy();
  expect(screen.queryByRole('alert')).toBeNull();
  expect(screen.queryByRole('status')).toBeNull();
});

it('what is wrong is said in words, first', async () => {
  const cases: [Partial<CustodyState>, RegExp][] = [
    [{ challenges: { regulator: { ...good, failed: 1, lost: 1 } } }, /Copies are missing at The regulator/],
    [{ kept: { ...state().kept, damaged: 1 } }, /1 batch we keep for others is damaged/],
    [{ kept: { ...state().kept, damaged: 3 } }, /3 batches we keep for others are damaged/],
    [{ audit: { timeMs: Date.now(), releases: 9, mismatches: 2, first: [{ access: 'ab'.repeat(32), what: 'released without an entry on the ledger' }] } }, /2 times something was given out that nobody announced/],
  ];
  for (const [change, words] of cases) {
    page(state(change));
    expect(await screen.findByText(words)).toBeTruthy();
    document.body.replaceChildren();
  }
});

it('a list of what nobody announced is there to be looked into', async () => {
  page(state({ audit: { timeMs: Date.now(), releases: 9, mismatches: 1, first: [{ access: 'cd'.repeat(32), what: 'released to another organisation than the entry names' }] } }));
  const table = within(await screen.findByRole('region', { name: 'Given out without being announced' }));
  expect(table.getByText('cdcdcdcdcdcdcdcd')).toBeTruthy();
  expect(table.getByText('released to another organisation than the entry names')).toBeTruthy();
  expect(screen.getByRole('alert')).toBeTruthy();
});

it('a new organisation sees that nobody was asked and nothing compared yet', async () => {
  page(state({ challenges: {}, audit: null }));
  expect(await screen.findByText('Nobody was asked yet')).toBeTruthy();
  expect(screen.getByText('Not compared yet')).toBeTruthy();
});

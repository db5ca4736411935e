// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CaseRow } from '../../api/cases';
import { ApiError } from '../../api/http';
import { staff } from '../../api/staff';
import { show } from '../../testing/render';
import { Cases } from './Cases';

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

const row = (change: Partial<CaseRow>): CaseRow => ({
  id: 'c1', kind: 'amendment', state: 'open', receivedMs: NOW_MS - 10 * DAY_MS, dueMs: NOW_MS + 50 * DAY_MS, extended: null, disagreement: null,
  record: { type: 'Observation', id: 'o1', version: '2' }, wrong: 'It was the left arm', right: 'The right arm', name: 'Ann Example', ...change,
});
const restriction = (change: Partial<CaseRow> = {}) => row({ id: 'c2', kind: 'restriction', record: undefined, wrong: undefined, right: undefined, reason: 'I contest it', ...change });

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

const answers = (...cases: CaseRow[]) => vi.spyOn(staff, 'cases').mockResolvedValue({ cases, nowMs: NOW_MS });

it('what is due first comes first, and what is overdue says so', async () => {
  answers(row({ id: 'later' }), restriction({ id: 'late', dueMs: NOW_MS - 2 * DAY_MS }));
  show(<Cases />);
  const titles = (await screen.findAllByRole('heading', { level: 3 })).map((heading) => heading.textContent);
  expect(titles).toEqual(['Restrict the use of the record: Ann Example', 'Correct an entry: Ann Example']);
  expect(screen.getByText(/Overdue: was due 2 days ago/)).toBeTruthy();
});

it('a correction is refused on a ground of the law, in words for the patient', async () => {
  answers(row({}));
  const sent = vi.spyOn(staff, 'answerCase').mockResolvedValue(new Response());
  show(<Cases />);
  await userEvent.click(await screen.findByRole('button', { name: 'Refuse' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Refuse: correct an entry?' }));
  await userEvent.selectOptions(dialog.getByLabelText('On which ground of the law?'), 'not-ours');
  await userEvent.type(dialog.getByLabelText('In your words, for the patient'), 'Please ask the laboratory.');
  await userEvent.click(dialog.getByRole('button', { name: 'Refuse' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('c1', { accept: false, words: 'Please ask the laboratory.', ground: 'not-ours' });
});

it('a restriction says what it does before it is accepted, needs no ground, and can be lifted', async () => {
  answers(restriction(), restriction({ id: 'c3', state: 'accepted' }));
  const sent = vi.spyOn(staff, 'answerCase').mockResolvedValue(new Response());
  const lifted = vi.spyOn(staff, 'liftCase').mockResolvedValue(new Response());
  show(<Cases />);
  await userEvent.click(await screen.findByRole('button', { name: 'Accept' }));
  const dialog = within(screen.getByRole('dialog'));
  expect(dialog.getByText(/nobody here opens or uses the record, and no system reads it, except in an emergency/)).toBeTruthy();
  expect(dialog.queryByLabelText('On which ground of the law?')).toBeNull();
  await userEvent.type(dialog.getByLabelText('In your words, for the patient'), 'Agreed');
  await userEvent.click(dialog.getByRole('button', { name: 'Accept' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('c2', { accept: true, words: 'Agreed', ground: null });
  await userEvent.click(await screen.findByRole('button', { name: 'Lift' }));
  const again = within(screen.getByRole('dialog'));
  await userEvent.type(again.getByLabelText('In your words, for the patient'), 'Settled');
  await userEvent.click(again.getByRole('button', { name: 'Lift' }));
  expect(lifted).toHaveBeenCalledExactlyOnceWith('c3', 'Settled');
});

it('what does not go through is said and can be sent again', async () => {
  answers(row({}));
  vi.spyOn(staff, 'extendCase').mockRejectedValue(new ApiError('refused', 'invalid', 'say why, in at most 4,000 characters'));
  show(<Cases />);
  await userEvent.click(await screen.findByRole('button', { name: 'Take more time' }));
  const dialog = within(screen.getByRole('dialog'));
  await userEvent.click(dialog.getByRole('button', { name: 'Take more time' }));
  expect(await dialog.findByRole('alert')).toBeTruthy();
  expect(dialog.getByRole('button', { name: 'Take more time' })).toBeTruthy();
});

it('an erasure shows what would go and what the law keeps, on each ground, before it is accepted', async () => {
  answers(row({ kind: 'erasure', record: undefined, wrong: undefined, right: undefined, scope: { of: 'everything' }, reason: 'It is mine' }));
  const kept = { type: 'Observation', id: 'n', category: 'labs', untilMs: Date.UTC(2033, 3, 5), ground: 'Ten years by law.' } as const;
  const surveyed = vi.spyOn(staff, 'surveyCase').mockImplementation(async (_id, basis) =>
    basis === 'unlawful' ? { dueCount: 3, due: [], keptCount: 0, messages: 0, kept: [] } : { dueCount: 2, due: [{ type: 'Observation', id: 'o', category: 'labs' }, { type: 'Claim', id: 'c', category: 'claims' }], keptCount: 1, messages: 0, kept: [kept] });
  const sent = vi.spyOn(staff, 'answerCase').mockResolvedValue(new Response());
  show(<Cases />);
  await userEvent.click(await screen.findByRole('button', { name: 'Accept' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Accept: erase records?' }));
  expect(await dialog.findByText('2 entries will be erased:')).toBeTruthy();
  expect(dialog.getByText(/Ten years by law/)).toBeTruthy();
  await userEvent.selectOptions(dialog.getByLabelText('Why is it erased?'), 'unlawful');
  expect(await dialog.findByText('3 entries will be erased:')).toBeTruthy();
  expect(dialog.queryByText(/Ten years by law/)).toBeNull();
  await userEvent.type(dialog.getByLabelText('In your words, for the patient'), 'It was not yours');
  await userEvent.click(dialog.getByRole('button', { name: 'Accept' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('c1', { accept: true, words: 'It was not yours', ground: null, basis: 'unlawful' });
  expect(surveyed).toHaveBeenCalledWith('c1', 'patient-request');
});

it('an erasure is refused on one of the grounds for that', async () => {
  answers(row({ kind: 'erasure', record: undefined, wrong: undefined, right: undefined, scope: { of: 'everything' }, reason: 'It is mine' }));
  const sent = vi.spyOn(staff, 'answerCase').mockResolvedValue(new Response());
  show(<Cases />);
  await userEvent.click(await screen.findByRole('button', { name: 'Refuse' }));
  const dialog = within(screen.getByRole('dialog'));
  await userEvent.selectOptions(dialog.getByLabelText('On which ground of the law?'), 'claims');
  await userEvent.type(dialog.getByLabelText('In your words, for the patient'), 'A court needs it');
  await userEvent.click(dialog.getByRole('button', { name: 'Refuse' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('c1', { accept: false, words: 'A court needs it', ground: 'claims' });
});

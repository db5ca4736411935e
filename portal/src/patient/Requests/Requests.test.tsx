// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { CaseBody } from '../../api/cases';
import { show } from '../../testing/render';
import { emptyProfile } from '../session/profile';
import { session, type Snapshot } from '../session/session';
import { Requests } from './Requests';

const NOW_MS = Date.UTC(2026, 5, 1);
const one = (change: Partial<CaseBody>): CaseBody => ({
  id: 'c1', kind: 'amendment', state: 'open', receivedMs: NOW_MS, dueMs: NOW_MS + 60 * 86_400_000, extended: null, disagreement: null, wrong: 'The left arm', right: 'The right arm', ...change,
});

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  const profile = { ...emptyProfile('n'), organisations: ['hospital-a', 'hospital-b'].map((id) => ({ id, patient: 'p', name: 'Ann', joinedMs: 0 })) };
  const snapshot = { ...session.get(), phase: 'open', profile } as Snapshot;
  vi.spyOn(session, 'get').mockReturnValue(snapshot);
});
afterEach(() => vi.restoreAllMocks());

const answers = (...cases: CaseBody[]) => vi.spyOn(session, 'cases').mockResolvedValue({ cases: cases.map((body) => ({ organisation: 'hospital-a', body })), silent: [] });

it('a refused correction shows the ground and the words, and can be disagreed with', async () => {
  answers(one({ state: 'refused', answer: { accept: false, ground: 'accurate', words: 'It is as noted.', timeMs: NOW_MS } }));
  const sent = vi.spyOn(session, 'askCase').mockResolvedValue([]);
  show(<Requests />);
  expect(await screen.findByText('The entry is accurate and complete')).toBeTruthy();
  expect(screen.getByText(/It is as noted\./)).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'I disagree' }));
  const dialog = within(screen.getByRole('dialog'));
  await userEvent.type(dialog.getByLabelText('Your statement'), 'I remember it well');
  await userEvent.click(dialog.getByRole('button', { name: 'Send' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('hospital-a', { ask: 'disagree', case: 'c1', statement: 'I remember it well' });
});

it('a restriction is asked for with its consequences, once for each hospital', async () => {
  answers(one({ id: 'c2', kind: 'restriction', state: 'accepted', wrong: undefined, right: undefined, reason: 'I contest it' }));
  const sent = vi.spyOn(session, 'askCase').mockResolvedValue([]);
  show(<Requests />);
  expect(await screen.findByText('In force')).toBeTruthy();
  expect((screen.getByRole('button', { name: 'Asked' }) as HTMLButtonElement).disabled).toBe(true);
  await userEvent.click(screen.getByRole('button', { name: 'Ask for this' }));
  const dialog = within(screen.getByRole('dialog'));
  expect(dialog.getByText(/Your treatment there may become slower/)).toBeTruthy();
  await userEvent.type(dialog.getByLabelText('Why?'), 'I contest it');
  await userEvent.click(dialog.getByRole('button', { name: 'Ask' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('hospital-b', { ask: 'restrict', reason: 'I contest it' });
});

it('what waits can be taken back, what holds can be ended', async () => {
  answers(one({}), one({ id: 'c2', kind: 'restriction', state: 'accepted' }));
  const sent = vi.spyOn(session, 'askCase').mockResolvedValue([]);
  show(<Requests />);
  for (const [button, confirm, ask] of [['Take it back', 'Take it back', { ask: 'withdraw', case: 'c1' }], ['Let them use it again', 'Yes, let them', { ask: 'lift', case: 'c2' }]] as const) {
    await userEvent.click(await screen.findByRole('button', { name: button }));
    await userEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: confirm }));
    expect(sent).toHaveBeenLastCalledWith('hospital-a', ask);
  }
});

it('an erasure says what it does, and afterwards who has confirmed it and what the law keeps', async () => {
  const erasure = {
    ground: 'patient-request', step: 'ordered', records: 3, keptCount: 2, receiptsDueMs: NOW_MS + 30 * 86_400_000,
    kept: [
      { type: 'Observation', id: 'a', category: 'labs', untilMs: Date.UTC(2031, 0, 5), ground: 'Ten years by law.' },
      { type: 'Observation', id: 'b', category: 'labs', untilMs: Date.UTC(2033, 3, 5), ground: 'Ten years by law.' },
    ],
    receipts: [{ organisation: 'hospital-a', timeMs: NOW_MS, copies: 0, late: false }, { organisation: 'hospital-b' }],
  } as const;
  answers(one({ kind: 'erasure', state: 'accepted', wrong: undefined, right: undefined, scope: { of: 'category', category: 'labs' }, erasure: { ...erasure, kept: [...erasure.kept], receipts: [...erasure.receipts] } }));
  const sent = vi.spyOn(session, 'askCase').mockResolvedValue([]);
  show(<Requests />);
  expect(await screen.findByText(/1 of 2 organisations have confirmed/)).toBeTruthy();
  expect(screen.getByText(/Ten years by law. The last of these 2 until/)).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Save the proof' })).toBeTruthy();
  await userEvent.click(screen.getAllByRole('button', { name: 'Ask to erase' })[1]!);
  const dialog = within(screen.getByRole('dialog'));
  expect(dialog.getByText(/Nobody can bring it back/)).toBeTruthy();
  await userEvent.selectOptions(dialog.getByLabelText('What should be erased?'), 'vitals');
  await userEvent.type(dialog.getByLabelText('Why?'), 'Not needed any more');
  await userEvent.click(dialog.getByRole('button', { name: 'Ask' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('hospital-b', { ask: 'erase', scope: { of: 'category', category: 'vitals' }, reason: 'Not needed any more' });
});

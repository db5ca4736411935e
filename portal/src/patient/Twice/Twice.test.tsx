// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import { emptyProfile } from '../session/profile';
import type { RegistrationAsk, Registrations } from '../session/registrations';
import { session, type Snapshot } from '../session/session';
import { Twice } from './Twice';

afterEach(() => vi.restoreAllMocks());

const ALONE: Registrations = { registrations: [{ id: 'p1', name: 'Ann Lind', mergedMs: null, partUntilMs: null }], offer: null };
const day = 86_400_000;
const both = (mergedMs: number): Registrations => ({ registrations: [...ALONE.registrations, { id: 'p2', name: 'Ann Lund', mergedMs, partUntilMs: mergedMs + 30 * day }], offer: null });

function open(answer: (what: RegistrationAsk) => Registrations) {
  const profile = { ...emptyProfile('n'), organisations: [{ id: 'hospital-a', patient: 'p1', name: 'Ann', joinedMs: 0 }] };
  vi.spyOn(session, 'get').mockReturnValue({ ...session.get(), phase: 'open', profile } as Snapshot);
  const sent = vi.spyOn(session, 'registrations').mockImplementation(async (_organisation, what) => answer(what));
  show(<Twice />);
  return sent;
}

it('a code makes one record of both after a question, and undo makes two again', async () => {
  const sent = open(({ ask }) => (ask === 'merge-registration' ? both(Date.now()) : ALONE));
  const field = await screen.findByLabelText(/Code for the other record/);
  const join = screen.getByRole('button', { name: 'Make one record of both' });
  expect((join as HTMLButtonElement).disabled).toBe(true);
  await userEvent.type(field, ' hospital-a.7GMX2K9QW4TR5B8N ');
  await userEvent.click(join);
  expect(await screen.findByText(/Only do this if both records are yours/)).toBeTruthy();
  expect(sent.mock.calls.some(([, what]) => what.ask === 'merge-registration')).toBe(false);
  await userEvent.click(screen.getByRole('button', { name: 'Yes, both are mine', hidden: true }));
  expect(await screen.findByText(/The two records are one now/)).toBeTruthy();
  expect(sent).toHaveBeenLastCalledWith('hospital-a', { ask: 'merge-registration', code: 'hospital-a.7GMX2K9QW4TR5B8N' });
  await userEvent.click(screen.getByRole('button', { name: 'Undo', hidden: true }));
  await userEvent.click(await screen.findByRole('button', { name: 'Make two records again', hidden: true }));
  expect(await screen.findByText('The two records are separate again.')).toBeTruthy();
  expect(sent).toHaveBeenLastCalledWith('hospital-a', { ask: 'part-registration', registration: 'p2' });
});

it('after thirty days there is nothing to undo', async () => {
  open(() => both(Date.now() - 31 * day));
  expect(await screen.findByText(/This can no longer be undone/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Undo' })).toBeNull();
});

it('the other device shows a code, and says what it does', async () => {
  open(({ ask }) => ({ ...ALONE, offer: ask === 'offer-registration' ? { code: 'hospital-a.CODE', expires: '' } : null }));
  await userEvent.click(await screen.findByRole('button', { name: 'Show a code' }));
  expect(await screen.findByText('hospital-a.CODE')).toBeTruthy();
  expect(screen.getByText(/it hands this record over/)).toBeTruthy();
});

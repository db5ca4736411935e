// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import { emptyProfile } from '../session/profile';
import type { Choice } from '../session/location';
import { session, type Snapshot } from '../session/session';
import { Found } from './Found';

afterEach(() => vi.restoreAllMocks());

function open(answer: (found?: boolean) => Choice) {
  const profile = { ...emptyProfile('n'), organisations: [{ id: 'hospital-a', patient: 'p1', name: 'Ann', joinedMs: 0 }] };
  vi.spyOn(session, 'get').mockReturnValue({ ...session.get(), phase: 'open', profile } as Snapshot);
  const sent = vi.spyOn(session, 'location').mockImplementation(async (_organisation, found) => answer(found));
  show(<Found />);
  return sent;
}

it('who does not want to be found says so at each hospital, and can change that', async () => {
  const sent = open((found) => ({ found: found ?? true, chosen: found ?? null, offered: true }));
  expect(await screen.findByText('May say that it keeps records of you.')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Do not let me be found' }));
  expect(await screen.findByText(/as you chose, and does not look for you elsewhere/)).toBeTruthy();
  expect(sent).toHaveBeenLastCalledWith('hospital-a', false);
  await userEvent.click(screen.getByRole('button', { name: 'Let me be found' }));
  expect(await screen.findByText('May say that it keeps records of you, as you chose.')).toBeTruthy();
});

it('where nobody is found there is nothing to choose', async () => {
  open(() => ({ found: false, chosen: null, offered: false }));
  expect(await screen.findByText('Never says whose records it keeps.')).toBeTruthy();
  expect(screen.queryByRole('button')).toBeNull();
});

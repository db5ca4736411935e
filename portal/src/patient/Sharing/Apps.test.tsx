// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AllowedApp } from '../../api/apps';
import { show } from '../../testing/render';
import { session } from '../session/session';
import { Apps } from './Apps';

const one = (change: Partial<AllowedApp>): AllowedApp => ({
  id: 'g1', client: 'app-1', name: 'My Diary', categories: ['labs'], madeMs: 0, untilMs: Date.now() + 86_400_000, usedMs: null, state: 'allowed', ended: null, ...change,
});
const answers = (silent: string[], ...each: AllowedApp[][]) => {
  const asked = vi.spyOn(session, 'apps');
  const list = (apps: AllowedApp[]) => ({ apps: apps.map((app) => ({ organisation: 'hospital-a', app })), silent });
  for (const apps of each) asked.mockResolvedValueOnce(list(apps));
  return asked.mockResolvedValue(list(each.at(-1)!));
};

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

it('an app shows what it can see and is stopped at the hospital that let it in', async () => {
  answers([], [one({})], [one({ state: 'ended', ended: { why: 'stopped', timeMs: Date.now() } })]);
  const sent = vi.spyOn(session, 'askCases').mockResolvedValue({ cases: [] });
  show(<Apps />);
  expect(await screen.findByText('Lab results')).toBeTruthy();
  expect(screen.getByText('Not yet')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Stop My Diary' }));
  await userEvent.click(within(screen.getByRole('dialog', { name: 'Stop My Diary?' })).getByRole('button', { name: 'Stop' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('hospital-a', { ask: 'stop-app', app: 'g1' });
  expect(await screen.findByText('You stopped it.')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Stop My Diary' })).toBeNull();
});

it('says why an app ended, and who did not answer', async () => {
  answers(['hospital-b'], [one({ state: 'ended', ended: { why: 'used-twice', timeMs: 0 } }), one({ id: 'g2', state: 'unused' }), one({ id: 'g3', state: 'over', untilMs: 0 }), one({ id: 'g4', state: 'ended' })]);
  show(<Apps />);
  for (const words of [/Stopped for your safety/, /did not take it up/, /Its time was over/, /does not let this app in any more/, /hospital-b did not answer/]) expect(await screen.findByText(words)).toBeTruthy();
});

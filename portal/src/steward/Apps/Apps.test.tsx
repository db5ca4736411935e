// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { apps, type RegisteredApp } from '../../api/apps';
import { show } from '../../testing/render';
import { Apps } from './Apps';

const one = (change: Partial<RegisteredApp>): RegisteredApp => ({
  id: 'a1', name: 'My Diary', state: 'waiting', receivedMs: 0, decidedMs: null, confidential: false, site: null, launchUrl: null, redirects: ['https://diary.example/back'], scope: 'patient/*.rs', ...change,
});

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

it('an app that waits shows where it sends people, and is approved after one more look', async () => {
  vi.spyOn(apps, 'registered').mockResolvedValueOnce([one({})]).mockResolvedValue([one({ state: 'approved' })]);
  const decided = vi.spyOn(apps, 'decide').mockResolvedValue(new Response());
  show(<Apps />);
  expect(await screen.findByText('https://diary.example/back')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Approve My Diary' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Let My Diary in?' }));
  expect(dialog.getByText(/Be sure who makes it/)).toBeTruthy();
  await userEvent.click(dialog.getByRole('button', { name: 'Approve' }));
  expect(decided).toHaveBeenCalledExactlyOnceWith('a1', 'approve');
  expect(await screen.findByText('May be used')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'End My Diary' })).toBeTruthy();
});

it('what is refused or ended has no buttons', async () => {
  vi.spyOn(apps, 'registered').mockResolvedValue([one({ state: 'refused' }), one({ id: 'a2', state: 'ended', name: 'Steps' })]);
  show(<Apps />);
  expect(await screen.findByText('Refused')).toBeTruthy();
  expect(screen.queryByRole('button')).toBeNull();
});

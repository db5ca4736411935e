// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { feeds, type Feed, type WaitingMessage } from '../../api/feeds';
import { show } from '../../testing/render';
import { Feeds } from './Feeds';

const feed = (change: Partial<Feed> = {}): Feed => ({
  name: 'lab', kind: 'messages', place: '10.0.0.1:2575', encrypted: true, connections: 1, trouble: null, received: 12, filed: 11, unchanged: 2, refused: 0, waiting: 0, replayed: 0, discarded: 0, lastMs: Date.now() - 60_000, lastKind: 'ORU^R01', ...change,
});
const message: WaitingMessage = { number: 7, receivedMs: 0, kind: 'ORU^R01', reason: 'the message does not say the number of the patient (PID-3)', bytes: 900, attempts: 1, erased: false };

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

it('a feed that works says so, and one that does not says why', async () => {
  vi.spyOn(feeds, 'list').mockResolvedValue([feed(), feed({ name: 'ehr', kind: 'server', place: 'https://ehr.example/fhir', trouble: 'the other server does not answer' })]);
  show(<Feeds />);
  expect(await screen.findByText('10.0.0.1:2575')).toBeTruthy();
  expect(screen.getAllByText('Nothing waits')).toHaveLength(2);
  expect(screen.getByText(/the other server does not answer/)).toBeTruthy();
});

it('without feeds it says who can connect some', async () => {
  vi.spyOn(feeds, 'list').mockResolvedValue([]);
  show(<Feeds />);
  expect(await screen.findByText('No feeds')).toBeTruthy();
});

it('what waits is looked at covered, tried again, and discarded with a reason only', async () => {
  vi.spyOn(feeds, 'list').mockResolvedValue([feed({ waiting: 1 })]);
  vi.spyOn(feeds, 'waiting').mockResolvedValue([message]);
  vi.spyOn(feeds, 'look').mockResolvedValue({ ...message, covered: 'PID|9||xxx' });
  const replay = vi.spyOn(feeds, 'replay').mockResolvedValue({ filed: 0, failed: 1 });
  const discard = vi.spyOn(feeds, 'discard').mockResolvedValue(new Response());
  show(<Feeds />);
  const list = within(await screen.findByRole('list', { name: 'Messages that wait in lab' }));
  expect(await list.findByText(/number of the patient/)).toBeTruthy();
  await userEvent.click(list.getByRole('button', { name: 'Look at 7' }));
  expect(await screen.findByText('PID|9||xxx')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Close' }));
  await userEvent.click(list.getByRole('button', { name: 'Try 7 again' }));
  expect(replay).toHaveBeenCalledExactlyOnceWith('lab', 7);
  expect(await screen.findByText('Filed: 0. Still waiting: 1.')).toBeTruthy();
  await userEvent.click(list.getByRole('button', { name: 'Discard 7' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Discard message 7?' }));
  await userEvent.click(dialog.getByRole('button', { name: 'Discard' }));
  expect(discard).not.toHaveBeenCalled();
  await userEvent.type(dialog.getByLabelText('Why'), 'sent by mistake');
  await userEvent.click(dialog.getByRole('button', { name: 'Discard' }));
  expect(discard).toHaveBeenCalledExactlyOnceWith('lab', 7, 'sent by mistake');
});

it('what was erased is let in again with a reason only', async () => {
  vi.spyOn(feeds, 'list').mockResolvedValue([feed({ waiting: 1, kind: 'folder', place: '/var/feeds' })]);
  vi.spyOn(feeds, 'waiting').mockResolvedValue([{ ...message, erased: true, reason: 'it holds records that were erased here, and would bring them back' }]);
  const restore = vi.spyOn(feeds, 'restore').mockResolvedValue({ filed: 1, failed: 0 });
  show(<Feeds />);
  const list = within(await screen.findByRole('list', { name: 'Messages that wait in lab' }));
  await userEvent.click(await list.findByRole('button', { name: 'Let 7 in again' }));
  expect(list.queryByRole('button', { name: 'Try 7 again' })).toBeNull();
  const dialog = within(screen.getByRole('dialog', { name: 'Let message 7 in again?' }));
  await userEvent.click(dialog.getByRole('button', { name: 'Let it in' }));
  expect(restore).not.toHaveBeenCalled();
  await userEvent.type(dialog.getByLabelText('Why'), 'the patient asked for it');
  await userEvent.click(dialog.getByRole('button', { name: 'Let it in' }));
  expect(restore).toHaveBeenCalledExactlyOnceWith('lab', 7, 'the patient asked for it');
});

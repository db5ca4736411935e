// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import { Access } from '../Access/Access';
import { Accept } from '../Acting/Accept';
import { OthersRecord } from '../Acting/OthersRecord';
import { Acting } from '../Acting/Acting';
import { codeText } from '../session/appointing';
import { emptyProfile, type ActingRecord, type AppointmentRecord, type Profile } from '../session/profile';
import { NO_PROXIES, type ProxiesView } from '../session/proxies';
import { session, type Snapshot } from '../session/session';
import { Sharing } from '../Sharing/Sharing';
import { NewProxy } from './NewProxy';
import { Proxies } from './Proxies';

const DAY_MS = 86_400_000;
const CODE = 'ab'.repeat(15);
const PART = { source: 'hospital-a', counter: 0, id: '11'.repeat(32) };
const maria = (change: Partial<AppointmentRecord> = {}): AppointmentRecord => ({ code: CODE, name: 'Maria', categories: ['labs'], shares: true, asks: false, untilMs: Date.now() + 60 * DAY_MS, createdMs: Date.now(), parts: [PART], state: 'done', ...change });
const una = (change: Partial<ActingRecord> = {}): ActingRecord => ({ code: CODE, name: 'Una', createdMs: 1, at: [], mandates: [], untilMs: Date.now() + 60 * DAY_MS, ...change });
const opened = (profile: Partial<Profile>, proxies: Partial<ProxiesView> = {}, change: Partial<Snapshot> = {}) =>
  vi.spyOn(session, 'get').mockReturnValue({ ...session.get(), phase: 'open', profile: { ...emptyProfile('n'), ...profile }, proxies: { ...NO_PROXIES, ...proxies }, ...change } as Snapshot);

afterEach(() => {
  vi.restoreAllMocks();
  window.location.hash = '';
});

it('who answered is confirmed by a number, and by nothing else', async () => {
  opened({ appointments: [maria({ state: 'invited', parts: [] })] }, { answers: { [CODE]: { name: 'M.', check: '123456' } } });
  const confirm = vi.spyOn(session.proxies, 'confirm').mockResolvedValue();
  show(<Proxies />);
  expect(screen.getByText(/It must be/).textContent).toContain('123 456');
  await userEvent.click(screen.getByRole('button', { name: 'The number is right: let Maria act for me' }));
  expect(confirm).toHaveBeenCalledWith(CODE);
});

it('before the answer there is a link to send, and nothing to confirm', () => {
  opened({ appointments: [maria({ state: 'invited', parts: [] })] });
  show(<Proxies />);
  expect(screen.getByText(codeText(new Uint8Array(15).fill(0xab)))).toBeTruthy();
  expect(screen.queryByRole('button', { name: /The number is right/ })).toBeNull();
});

it('an appointment is ended after a question, and can be taken back for a moment', async () => {
  opened({ appointments: [maria()] });
  const end = vi.spyOn(session.proxies, 'end').mockReturnValue();
  const { unmount } = show(<Proxies />);
  await userEvent.click(screen.getByRole('button', { name: 'End that Maria acts for me' }));
  expect(end).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole('button', { name: 'End it', hidden: true }));
  expect(end).toHaveBeenCalledWith(CODE);
  unmount();
  opened({ appointments: [maria()] }, { ending: { [CODE]: Date.now() + 5_000 } });
  const undo = vi.spyOn(session.proxies, 'undoEnd').mockReturnValue();
  show(<Proxies />);
  await userEvent.click(screen.getByRole('button', { name: 'Undo' }));
  expect(undo).toHaveBeenCalledWith(CODE);
});

it('an invitation says how far and until when, and protected entries are not in it by themselves', async () => {
  opened({});
  const invite = vi.spyOn(session.proxies, 'invite').mockResolvedValue(CODE);
  show(<NewProxy />);
  expect(screen.getByRole('button', { name: 'Make an invitation' })).toHaveProperty('disabled', true);
  await userEvent.type(screen.getByLabelText(/Their name/), 'Maria');
  await userEvent.click(screen.getByRole('button', { name: 'Make an invitation' }));
  const wish = invite.mock.calls[0]![0];
  expect(wish).toMatchObject({ name: 'Maria', shares: false, asks: false });
  expect(wish.categories).not.toContain('hiv');
  expect(wish.untilMs).toBeGreaterThan(Date.now());
  await screen.findByText(/Nothing happens before/);
});

it('what was done for the person is in both lists, by name', () => {
  const done = [
    { id: 'a', code: CODE, name: 'Maria', part: PART, timeMs: Date.now(), what: 'read' as const, count: 3 },
    { id: 'b', code: CODE, name: 'Maria', part: PART, timeMs: Date.now(), what: 'shared' as const, grant: new Uint8Array(32), untilMs: Date.now() + DAY_MS },
  ];
  const logged = [
    { id: 'l', organisation: 'hospital-a', timeMs: 5, action: 'proxy-read' as const, nameConfirmed: false, categories: [], appointment: PART.id },
    { id: 'm', organisation: 'hospital-a', timeMs: 4, action: 'proxy-read' as const, nameConfirmed: false, categories: [], appointment: '22'.repeat(32) },
  ];
  opened({ appointments: [maria()] }, { done }, { accesses: { accesses: logged, requests: [], silent: [], gaps: [], numbers: {}, state: 'loading' } });
  const { unmount } = show(<Access />);
  expect(screen.getAllByText(/Done by Maria for you/).length).toBe(2);
  expect(screen.getAllByText(/opened your record for you/).length, 'what the ledger has is not said twice').toBe(1);
  unmount();
  const stop = vi.spyOn(session.proxies, 'stopShared').mockResolvedValue();
  show(<Sharing />);
  screen.getByText('Done by Maria for you');
  screen.getByRole('button', { name: 'Stop sharing' }).click();
  expect(stop).toHaveBeenCalledWith(done[1]);
});

it('an invitation is opened with an own record, and shows what is asked before anything is answered', async () => {
  window.location.hash = `#${codeText(new Uint8Array(15).fill(0xab))}`;
  opened({}, {}, { phase: 'out' });
  const { unmount } = show(<Accept />);
  expect(screen.getByRole('link', { name: 'Make my record' })).toBeTruthy();
  unmount();
  opened({});
  vi.spyOn(session.proxies, 'offer').mockResolvedValue({ from: 'Una', sources: [], categories: ['labs'], shares: false, asks: false, untilMs: Date.now() + DAY_MS });
  const accept = vi.spyOn(session.proxies, 'accept').mockResolvedValue('654321');
  show(<Accept />);
  await userEvent.click(screen.getByRole('button', { name: 'Go on' }));
  await userEvent.type(await screen.findByLabelText(/Your name/), 'Maria');
  await userEvent.click(screen.getByRole('button', { name: 'Yes, I will' }));
  expect((await screen.findByText('654 321')).textContent).toBe('654 321');
  expect(accept.mock.calls[0]![2]).toBe('Maria');
});

it('a desk’s code for a child needs nothing but to be opened', async () => {
  window.location.hash = '#hospital-a.K7Q2MX9PK7Q2MX9P';
  opened({});
  const accept = vi.spyOn(session.proxies, 'acceptAtDesk').mockResolvedValue({ name: 'Kai' });
  show(<Accept />);
  await userEvent.click(screen.getByRole('button', { name: 'Go on' }));
  await screen.findByText(/You can now see Kai’s record/);
  expect(accept).toHaveBeenCalledWith({ organisation: 'hospital-a', code: 'K7Q2MX9PK7Q2MX9P' }, undefined);
});

it('of a second desk’s code a parent says which child it is for, and under another name it is kept apart', async () => {
  window.location.hash = '#hospital-b.K7Q2MX9PK7Q2MX9P';
  const kai = una({ name: 'Kai', child: true, at: [{ id: 'hospital-a', patient: 'p' }] });
  opened({ acting: [kai] });
  const accept = vi.spyOn(session.proxies, 'acceptAtDesk').mockResolvedValue({ name: 'Kay', apart: { code: 'cc', from: CODE, name: 'Kai' } });
  const join = vi.spyOn(session.proxies, 'join').mockResolvedValue();
  show(<Accept />);
  expect(screen.getByRole('button', { name: 'Go on' })).toHaveProperty('disabled', true);
  await userEvent.click(screen.getByLabelText(/^Kai, known at/));
  await userEvent.click(screen.getByRole('button', { name: 'Go on' }));
  expect(accept).toHaveBeenCalledWith({ organisation: 'hospital-b', code: 'K7Q2MX9PK7Q2MX9P' }, CODE);
  await screen.findByText('Is this the same child?');
  await userEvent.click(screen.getByRole('button', { name: 'Kay and Kai are the same child' }));
  expect(join).toHaveBeenCalledWith(CODE, 'cc');
  expect(screen.queryByText('Is this the same child?')).toBeNull();
});

it('a child whom one hospital knows is shared with nobody, and the page says how', async () => {
  const kai = una({ name: 'Kai', child: true, at: [{ id: 'hospital-a', patient: 'p' }] });
  opened({ acting: [kai] });
  vi.spyOn(session.proxies, 'read').mockResolvedValue({ records: [], silent: [], ended: [] });
  vi.spyOn(session.proxies, 'mayDo').mockReturnValue({ shares: true, asks: true });
  show(<Routes><Route path="/acting/:code" element={<OthersRecord />} /></Routes>, `/acting/${CODE}`);
  await screen.findByText(/knows Kai so far/);
  expect(screen.queryByRole('button', { name: 'Share for Kai' })).toBeNull();
});

it('another person’s record says whose it is, all the time, and an ended one opens nothing', async () => {
  opened({ acting: [una()] });
  const read = vi.spyOn(session.proxies, 'read').mockResolvedValue({ records: [], silent: [], ended: ['hospital-a'] });
  const { unmount } = show(<Routes><Route path="/acting/:code" element={<OthersRecord />} /></Routes>, `/acting/${CODE}`);
  expect(screen.getByRole('region', { name: 'Whose record this is' }).textContent).toContain('You are looking at Una’s record');
  expect(screen.getByRole('link', { name: 'Back to my own record' })).toBeTruthy();
  await screen.findByText('You do not act for them any more');
  expect(read).toHaveBeenCalledWith(CODE, expect.anything());
  unmount();
  opened({ acting: [una({ ended: true })] });
  show(<Acting />);
  expect(screen.getByText('You act for nobody')).toBeTruthy();
});

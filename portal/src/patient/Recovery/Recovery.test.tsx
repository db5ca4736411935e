// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { account, type SlotInfo } from '../../api/account';
import { staff } from '../../api/staff';
import { show } from '../../testing/render';
import { RecoveryDesk } from '../../ui/RecoveryDesk/RecoveryDesk';
import { ReplaceKeys } from '../ReplaceKeys/ReplaceKeys';
import { emptyProfile, type Profile } from '../session/profile';
import type { RecoveryAttempt } from '../session/recovering';
import { session, type Snapshot } from '../session/session';
import { WaysIn } from '../WaysIn/WaysIn';
import { Recovery } from './Recovery';
import { RecoveryNotice } from './RecoveryNotice';

const HOUR = 3_600_000;
const HOME = { id: 'hospital-a', patient: 'p', name: 'Una', joinedMs: 1 };
const attempt = (change: Partial<RecoveryAttempt> = {}): RecoveryAttempt => ({ organisation: 'hospital-a', counter: 0, recovery: 'ab', number: 0, timeMs: Date.now() - HOUR, readyMs: Date.now() + 47 * HOUR, cancelled: false, ...change });
const opened = (change: Partial<Snapshot>, profile: Partial<Profile> = {}) =>
  vi.spyOn(session, 'get').mockReturnValue({ ...session.get(), profile: { ...emptyProfile('n'), organisations: [HOME], ...profile }, ...change } as Snapshot);
const slots = (...all: Partial<SlotInfo>[]) =>
  vi.spyOn(account, 'me').mockResolvedValue({ signedIn: true, slots: all.map((one, at) => ({ id: `s${at}`, kind: 'passkey', created: '2026-05-01T10:00:00Z', ...one })) });

afterEach(() => vi.restoreAllMocks());

it('says at once that somebody is recovering, and one touch stops it', async () => {
  opened({ recoveries: [attempt()] });
  const stop = vi.spyOn(session, 'cancelRecovery').mockResolvedValue();
  show(<RecoveryNotice />);
  expect(screen.getByRole('alert').textContent).toMatch(/Somebody is recovering your record.*It began at hospital-a.*Nothing is given out before/);
  await userEvent.click(screen.getByRole('button', { name: 'It is not me: stop it' }));
  expect(stop).toHaveBeenCalledWith(expect.objectContaining({ recovery: 'ab', number: 0 }));
});

it('says it no more once it was the person, and otherwise when the time is over too', async () => {
  opened({ recoveries: [attempt({ readyMs: Date.now() - HOUR })] });
  const own = vi.spyOn(session, 'ownRecoveries').mockResolvedValue();
  show(<RecoveryNotice />);
  expect(screen.getByRole('alert').textContent).toMatch(/Somebody has recovered a part of your key.*replace your keys/);
  await userEvent.click(screen.getByRole('button', { name: 'It is me' }));
  expect(own).toHaveBeenCalledWith(['ab/0']);
});

it('says when it could not be found out, and nothing when nobody recovers', () => {
  opened({ recoveries: [], recoveriesUnchecked: true });
  const { unmount } = show(<RecoveryNotice />);
  expect(screen.getByText(/Not checked whether somebody is recovering/)).toBeTruthy();
  unmount();
  opened({ recoveries: [], recoveriesUnchecked: false });
  show(<RecoveryNotice />);
  expect(screen.queryByRole('alert')).toBeNull();
});

it('each way in has its name and when it was used, and the last one stays', async () => {
  slots({ used: '2026-06-02T08:30:00Z' }, { kind: 'recovery' });
  opened({}, { deviceNames: { s0: { name: 'My phone', atMs: 1 } } });
  const rename = vi.spyOn(session, 'nameDevice').mockResolvedValue();
  const { unmount } = show(<WaysIn />);
  await screen.findByText('My phone');
  expect(screen.getByText(/last used 2 June 2026|last used June 2, 2026/)).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Remove My phone' })).toHaveProperty('disabled', false);
  await userEvent.click(screen.getByRole('button', { name: 'Rename My phone' }));
  await userEvent.clear(screen.getByLabelText('Name'));
  await userEvent.type(screen.getByLabelText('Name'), 'Old phone');
  await userEvent.click(screen.getByText('Save'));
  expect(rename).toHaveBeenCalledWith('s0', 'Old phone');
  unmount();
  slots({});
  opened({});
  show(<WaysIn />);
  await screen.findByText(/your only way in, so it stays/);
  expect(screen.getByRole('button', { name: 'Remove Passkey 1' })).toHaveProperty('disabled', true);
});

it('removing says what it does and what it does not', async () => {
  slots({}, {}, { kind: 'recovery' });
  opened({});
  const remove = vi.spyOn(account, 'removePasskey').mockResolvedValue(new Response());
  show(<WaysIn />);
  await userEvent.click(await screen.findByRole('button', { name: 'Remove Passkey 2' }));
  expect(screen.getByText(/can no longer sign in to your record here/)).toBeTruthy();
  expect(screen.getByText(/does not take back what that device has seen or kept/)).toBeTruthy();
  await userEvent.click(screen.getByText('Remove', { selector: 'dialog *' }));
  expect(remove).toHaveBeenCalledWith('s1');
});

it('parts are made with a hospital and a person, or with two hospitals, and shown once', async () => {
  opened({}, { organisations: [HOME, { ...HOME, id: 'hospital-b' }] });
  const make = vi.spyOn(session, 'setUpRecovery').mockResolvedValue();
  const { unmount } = show(<Recovery />);
  await userEvent.click(screen.getByRole('button', { name: 'Make the parts' }));
  expect(make).toHaveBeenCalledWith(['hospital-a']);
  await userEvent.click(screen.getAllByLabelText('hospital-b').at(-1)!);
  await userEvent.click(screen.getByRole('button', { name: 'Make the parts' }));
  expect(make).toHaveBeenLastCalledWith(['hospital-a', 'hospital-b']);
  unmount();
  const setup = { counter: 0, madeMs: Date.now(), holders: [{ organisation: 'hospital-a', index: 1 }], papers: [2, 3], done: true };
  opened({ freshPapers: [{ index: 2, text: 'AAAA-BBBB' }, { index: 3, text: 'CCCC-DDDD' }] }, { recovery: setup });
  show(<Recovery />);
  expect(screen.getByText(/part 2 of 3: for a person you trust/)).toBeTruthy();
  expect(screen.getByText(/part 3 of 3: for you/)).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Continue' })).toHaveProperty('disabled', true);
});

it('what was not finished is said, and is to be done anew', () => {
  opened({ freshPapers: null }, { recovery: { counter: 0, madeMs: 1, holders: [{ organisation: 'hospital-a', index: 1 }], papers: [2, 3], done: false } });
  show(<Recovery />);
  expect(screen.getByText('This was not finished')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Make the parts' })).toBeTruthy();
});

it('the new code is kept before any key is replaced', async () => {
  opened({});
  vi.spyOn(session, 'prepareReplace').mockReturnValue('AAAA-BBBB');
  const replace = vi.spyOn(session, 'replaceKeys').mockResolvedValue();
  show(<ReplaceKeys />);
  await userEvent.click(screen.getByRole('button', { name: 'Start' }));
  expect(screen.getByRole('button', { name: 'Replace my keys, with the code only' })).toHaveProperty('disabled', true);
  expect(replace).not.toHaveBeenCalled();
  await userEvent.click(screen.getByLabelText(/I have printed the code/));
  await userEvent.click(screen.getByRole('button', { name: 'Replace my keys, with the code only' }));
  await waitFor(() => expect(replace).toHaveBeenCalledWith(false));
});

it('a replacement that is under way says where the old key stands', () => {
  opened({}, { former: { root: 'ab', left: ['hospital-a'], grants: [] } });
  show(<ReplaceKeys />);
  expect(screen.getByText(/The old key still stands at hospital-a/)).toBeTruthy();
});

it('the desk gives a code only after it has seen who it is', async () => {
  vi.spyOn(staff, 'patients').mockResolvedValue([{ id: 'p1', name: 'Una Able', birthDate: '1970-01-01', sex: 'female', shared: false }] as never);
  const give = vi.spyOn(staff, 'recover').mockResolvedValue({ code: 'hospital-a.CODE', link: 'http://x/recover/shares#hospital-a.CODE', expires: new Date().toISOString() });
  show(<RecoveryDesk />);
  await userEvent.type(screen.getByLabelText('Name or date of birth'), 'una');
  await userEvent.click(await screen.findByRole('button', { name: /Una Able/ }));
  expect(screen.getByRole('button', { name: 'Make a code for their part' })).toHaveProperty('disabled', true);
  await userEvent.click(screen.getByLabelText(/official identity card/));
  await userEvent.click(screen.getByRole('button', { name: 'Make a code for their part' }));
  expect(give).toHaveBeenCalledWith('p1');
  await screen.findByText('hospital-a.CODE');
});

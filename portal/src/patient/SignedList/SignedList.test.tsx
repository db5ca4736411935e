// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, expect, it, vi } from 'vitest';
import type { AccountingFile } from '../../api/accounting';
import { encode, toHex } from '../../crypto';
import * as f from '../../crypto/formats';
import { show } from '../../testing/render';
import { session } from '../session/session';
import { Access } from '../Access/Access';
import { emptyProfile } from '../session/profile';
import type { Snapshot } from '../session/snapshot';
import { SignedList } from './SignedList';

const bytes = new Uint8Array(32);
const reading = toHex(encode(f.AccessEntry, { grant: bytes, organisation: 'insurer', purpose: 'payment', versionsRoot: bytes, count: 3, practitioner: bytes, height: 7, timeMs: 1_700_000_000_000 }));
const says = (side: 'disclosure' | 'use', who: string) => ({ side, who, at: 'hospital-a', what: 'looked at: Observation', why: 'for treatment: follow-up' });
const list: AccountingFile = {
  statement: {
    organisation: 'hospital-a', name: 'St. Anna Hospital', madeMs: 1_700_000_000_000,
    proven: ['No number is missing.'], stated: ['That everything was noted.'],
    entries: [{ number: 1, timeMs: 1, says: says('use', 'Dr. Al') }, { number: 2, timeMs: 2, says: says('disclosure', 'the registered system lab') }],
    grants: [{ grant: 'ab', readings: [{ value: reading }] }],
  },
};

afterEach(() => vi.restoreAllMocks());

it('asks for the list, shows what left and what was used within, and how to check it', async () => {
  vi.spyOn(session, 'signedList').mockResolvedValue(list);
  show(<Routes><Route path="/looked/list/:organisation" element={<SignedList />} /></Routes>, '/looked/list/hospital-a');
  await userEvent.click(screen.getByRole('button', { name: /Ask .* for the list/ }));
  expect(await screen.findByText('the registered system lab')).toBeTruthy();
  expect(screen.getByText(/read 3 entries that you share with it/)).toBeTruthy();
  expect(screen.getByText('Dr. Al')).toBeTruthy();
  expect(screen.getByText(/salus verify who-looked-hospital-a.json/)).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Save the signed file' })).toBeTruthy();
});

it('asks for what is older where the list does not begin with the first entry', async () => {
  const later = { ...list, statement: { ...list.statement, entries: list.statement.entries.map((entry) => ({ ...entry, number: entry.number + 1_000 })) } };
  const asked = vi.spyOn(session, 'signedList').mockResolvedValueOnce(later).mockResolvedValueOnce(list);
  show(<Routes><Route path="/looked/list/:organisation" element={<SignedList />} /></Routes>, '/looked/list/hospital-a');
  await userEvent.click(screen.getByRole('button', { name: /Ask .* for the list/ }));
  await userEvent.click(await screen.findByRole('button', { name: 'Ask for older entries' }));
  expect(asked).toHaveBeenLastCalledWith('hospital-a', later.statement.entries[0]!.number);
  expect(await screen.findByText(/entry 1$/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Ask for older entries' })).toBeNull();
});

it('says what went wrong if no list comes', async () => {
  vi.spyOn(session, 'signedList').mockRejectedValue(new Error('away'));
  show(<Routes><Route path="/looked/list/:organisation" element={<SignedList />} /></Routes>, '/looked/list/hospital-a');
  await userEvent.click(screen.getByRole('button', { name: /Ask .* for the list/ }));
  expect(await screen.findByRole('alert')).toBeTruthy();
});

it('who looked says plainly when entries are missing', () => {
  const gaps = [{ organisation: 'hospital-a', missing: 2, doubtful: 0 }];
  const snapshot = { ...session.get(), profile: emptyProfile('network'), accesses: { accesses: [], requests: [], silent: [], gaps, numbers: {}, state: 'ready' } } as Snapshot;
  vi.spyOn(session, 'get').mockReturnValue(snapshot);
  vi.spyOn(session, 'markSeen').mockResolvedValue(undefined);
  vi.spyOn(session, 'refreshAccesses').mockResolvedValue(undefined);
  show(<Access />, '/looked');
  expect(screen.getByText(/2 entries are missing from hospital-a’s list/)).toBeTruthy();
});

// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import { Access } from '../Access/Access';
import type { AccessView } from '../session/accesses';
import { emptyProfile } from '../session/profile';
import { session, type Snapshot } from '../session/session';
import { EmergencyNotice } from './Home';

const HOUR = 3_600_000;
const access = (change: Partial<AccessView> = {}): AccessView => ({
  id: 'ab', organisation: 'hospital-b', timeMs: Date.now() - HOUR, action: 'break-glass', name: 'Dr. Bo Lind', role: 'clinician', nameConfirmed: true, purpose: 'emergency', reason: 'found on the street', categories: [], confirmed: true,
  emergency: { source: 'hospital-a', ground: 'unconscious', untilMs: Date.now() + 3 * HOUR, dueMs: Date.now() + 71 * HOUR, review: null, reasonConfirmed: true }, ...change,
});
const opened = (accesses: AccessView[], seenMs = 0) => {
  const snapshot = { ...session.get(), profile: { ...emptyProfile('network'), seenMs }, accesses: { accesses, requests: [], silent: [], gaps: [], numbers: {}, state: 'ready' } } as Snapshot;
  vi.spyOn(session, 'get').mockReturnValue(snapshot);
  vi.spyOn(session, 'markSeen').mockResolvedValue(undefined);
  vi.spyOn(session, 'refreshAccesses').mockResolvedValue(undefined);
};

afterEach(() => vi.restoreAllMocks());

it('says at once that the emergency summary was opened, by whom, until the patient has seen it', () => {
  opened([access(), access({ id: 'cd', action: 'read' })]);
  show(<EmergencyNotice />);
  expect(screen.getByRole('alert').textContent).toMatch(/Your emergency summary was opened.*Dr\. Bo Lind at hospital-b/);
  expect(screen.getByRole('link', { name: 'See who, and why' }).getAttribute('href')).toBe('/looked');
});

it('says nothing once it was seen, and nothing of ordinary accesses', () => {
  opened([access()], Date.now());
  show(<EmergencyNotice />);
  expect(screen.queryByRole('alert')).toBeNull();
});

it('the list says who, why, until when, and that somebody has to look at it again', () => {
  opened([access()]);
  show(<Access />);
  expect(screen.getByText(/opened your emergency summary/)).toBeTruthy();
  expect(screen.getByText(/The person was unconscious. What hospital-a keeps for emergencies could be read until/)).toBeTruthy();
  expect(screen.getByText(/found on the street/)).toBeTruthy();
  expect(screen.getByText(/Somebody else there has to look at it again by/)).toBeTruthy();
  for (const tag of ['Confirmed', 'Name confirmed', 'Reason confirmed']) expect(screen.getByText(tag)).toBeTruthy();
});

it.each([
  [{ review: { justified: false, late: false, timeMs: Date.now() } }, /found it not right/],
  [{ review: { justified: true, late: true, timeMs: Date.now() } }, /too late, and found it right/],
  [{ dueMs: Date.now() - HOUR }, /Nobody has looked at it again, though that was due/],
])('the review is told in words: %o', (change, words) => {
  opened([access({ emergency: { ...access().emergency!, ...change } })]);
  show(<Access />);
  expect(screen.getByText(words)).toBeTruthy();
});

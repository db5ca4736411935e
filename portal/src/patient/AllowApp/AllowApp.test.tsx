// @vitest-environment jsdom
import 'fake-indexeddb/auto';
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import * as api from '../../api/apps';
import { ApiError } from '../../api/http';
import { show } from '../../testing/render';
import { emptyProfile } from '../session/profile';
import { session, type Snapshot } from '../session/session';
import { AllowApp } from './AllowApp';

const ASKED: api.AppRequest = {
  organisation: 'hospital-a', organisationName: 'St. Anna Hospital', client: 'app-1', name: 'My Diary', site: 'https://diary.example/', redirect: 'https://diary.example/back', challenge: 'c', scope: 'launch/patient patient/*.rs',
  categories: ['labs', 'medications', 'hiv'], stays: true, identity: false, launch: false,
};
const as = (phase: Snapshot['phase'], organisations = ['hospital-a']) => {
  const profile = { ...emptyProfile('n'), organisations: organisations.map((id) => ({ id, patient: 'p', name: 'Ann', joinedMs: 0 })) };
  vi.spyOn(session, 'get').mockReturnValue({ ...session.get(), phase, profile } as Snapshot);
};
const page = () => show(<Routes><Route path="/allow/:request" element={<AllowApp />} /></Routes>, '/allow/r1');
const gone = vi.fn<(url: string) => void>();

beforeEach(() => {
  gone.mockReset();
  vi.stubGlobal('location', { ...window.location, href: 'http://localhost/', assign: gone });
  vi.spyOn(api.apps, 'request').mockResolvedValue(ASKED);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it('the letter says exactly what the page showed, and the browser goes back to the app', async () => {
  as('open');
  const sent = vi.spyOn(session, 'askCases').mockResolvedValue({ cases: [], redirect: 'https://diary.example/back?code=1' });
  page();
  expect(await screen.findByRole('heading', { name: 'My Diary wants to see your record' })).toBeTruthy();
  const allow = screen.getByRole('button', { name: 'Allow' });
  expect((allow as HTMLButtonElement).disabled).toBe(true);
  expect(screen.queryByLabelText('Allergies')).toBeNull();
  for (const name of ['Lab results', 'Medicines', 'HIV']) expect((screen.getByLabelText(new RegExp(name)) as HTMLInputElement).checked).toBe(false);
  await userEvent.click(screen.getByLabelText(/Lab results/));
  await userEvent.click(screen.getByLabelText(/Medicines/));
  await userEvent.click(screen.getByLabelText('1 day'));
  expect(screen.getByText(/My Diary will see your lab results and medicines until/)).toBeTruthy();
  const before = Date.now();
  await userEvent.click(allow);
  const [organisation, letter] = sent.mock.calls[0]!;
  expect(organisation).toBe('hospital-a');
  expect(letter).toMatchObject({ ask: 'allow-app', request: 'r1', client: 'app-1', redirect: ASKED.redirect, challenge: 'c', scope: ASKED.scope, categories: ['labs', 'medications'] });
  const { untilMs } = letter as { untilMs: number };
  expect(Math.abs(untilMs - before - 86_400_000)).toBeLessThan(60_000);
  expect(gone).toHaveBeenCalledExactlyOnceWith('https://diary.example/back?code=1');
});

it('a locked record is unlocked first, and refusing needs no unlocking', async () => {
  as('locked');
  vi.spyOn(api.apps, 'refuse').mockResolvedValue('https://diary.example/back?error=access_denied');
  page();
  expect((await screen.findByRole('link', { name: 'Unlock and choose' })).getAttribute('href')).toBe('/signin');
  expect(screen.queryByRole('button', { name: 'Allow' })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'No, thank you' }));
  expect(gone).toHaveBeenCalledExactlyOnceWith('https://diary.example/back?error=access_denied');
});

it('says when there is nothing to show, and when the request is over', async () => {
  as('open', ['hospital-b']);
  page();
  expect(await screen.findByText('No record to show')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Allow' })).toBeNull();
});

it('says when the request is over', async () => {
  as('open');
  vi.spyOn(api.apps, 'request').mockRejectedValue(new ApiError('not-found', 'this request is over; go back to the app and begin again'));
  page();
  expect(await screen.findByText(/this request is over/)).toBeTruthy();
});

it('goes to no script, whoever says it', () => {
  for (const url of ['javascript:alert(1)', 'data:text/html,x', ' JavaScript:alert(1)']) expect(() => api.leaveTo(url)).toThrow();
  expect(gone).not.toHaveBeenCalled();
  api.leaveTo('org.example.diary:/back?code=1');
  expect(gone).toHaveBeenCalledOnce();
});

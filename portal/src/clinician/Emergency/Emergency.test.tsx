// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, expect, it, vi } from 'vitest';
import { ApiError } from '../../api/http';
import { staff, type Emergency as Begun, type StaffMember } from '../../api/staff';
import { show } from '../../testing/render';
import { Emergency } from './Emergency';

const me: StaffMember = { id: 'bo', name: 'Dr. Bo Lind', role: 'clinician', organisation: 'Lakeside Hospital' };
const NAMES: Record<string, string> = { 'hospital-a': 'Northern Hospital', 'hospital-c': 'Harbour Clinic' };
const summary = {
  resourceType: 'Bundle' as const,
  entry: [
    { resource: { resourceType: 'Patient', name: [{ family: 'Able', given: ['Una'] }], birthDate: '1970-01-02' } },
    { resource: { resourceType: 'AllergyIntolerance', id: 'a1', code: { text: 'Penicillin' } } },
  ],
};
const begun = (change: Partial<Begun> = {}): Begun => ({
  id: 'e1', chart: 'c1', patient: 'p1', untilMs: Date.now() + 4 * 3_600_000 - 1_000,
  sources: [{ organisation: 'hospital-a', state: 'opened', event: 'ab', madeMs: 1_700_000_000_000, summary }], silent: [], ...change,
});
const page = () => show(<Routes><Route path="/clinic/patients/:patient/emergency" element={<Emergency me={me} nameOf={(id) => NAMES[id] ?? id} />} /></Routes>, '/clinic/patients/p1/emergency');
const begin = async () => {
  await userEvent.click(screen.getByRole('radio', { name: 'The person is unconscious' }));
  await userEvent.type(screen.getByRole('textbox', { name: /What has happened/ }), ' found on the street ');
  await userEvent.click(screen.getByRole('button', { name: 'Open what is kept for emergencies' }));
};

afterEach(() => vi.restoreAllMocks());

it('says what will happen, needs ground and reason, and then shows the summary with its clock', async () => {
  const asked = vi.spyOn(staff, 'beginEmergency').mockResolvedValue(begun());
  page();
  expect(screen.getByText(/The patient is told at once/)).toBeTruthy();
  expect(screen.getByText(/look at it again within three days/)).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Open what is kept for emergencies' })).toHaveProperty('disabled', true);
  expect(asked).not.toHaveBeenCalled();
  await begin();
  expect(asked).toHaveBeenCalledExactlyOnceWith('p1', 'unconscious', 'found on the street');
  expect(await screen.findByText('4 h 0 min left.')).toBeTruthy();
  expect(screen.getByRole('heading', { name: 'From Northern Hospital' })).toBeTruthy();
  expect(screen.getByText(/penicillin/i)).toBeTruthy();
  expect(screen.getByText('No implants are noted there.')).toBeTruthy();
});

it('names who did not answer and what did not open, and tries again', async () => {
  const closed = begun({ sources: [{ organisation: 'hospital-a', state: 'not-opened', event: 'ab' }], silent: ['hospital-c'] });
  vi.spyOn(staff, 'beginEmergency').mockResolvedValue(closed);
  const again = vi.spyOn(staff, 'emergency').mockResolvedValue(begun());
  page();
  await begin();
  expect(await screen.findByText('Not opened: Northern Hospital')).toBeTruthy();
  expect(screen.getByText('No answer from Harbour Clinic')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(again).toHaveBeenCalledExactlyOnceWith('e1');
  expect(await screen.findByText(/penicillin/i)).toBeTruthy();
});

it('a refusal is said in plain words, and nothing is shown', async () => {
  vi.spyOn(staff, 'beginEmergency').mockRejectedValue(new ApiError('forbidden'));
  page();
  await begin();
  expect(await screen.findByRole('alert')).toBeTruthy();
  expect(screen.queryByText(/left\./)).toBeNull();
});

it('shows nothing any more when the four hours are over', async () => {
  vi.spyOn(staff, 'beginEmergency').mockResolvedValue(begun({ untilMs: Date.now() - 1 }));
  page();
  await begin();
  expect(await screen.findByText('The four hours are over')).toBeTruthy();
  expect(screen.queryByText(/penicillin/i)).toBeNull();
});

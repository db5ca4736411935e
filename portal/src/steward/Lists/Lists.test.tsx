// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { staff } from '../../api/staff';
import { show } from '../../testing/render';
import { Lists } from './Lists';

afterEach(() => vi.restoreAllMocks());

const says = { side: 'use' as const, who: 'Dr. Al (clinician)', at: 'hospital-a', what: 'opened the record', why: 'for treatment: follow-up' };
const list = { statement: { organisation: 'hospital-a', name: 'St. Anna', madeMs: 1, proven: ['No number is missing.'], stated: ['That all was noted.'], entries: [{ number: 1, timeMs: 1, says }], grants: [] } };

it('a patient is searched for, and the list is made once and shown', async () => {
  vi.spyOn(staff, 'patients').mockResolvedValue([{ id: 'p1', name: 'Ann Example', birthDate: '1980-02-03' }] as Awaited<ReturnType<typeof staff.patients>>);
  const made = vi.spyOn(staff, 'signedList').mockRejectedValueOnce(new Error('away')).mockResolvedValueOnce(list);
  show(<Lists />);
  await userEvent.type(screen.getByLabelText('Name or date of birth'), 'Ann');
  await userEvent.click(await screen.findByRole('button', { name: /Ann Example/ }));
  expect(made).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole('button', { name: 'Make the list' }));
  expect(await screen.findByRole('alert')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Make the list' }));
  expect(await screen.findByText('Dr. Al (clinician)')).toBeTruthy();
  expect(made).toHaveBeenCalledWith('p1');
  expect(screen.getByRole('button', { name: 'Print' })).toBeTruthy();
});

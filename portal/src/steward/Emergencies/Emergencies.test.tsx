// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { staff, type OwnEmergency } from '../../api/staff';
import { show } from '../../testing/render';
import { Emergencies } from './Emergencies';

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

const HOUR = 3_600_000;
const own = (change: Partial<OwnEmergency> = {}): OwnEmergency => ({
  id: 'e1', timeMs: Date.now() - 2 * HOUR, untilMs: Date.now() + 2 * HOUR, dueMs: Date.now() + 70 * HOUR - 1_000, state: 'open', mayReview: true,
  name: 'Dr. Bo Lind', role: 'clinician', ground: 'unconscious', reason: 'found on the street', events: [{ event: 'ab', organisation: 'hospital-a', number: 0 }], review: null, ...change,
});
const answers = (...each: OwnEmergency[][]) => {
  const asked = vi.spyOn(staff, 'emergencies');
  for (const one of each) asked.mockResolvedValueOnce({ own: one, network: [] });
  return asked.mockResolvedValue({ own: each.at(-1)!, network: [] });
};

it('a review needs a decision and words, and is given once', async () => {
  answers([own()], [own({ state: 'reviewed', mayReview: false, review: { justified: false, words: 'she was awake', name: 'Sam Okoro' } })]);
  const sent = vi.spyOn(staff, 'reviewEmergency').mockResolvedValue(new Response());
  show(<Emergencies nameOf={(id) => id} />);
  expect(await screen.findByText(/70 hours left/)).toBeTruthy();
  expect(screen.getByText(/found on the street/)).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Review' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Was it right to open it?' }));
  expect(dialog.getByText(/cannot be changed or taken back/)).toBeTruthy();
  await userEvent.click(dialog.getByRole('button', { name: 'Give the review' }));
  expect(await dialog.findByText('Choose one, and say why.')).toBeTruthy();
  expect(sent).not.toHaveBeenCalled();
  await userEvent.click(dialog.getByRole('radio', { name: 'It was not right' }));
  await userEvent.type(dialog.getByRole('textbox', { name: /Why/ }), 'she was awake');
  await userEvent.click(dialog.getByRole('button', { name: 'Give the review' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('e1', false, 'she was awake');
  expect(await screen.findByText(/Found not right by Sam Okoro/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Review' })).toBeNull();
});

it('each state is said in words', async () => {
  const states: [Partial<OwnEmergency>, RegExp][] = [
    [{ state: 'overdue', dueMs: Date.now() - 3 * HOUR + 1_000 }, /3 hours too late/],
    [{ mayReview: false }, /somebody else has to review it/],
    [{ state: 'waiting', mayReview: false, dueMs: null, events: [] }, /Waits for the network/],
    [{ state: 'reviewed-late', mayReview: false, review: { justified: true, words: 'as it should be', name: null } }, /Reviewed too late/],
  ];
  answers(states.map(([change], at) => own({ ...change, id: `e${at}` })));
  show(<Emergencies nameOf={(id) => id} />);
  for (const [, words] of states) expect(await screen.findByText(words)).toBeTruthy();
});

it('says of other organisations what the network knows, and no more', async () => {
  vi.spyOn(staff, 'emergencies').mockResolvedValue({ own: [], network: [{ event: 'cd', number: 7, organisation: 'hospital-c', timeMs: Date.now(), ground: 'other', dueMs: Date.now(), state: 'overdue', justified: null }] });
  show(<Emergencies nameOf={() => 'Harbour Clinic'} />);
  const row = await screen.findByRole('row', { name: /Harbour Clinic/ });
  expect(within(row).getByText('Overdue')).toBeTruthy();
});

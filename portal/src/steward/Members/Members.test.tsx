// @vitest-environment jsdom
import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ApiError } from '../../api/http';
import { staff, type Governance } from '../../api/staff';
import { show } from '../../testing/render';
import { governance, members, NOW_MS, proposal } from '../governance/fixture';
import { Members } from './Members';

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

const answers = (...each: Governance[]) => {
  const asked = vi.spyOn(staff, 'governance');
  for (const one of each) asked.mockResolvedValueOnce(one);
  return asked.mockResolvedValue(each.at(-1)!);
};
const vote = async (way: 'for' | 'against') => {
  await userEvent.click(await screen.findByRole('button', { name: new RegExp(`^Vote ${way}: `) }));
  return within(screen.getByRole('dialog'));
};

it('a vote is asked for once more, with what it does, and then counted', async () => {
  const before = governance({ proposals: [proposal({ number: 3, votes: { for: ['hospital', 'authority', 'pharmacy'], against: [] } })] });
  const after = governance({ proposals: [proposal({ number: 3, votes: { for: ['hospital', 'authority', 'pharmacy', 'clinic'], against: [] }, own: 'for', accepted: true })] });
  answers(before, after);
  const sent = vi.spyOn(staff, 'vote').mockResolvedValue(new Response());
  show(<Members />);
  const dialog = await vote('for');
  expect(screen.getByRole('dialog', { name: 'Vote for: Remove Helvia Insurance from the network?' })).toBeTruthy();
  expect(dialog.getByText(/Its node is shut out/)).toBeTruthy();
  expect(dialog.getByText(/With your vote two thirds approve, and it takes effect at the end of the current epoch, about 12 minutes from now/)).toBeTruthy();
  expect(dialog.getByText(/cannot be changed or taken back/)).toBeTruthy();
  expect(sent).not.toHaveBeenCalled();
  await userEvent.click(dialog.getByRole('button', { name: 'Vote for it' }));
  expect(sent).toHaveBeenCalledExactlyOnceWith('id-3', true);
  expect(await screen.findByText(/Your organisation voted for it. Two thirds approve: it takes effect/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: /^Vote for/ })).toBeNull();
  await waitFor(() => expect(document.activeElement?.textContent).toBe('Remove Helvia Insurance from the network'));
});

it('cancelling sends nothing', async () => {
  answers(governance({ proposals: [proposal()] }));
  const sent = vi.spyOn(staff, 'vote');
  show(<Members />);
  await userEvent.click((await vote('against')).getByRole('button', { name: 'Cancel' }));
  expect(screen.queryByRole('dialog')).toBeNull();
  expect(sent).not.toHaveBeenCalled();
});

it('the ledger’s refusal of a vote is said in plain words, and the question stays', async () => {
  answers(governance({ proposals: [proposal()] }));
  vi.spyOn(staff, 'vote').mockRejectedValue(new ApiError('refused', 'the vote exists already', 'conflict', 409));
  show(<Members />);
  const dialog = await vote('against');
  await userEvent.click(dialog.getByRole('button', { name: 'Vote against it' }));
  const alert = await dialog.findByRole('alert');
  expect(alert.textContent).toBe('Your vote was not countedYour organisation has voted on this already.');
});

it('where no vote is taken, none is offered', async () => {
  const check = async (part: Parameters<typeof proposal>[0], words: RegExp, who = members) => {
    answers(governance({ members: who, proposals: [proposal(part)] }));
    const { unmount } = show(<Members />);
    expect(await screen.findByText(words)).toBeTruthy();
    expect(screen.queryByRole('button', { name: /^Vote/ })).toBeNull();
    unmount();
  };
  await check({ own: 'against' }, /Your organisation voted against it/);
  await check({ closesMs: NOW_MS }, /Your organisation did not vote. It is closed at the end of the current epoch/);
  await check({}, /Your organisation is not a member/, members.filter((one) => !one.own));
});

it('an empty network says so', async () => {
  answers(governance());
  show(<Members />);
  expect(await screen.findByText('Nothing to vote on')).toBeTruthy();
  expect(screen.getByText(/Nothing has been decided yet/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Show earlier' })).toBeNull();
  expect(screen.getByRole('link', { name: /Propose a change/ }).getAttribute('href')).toBe('/steward/members/propose');
});

it('members, rules and how decisions are made stand there in words', async () => {
  answers(governance());
  show(<Members />);
  expect(await screen.findByText('Pharmacy, since block 40,961')).toBeTruthy();
  expect(screen.getByText('Follows, no seat')).toBeTruthy();
  expect(screen.getByText('3,660 days (about 10 years)')).toBeTruthy();
  expect(screen.getByText(/Two thirds of the members must approve: now 4 of 5. 2 votes against refuse a proposal/)).toBeTruthy();
});

it('what a node was caught at stands there with who showed it', async () => {
  answers(governance({ faults: [{ organisation: 'insurer', misdeed: 'two-notarizes', epoch: 40, view: 7, accuser: 'hospital', height: 40_970, timeMs: NOW_MS }] }));
  show(<Members />);
  expect(await screen.findByText(/^Helvia Insurance voted for two blocks in one place, in epoch 40. Shown by St. Anna Hospital on .*, in block 40,970.$/)).toBeTruthy();
});

it('earlier proposals are fetched on demand', async () => {
  const asked = vi.spyOn(staff, 'governance').mockImplementation((before) =>
    Promise.resolve(governance({ proposals: before === undefined ? [proposal({ number: 2 })] : [proposal({ number: 1, outcome: 'lapsed', decided: 41_500 }), proposal({ number: 0, outcome: 'executed', decided: 41_200 })] })));
  show(<Members />);
  await userEvent.click(await screen.findByRole('button', { name: 'Show earlier' }));
  expect(asked).toHaveBeenLastCalledWith(2);
  expect(await screen.findByText(/Lapsed in block 41,500/)).toBeTruthy();
  expect(screen.getByText('In force since block 41,200')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Show earlier' })).toBeNull();
});

it('what cannot be loaded is said, and can be tried again', async () => {
  const asked = vi.spyOn(staff, 'governance').mockRejectedValueOnce(new ApiError('unavailable')).mockResolvedValue(governance());
  show(<Members />);
  await userEvent.click(await screen.findByRole('button', { name: 'Try again' }));
  expect(await screen.findByText('Nothing to vote on')).toBeTruthy();
  expect(asked).toHaveBeenCalledTimes(2);
});

// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes, useLocation } from 'react-router';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ApiError } from '../../api/http';
import { staff } from '../../api/staff';
import { show } from '../../testing/render';
import { governance } from '../governance/fixture';
import { Propose } from './Propose';

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
  vi.spyOn(staff, 'governance').mockResolvedValue(governance());
});
afterEach(() => vi.restoreAllMocks());

const Elsewhere = () => <p>{JSON.stringify(useLocation())}</p>;
const open = async (kind: string) => {
  show(<Routes><Route path="/" element={<Propose />} /><Route path="*" element={<Elsewhere />} /></Routes>);
  await userEvent.click(await screen.findByRole('radio', { name: kind }));
};
const propose = () => screen.getByRole<HTMLButtonElement>('button', { name: 'Propose' });
const confirm = async () => {
  await userEvent.click(propose());
  const dialog = within(screen.getByRole('dialog'));
  return { dialog, yes: () => userEvent.click(dialog.getByRole('button', { name: 'Propose' })) };
};

it('a removal is shown as a sentence, said to be serious, and proposed after a second yes', async () => {
  const sent = vi.spyOn(staff, 'propose').mockResolvedValue({ id: 'new' });
  await open('Remove a member');
  expect(propose().disabled).toBe(true);
  await userEvent.selectOptions(screen.getByLabelText('Member'), 'Helvia Insurance');
  expect(screen.getByText('Remove Helvia Insurance from the network.')).toBeTruthy();
  expect(screen.getByText('What this means')).toBeTruthy();
  const { dialog, yes } = await confirm();
  expect(dialog.getByText(/Its node is shut out/)).toBeTruthy();
  expect(dialog.getByText(/3 more votes for it are needed/)).toBeTruthy();
  expect(sent).not.toHaveBeenCalled();
  await yes();
  expect(sent).toHaveBeenCalledExactlyOnceWith({ kind: 'remove', organisation: 'insurer' });
  expect(await screen.findByText(/"pathname":"\/steward\/members".*"proposed":"new"/)).toBeTruthy();
});

it('a rule is written in days and read in words', async () => {
  const sent = vi.spyOn(staff, 'propose').mockResolvedValue({ id: 'new' });
  await open('Change the rules');
  const field = screen.getByLabelText('Time to vote, in days');
  await userEvent.clear(field);
  expect(screen.getByText('Please write a number.')).toBeTruthy();
  await userEvent.type(field, '7');
  expect(screen.getByText('Change a rule: time to vote.')).toBeTruthy();
  expect(screen.getByText('7 days instead of 14 days')).toBeTruthy();
  await (await confirm()).yes();
  expect(sent.mock.calls[0]![0]).toMatchObject({ kind: 'setParameters', parameters: { votingPeriodMs: 7 * 86_400_000, epochBlocks: 1_024 } });
});

it('an application is chosen as a file, shown, and sent as it is', async () => {
  const sent = vi.spyOn(staff, 'propose').mockResolvedValue({ id: 'new' });
  await open('Admit an organisation');
  const choose = (content: string) => userEvent.upload(screen.getByLabelText('Application'), new File([content], 'application.json', { type: 'application/json' }));
  await choose('hello');
  expect((await screen.findByRole('alert')).textContent).toMatch(/This file is not an application/);
  expect(propose().disabled).toBe(true);
  const application = { organisation: { id: 'institute', name: 'Institute for Heart Research', class: 'research', custodian: false, portalUrl: 'https://heart.example', nodeKey: '7a' }, acceptance: '5c' };
  await choose(JSON.stringify(application));
  const said = within(await screen.findByRole('region', { name: 'What application.json says' }));
  expect(said.getByText('Research institute')).toBeTruthy();
  expect(said.getByText('https://heart.example')).toBeTruthy();
  expect(screen.getByText('Admit Institute for Heart Research as a member.')).toBeTruthy();
  await (await confirm()).yes();
  expect(sent).toHaveBeenCalledExactlyOnceWith({ kind: 'admit', application });
});

it('what would break a rule of every network cannot be proposed, and says why', async () => {
  await open('Give or take duties');
  await userEvent.selectOptions(screen.getByLabelText('Member'), 'St. Anna Hospital');
  await userEvent.click(screen.getByRole('checkbox', { name: 'Has a seat' }));
  expect(screen.getByText(/Insurers and makers would hold 1 of 3 seats. It must be fewer than a third/)).toBeTruthy();
  expect(propose().disabled).toBe(true);
});

it('the ledger’s refusal stands in the question', async () => {
  vi.spyOn(staff, 'propose').mockRejectedValue(new ApiError('refused', 'there are too many open proposals', 'conflict', 409));
  await open('Give or take duties');
  await userEvent.selectOptions(screen.getByLabelText('Member'), 'Harbour Pharmacies');
  await userEvent.click(screen.getByRole('checkbox', { name: 'Has a seat' }));
  expect(screen.getByText('Give Harbour Pharmacies a seat.')).toBeTruthy();
  const { dialog, yes } = await confirm();
  await yes();
  expect((await dialog.findByRole('alert')).textContent).toBe('This was not proposedToo many proposals are open. Please wait until one is decided.');
});

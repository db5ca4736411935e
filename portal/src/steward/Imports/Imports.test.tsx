// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { imports, type Import } from '../../api/imports';
import { show } from '../../testing/render';
import { Imports } from './Imports';

const one = (change: Partial<Import>): Import => ({
  id: 'i1', begunMs: 0, endedMs: null, by: 'root', state: 'running', why: null, sources: ['Patient.ndjson'], sourcesDone: 0, source: 'Patient.ndjson', lines: 1_200, written: 1_199, unchanged: 0, refused: 0, faults: [], first: [], ...change,
});
const files = [{ name: 'Patient.ndjson', bytes: 2_500_000 }, { name: 'Observation.ndjson', bytes: 10 }];

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) { this.open = true; };
});
afterEach(() => vi.restoreAllMocks());

it('files are chosen, read in in the order of choosing, and how far it is shows', async () => {
  vi.spyOn(imports, 'list').mockResolvedValueOnce({ files, urls: [], imports: [] }).mockResolvedValue({ files, urls: [], imports: [one({})] });
  const begun = vi.spyOn(imports, 'begin').mockResolvedValue(new Response());
  show(<Imports />);
  const button = await screen.findByRole('button', { name: 'Read in' });
  expect((button as HTMLButtonElement).disabled).toBe(true);
  await userEvent.click(screen.getByRole('checkbox', { name: 'Patient.ndjson' }));
  await userEvent.click(screen.getByRole('checkbox', { name: 'Observation.ndjson' }));
  await userEvent.click(button);
  expect(begun).toHaveBeenCalledExactlyOnceWith({ files: ['Patient.ndjson', 'Observation.ndjson'], urls: [] });
  expect(await screen.findByText('Under way')).toBeTruthy();
  expect(screen.getByText('Patient.ndjson, line 1,200 (1 of 1)')).toBeTruthy();
});

it('it is stopped after one more look', async () => {
  vi.spyOn(imports, 'list').mockResolvedValueOnce({ files, urls: [], imports: [one({})] }).mockResolvedValue({ files, urls: [], imports: [one({ state: 'stopped', endedMs: 1 })] });
  const stopped = vi.spyOn(imports, 'stop').mockResolvedValue(new Response());
  show(<Imports />);
  await userEvent.click(await screen.findByRole('button', { name: 'Stop reading in Patient.ndjson' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Stop reading in?' }));
  await userEvent.click(dialog.getByRole('button', { name: 'Stop' }));
  expect(stopped).toHaveBeenCalledExactlyOnceWith('i1');
  expect(await screen.findByText('Stopped')).toBeTruthy();
});

it('lines that were not taken are named by place and reason', async () => {
  vi.spyOn(imports, 'list').mockResolvedValue({ files, urls: ['https://data.example/'], imports: [one({ state: 'complete', endedMs: 1, refused: 1, faults: [{ why: 'not-json', count: 1 }], first: [{ source: 'Patient.ndjson', line: 7, why: 'not-json' }] })] });
  show(<Imports />);
  expect(await screen.findByText('Patient.ndjson, line 7: not a record')).toBeTruthy();
  expect(screen.getByText('1 line: not a record')).toBeTruthy();
  expect(screen.getByRole('textbox', { name: 'Addresses' })).toBeTruthy();
  expect(screen.queryByRole('button', { name: /Stop/ })).toBeNull();
});

it('where the operator named nothing, it says who can', async () => {
  vi.spyOn(imports, 'list').mockResolvedValue({ files: [], urls: [], imports: [] });
  show(<Imports />);
  expect(await screen.findByText('No files to read in')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Read in' })).toBeNull();
});

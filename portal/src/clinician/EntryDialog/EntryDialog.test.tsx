// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { show } from '../../testing/render';
import { entriesOf } from '../chart';
import { EntryDialog } from './EntryDialog';

it('the words of a note are there to be read', () => {
  const [entry] = entriesOf([{ resourceType: 'DocumentReference', id: '1', date: '2026-03-04', type: { text: 'Visit note' }, content: [{ attachment: { contentType: 'text/plain', data: btoa('# Plan\nBlood pressure again in four weeks.') } }] }], []);
  show(<EntryDialog entry={entry!} source="St. Anna Hospital" find={() => undefined} onClose={() => undefined} />);
  expect(screen.getByText('Blood pressure again in four weeks.')).toBeTruthy();
  expect(screen.getByText('Plan').tagName).toBe('H3');
  expect(screen.getByText(/^Document · .*2026 · St. Anna Hospital$/)).toBeTruthy();
});

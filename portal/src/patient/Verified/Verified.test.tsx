// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { show } from '../../testing/render';
import { Verified } from './Verified';

it.each([
  [undefined, 'Being checked'],
  [{ ok: false, reason: 'the proof has not arrived yet' }, 'Being checked'],
  [{ ok: false, reason: 'the record is not in the batch that was anchored' }, 'Not verified'],
  [{ ok: true }, 'Verified'],
])('a verdict of %j reads "%s"', (verdict, words) => {
  show(<Verified verdict={verdict} />);
  expect(screen.getByText(words)).toBeTruthy();
});

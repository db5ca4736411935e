// @vitest-environment jsdom
import { screen, within } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import Chart, { niceTicks } from './Chart';

vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} });

it('everything in the picture is in the table too', () => {
  const points = [{ timeMs: Date.UTC(2026, 0, 5), values: [120, 80] }, { timeMs: Date.UTC(2026, 3, 5), values: [131, undefined] }];
  show(<Chart title="Blood pressure" unit="mm[Hg]" points={points} series={[{ name: 'Upper', range: { low: 90, high: 130, from: 'common' } }, { name: 'Lower' }]} />);
  const rows = within(screen.getByRole('table', { hidden: true })).getAllByRole('row', { hidden: true });
  expect(rows.map((row) => row.textContent)).toHaveLength(3);
  expect(rows[1]!.textContent).toContain('131');
  expect(rows[2]!.textContent).toMatch(/120\s*80/);
  expect(screen.getByText(/90 to 130/)).toBeTruthy();
});

it('the scale has round numbers', () => {
  expect(niceTicks(3.5, 8.3)).toEqual([2, 4, 6, 8, 10]);
  expect(niceTicks(118, 161)).toEqual([100, 120, 140, 160, 180]);
  for (const [low, high] of [[0, 1], [0.4, 0.6], [99, 101], [0, 5_000]] as const) {
    const ticks = niceTicks(low, high);
    expect(ticks[0]! <= low && ticks.at(-1)! >= high && ticks.length >= 4 && ticks.length <= 7, `${low} ${high} ${ticks}`).toBe(true);
  }
});

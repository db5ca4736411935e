// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { expect, it } from 'vitest';
import type { Category } from '../../crypto/formats';
import { show } from '../../testing/render';
import { CategoryPicker } from './CategoryPicker';

function Form({ onChange }: { onChange: (value: Category[]) => void }) {
  const [value, setValue] = useState<Category[]>([]);
  const counts = new Map([['labs', 2], ['medications', 1], ['hiv', 1]]);
  return <CategoryPicker value={value} counts={counts} onChange={(next) => (setValue(next), onChange(next))} />;
}

it('everything never includes what is extra protected', async () => {
  let chosen: Category[] = [];
  show(<Form onChange={(value) => (chosen = value)} />);
  await userEvent.click(screen.getByLabelText('Everything that is not extra protected'));
  expect(chosen).toEqual(['medications', 'labs']);
  await userEvent.click(screen.getByLabelText('HIV'));
  expect(chosen).toContain('hiv');
  await userEvent.click(screen.getByLabelText('Everything that is not extra protected'));
  expect(chosen).toEqual(['hiv']);
});

it('categories without entries are not offered', () => {
  show(<Form onChange={() => undefined} />);
  expect(screen.queryByLabelText('Vaccines')).toBeNull();
});

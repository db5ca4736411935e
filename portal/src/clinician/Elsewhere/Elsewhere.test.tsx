// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { ApiError } from '../../api/http';
import { staff } from '../../api/staff';
import { show } from '../../testing/render';
import { Elsewhere } from './Elsewhere';

afterEach(() => vi.restoreAllMocks());

const nameOf = (id: string) => `The ${id}`;

it('who keeps records stands first, and leads to asking the patient', async () => {
  const asked = vi.spyOn(staff, 'elsewhere').mockResolvedValue({ asked: [{ organisation: 'c', state: 'silent' }, { organisation: 'd', state: 'not-found' }, { organisation: 'b', state: 'holds' }] });
  const onAsk = vi.fn();
  show(<Elsewhere chart="chart-1" name="Ann" nameOf={nameOf} onAsk={onAsk} onClose={() => undefined} />);
  expect(await screen.findByText('One organisation keeps records of Ann.')).toBeTruthy();
  expect(asked).toHaveBeenCalledExactlyOnceWith('chart-1');
  expect(screen.getAllByRole('listitem', { hidden: true }).map((row) => row.textContent)).toEqual(['The bKeeps records', 'The cDid not answer', 'The dFound nobody, or may not say']);
  expect(screen.getByText('Ann can see that you asked.')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Ask Ann for access', hidden: true }));
  expect(onAsk).toHaveBeenCalledOnce();
});

it('nobody who says yes is not nobody who has records', async () => {
  vi.spyOn(staff, 'elsewhere').mockResolvedValue({ asked: [{ organisation: 'b', state: 'not-found' }] });
  show(<Elsewhere chart="chart-1" name="Ann" nameOf={nameOf} onAsk={() => undefined} onClose={() => undefined} />);
  expect(await screen.findByText(/That does not mean that there are none/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Ask Ann for access', hidden: true })).toBeNull();
});

it('a refusal says why', async () => {
  vi.spyOn(staff, 'elsewhere').mockRejectedValue(new ApiError('forbidden', 'The patient does not want to be looked for at other organisations.'));
  show(<Elsewhere chart="chart-1" name="Ann" nameOf={nameOf} onAsk={() => undefined} onClose={() => undefined} />);
  expect(await screen.findByText(/does not want to be looked for/)).toBeTruthy();
});

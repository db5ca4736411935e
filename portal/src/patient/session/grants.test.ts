import { expect, test } from 'vitest';
import type { Category } from '../../crypto/formats';
import { COMPARTMENTS_PER_GRANT_MAX } from '../../crypto/formats';
import type { OpenCompartment } from './directory';
import { chosen } from './grants';

/** Compartments with so many epochs of each category. */
function epochs(counts: Partial<Record<Category, number>>): Map<string, OpenCompartment> {
  const all = new Map<string, OpenCompartment>();
  for (const [category, count] of Object.entries(counts)) {
    for (let epoch = 0; epoch < count; epoch++) {
      const id = `${category}-${epoch}`;
      all.set(id, { id: new TextEncoder().encode(id), category, epoch } as unknown as OpenCompartment);
    }
  }
  return all;
}

test('a few epochs are all named, newest first', () => {
  const named = chosen(epochs({ labs: 3, vitals: 1, notes: 2 }), ['labs', 'vitals']);
  expect(named.map((one) => `${one.category} ${one.epoch}`)).toEqual(['labs 2', 'labs 1', 'labs 0', 'vitals 0']);
});

test('of too many epochs the newest of every category stands for all', () => {
  const named = chosen(epochs({ labs: COMPARTMENTS_PER_GRANT_MAX, vitals: 2 }), ['labs', 'vitals']);
  expect(named.map((one) => `${one.category} ${one.epoch}`)).toEqual([`labs ${COMPARTMENTS_PER_GRANT_MAX - 1}`, 'vitals 1']);
});

import { expect, it } from 'vitest';
import type { GrantRecord } from './session/profile';
import { sharesOf } from './shares';

const grant = (part: Partial<GrantRecord>): GrantRecord => ({ id: '1', share: 's', source: 'a', counter: 0, grantee: 'b', categories: ['labs'], purpose: 'treatment', notBeforeMs: 0, expiryMs: 100, future: true, compartments: [], createdMs: 1, state: 'active', letterSent: true, noticeSent: true, ...part });

it.each([
  ['active', [grant({})], 50],
  ['expired', [grant({})], 100],
  ['starting', [grant({ state: 'made', letterSent: false })], 50],
  ['active', [grant({ state: 'revoked' }), grant({ id: '2', source: 'c' })], 50],
  ['ended', [grant({ state: 'revoked' }), grant({ id: '2', source: 'c', state: 'revoked' })], 50],
] as const)('a share is %s', (state, grants, nowMs) => {
  const [share, ...others] = sharesOf([...grants], nowMs);
  expect(others).toEqual([]);
  expect(share!.state).toBe(state);
});

import { expect, it } from 'vitest';
import { EMPTY, finish, ofKind, ofMember, readApplication, type Draft } from './draft';
import { governance, members } from './fixture';
import { measureOf, readRule } from './parameters';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const of = (kind: NonNullable<Draft['kind']>, member: string, part: Partial<Draft> = {}): Draft => ({ ...ofMember(ofKind(kind), members.find((one) => one.id === member)), ...part });
const file = (organisation: object) => JSON.stringify({ organisation, acceptance: '00' });

it('what is missing, or would break a rule of every network, is said before it is proposed', () => {
  const check = (draft: Draft, words: RegExp | 'ready') => {
    const ready = finish(draft, governance());
    expect('change' in ready ? 'ready' : ready.missing).toMatch(words);
  };
  check(EMPTY, /^Choose what should change/);
  check(of('remove', ''), /^Choose a member/);
  check(of('remove', 'insurer'), 'ready');
  check(of('remove', 'pharmacy'), 'ready');
  check(of('remove', 'authority'), /^At least 3 custodians must stay/);
  check(of('setDuties', 'pharmacy'), /^Change at least one duty/);
  check(of('setDuties', 'pharmacy', { validator: true }), 'ready');
  check(of('setDuties', 'pharmacy', { custodian: true }), /^Harbour Pharmacies cannot be a custodian/);
  check(of('setDuties', 'hospital', { validator: false }), /^Insurers and makers would hold 1 of 3 seats/);
  check(of('setClass', 'pharmacy'), /^Choose another kind/);
  check(of('setClass', 'pharmacy', { class: 'manufacturer' }), 'ready');
  check(of('setClass', 'hospital', { class: 'payer' }), /^St. Anna Hospital cannot be a custodian/);
  check(ofKind('admit'), /^Choose the file/);
  check({ ...ofKind('admit'), application: readApplication(file({ id: 'clinic', name: 'Other', class: 'provider' })) }, /short name clinic already/);
  check({ ...ofKind('update'), application: readApplication(file({ id: 'hospital', name: 'St. Anna', class: 'provider' })) }, /own entry only/);
  check({ ...ofKind('update'), application: readApplication(file({ id: 'clinic', name: 'Lakeside Hospital', class: 'provider' })) }, 'ready');
  check(ofKind('setParameters'), /^Change at least one/);
  check({ ...ofKind('setParameters'), rules: { votingPeriodMs: 'soon' } }, /cannot be used/);
});

it('a file goes on as it is, a rule in its own unit', () => {
  const text = file({ id: 'institute', name: 'Institute', class: 'research', nodeKey: '7a' });
  expect(finish({ ...ofKind('admit'), application: readApplication(text) }, governance())).toMatchObject({ asked: { kind: 'admit', application: JSON.parse(text) } });
  const rules = finish({ ...ofKind('setParameters'), rules: { votingPeriodMs: '0.5', epochBlocks: '1024' } }, governance());
  expect(rules).toMatchObject({ asked: { kind: 'setParameters', parameters: { votingPeriodMs: 12 * HOUR_MS, epochBlocks: 1_024 } }, change: { differences: [{ field: 'votingPeriodMs', from: 14 * DAY_MS, to: 12 * HOUR_MS }] } });
});

it('what is not an application is refused', () => {
  for (const text of ['', 'hello', '[]', 'null', '{}', '{"organisation":{"id":"x"}}', file({ id: 'x', name: 'X', class: 'bank' })]) expect(() => readApplication(text)).toThrow(/not an application/);
});

it('numbers outside a rule’s range are refused in its own unit', () => {
  const days = measureOf('votingPeriodMs', 14 * DAY_MS);
  expect(days.label).toBe('in days');
  expect(measureOf('votingPeriodMs', 90 * 60_000).label).toBe('in minutes');
  expect(readRule('votingPeriodMs', ' 7 ', days)).toEqual({ value: 7 * DAY_MS });
  expect(readRule('votingPeriodMs', '367', days)).toEqual({ problem: 'Please write something between 1 minute and 366 days (about 1 year).' });
  expect(readRule('epochBlocks', '3', measureOf('epochBlocks', 1_024))).toEqual({ problem: 'Please write something between 4 and 10,000,000.' });
  expect(readRule('epochBlocks', '4.5', measureOf('epochBlocks', 1_024))).toEqual({ problem: 'Please write a whole number.' });
  expect(readRule('votingPeriodMs', '-1', days)).toEqual({ problem: 'Please write a number.' });
});

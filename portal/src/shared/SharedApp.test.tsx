// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import { randomBytes } from '../crypto';
import { toBase64Url } from '../links/base64url';
import { documentOf, REDISCLOSURE, type Chosen } from '../links/document';
import { encrypt } from '../links/jwe';
import { shlinkOf, type ShlinkPayload } from '../links/shlink';
import { show } from '../testing/render';
import SharedApp from './SharedApp';

const KEY = randomBytes(32);
const PAYLOAD: ShlinkPayload = { url: `${window.location.origin}/links/abc`, key: toBase64Url(KEY), flag: 'P', label: 'For Dr. Ada', exp: 4_000_000_000 };
const CHOSEN: Chosen[] = [
  { category: 'allergies', source: 'St. Anna', resource: { resourceType: 'AllergyIntolerance', id: 'a', code: { text: 'Penicillin' } } },
  { category: 'substance-use', source: 'St. Anna', resource: { resourceType: 'Condition', id: 'c', code: { text: 'Something' } } },
];
const sent: { url: string; body: Record<string, unknown> }[] = [];

/** A node that keeps the file, and answers what it is told. */
async function node(answers: { status: number; body?: unknown }[]): Promise<void> {
  const file = await encrypt(KEY, JSON.stringify(documentOf({ name: 'Ann Berger', birthDate: '1980-05-01' }, CHOSEN, 0)));
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, body: JSON.parse(String(init.body)) as Record<string, unknown> });
    const { status, body } = answers.shift() ?? { status: 200 };
    return Promise.resolve(new Response(JSON.stringify(body ?? { status: 'finalized', files: [{ contentType: 'application/fhir+json', embedded: file }] }), { status }));
  });
}
const open = (payload: ShlinkPayload) => {
  window.history.replaceState(null, '', `#${shlinkOf(payload)}`);
  return show(<SharedApp />);
};
async function type(name: string, pin?: string): Promise<void> {
  await userEvent.type(screen.getByRole('textbox', { name: /Your name/ }), name);
  if (pin) await userEvent.type(screen.getByLabelText(/^PIN/), pin);
  await userEvent.click(screen.getByRole('button', { name: 'Open' }));
}

afterEach(() => {
  sent.length = 0;
  window.history.replaceState(null, '', '/');
  vi.unstubAllGlobals();
});

it('a link opens with a name and the PIN, in plain words, and its key was sent to nobody', async () => {
  await node([{ status: 401, body: { remainingAttempts: 3 } }]);
  open(PAYLOAD);
  expect(screen.getByRole('heading', { name: 'For Dr. Ada' })).toBeTruthy();
  await type('Dr. Ada', '1111');
  expect(await screen.findByText('This PIN is wrong. 3 tries are left; then the link closes.')).toBeTruthy();
  await userEvent.click(screen.getByRole('button', { name: 'Open' }));
  expect(await screen.findByRole('heading', { name: 'Ann Berger' })).toBeTruthy();
  expect(screen.getByRole('heading', { name: 'Allergies' })).toBeTruthy();
  expect(screen.getByText(/Penicillin/)).toBeTruthy();
  expect(screen.getByText(REDISCLOSURE)).toBeTruthy();
  expect(sent.map(({ url, body }) => [url, body.recipient, body.passcode])).toEqual([[PAYLOAD.url, 'Dr. Ada', '1111'], [PAYLOAD.url, 'Dr. Ada', '1111']]);
  expect(JSON.stringify(sent)).not.toContain(PAYLOAD.key);
  expect(window.location.hash).toBe('');
});

it('what does not work is said: ended, kept elsewhere, over, not complete, another key', async () => {
  await node([{ status: 404 }]);
  const { unmount } = open({ ...PAYLOAD, flag: '' });
  expect(screen.queryByLabelText(/^PIN/)).toBeNull();
  await type('Dr. Ada');
  expect(await screen.findByText(/does not work any more/)).toBeTruthy();
  unmount();
  for (const [payload, words] of [
    [{ ...PAYLOAD, url: 'https://other.example/links/abc' }, /kept at other\.example/],
    [{ ...PAYLOAD, exp: 1 }, /time of this link is over/],
    [{ ...PAYLOAD, key: 'AA' }, /not a complete link/],
  ] as const) {
    const shown = open(payload);
    expect(screen.getByText(words)).toBeTruthy();
    shown.unmount();
  }
  open({ ...PAYLOAD, flag: '', key: toBase64Url(randomBytes(32)) });
  await type('Dr. Ada');
  expect(await screen.findByText(/does not fit this link/)).toBeTruthy();
});

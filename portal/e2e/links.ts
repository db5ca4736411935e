/** Sharing with people without Salus: a link, a second browser that opens it, cards, and the whole record as a file. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { readCard } from '../src/links/healthCard';
import type { Looker } from './look';
import { button, heading, tab } from './page';

interface Sharing {
  patient: Page;
  eyes: Looker;
}

/** Somebody without Salus, with a browser of their own. */
async function guest(page: Page): Promise<Page> {
  const context = await page.context().browser()!.newContext({ viewport: page.viewportSize(), locale: 'en-GB', reducedMotion: 'reduce' });
  context.setDefaultTimeout(20_000);
  return context.newPage();
}

async function open(page: Page, link: string, pin: string): Promise<void> {
  await page.goto(link);
  await heading(page, 'For Dr. Ada').waitFor();
  await page.getByLabel('Your name').fill('Dr. Ada Moreno');
  await page.getByLabel(/^PIN/).fill(pin);
  await page.keyboard.press('Enter');
}

export async function a_link_is_opened_in_another_browser_with_the_pin_until_it_is_ended({ patient: page, eyes }: Sharing): Promise<void> {
  await page.bringToFront();
  await tab(page, /^Sharing/).click();
  await page.getByRole('link', { name: 'Make a link' }).click();
  await heading(page, 'Make a link').waitFor();
  await page.getByLabel('What I choose').check();
  await page.getByLabel('Lab results').check();
  await page.getByLabel('What it is called').fill('For Dr. Ada');
  const pin = await page.getByRole('textbox', { name: 'PIN' }).inputValue();
  assert.match(pin, /^\d{6}$/);
  await eyes.look(page, 'link-new');
  await button(page, 'Make the link').click();
  await heading(page, 'For Dr. Ada').waitFor();
  await page.getByRole('img', { name: /to be scanned/ }).waitFor();
  await eyes.look(page, 'link-code');
  const link = await page.getByTestId('link').innerText();
  const other = await guest(page);
  const asked: string[] = [];
  // The browser itself keeps the fragment back; Playwright shows it all the same.
  other.on('request', (request) => asked.push(`${request.url().split('#')[0]} ${request.postData() ?? ''}`));
  await open(other, link, pin === '000000' ? '111111' : '000000');
  await other.getByText(/This PIN is wrong/).first().waitFor();
  await eyes.look(other, 'shared-wrong-pin');
  await other.getByLabel(/^PIN/).fill(pin);
  await other.keyboard.press('Enter');
  await heading(other, 'For Dr. Ada').waitFor({ state: 'detached' });
  await other.getByText('The patient chose what you see here.').waitFor();
  await eyes.look(other, 'shared-content');
  const { key } = JSON.parse(Buffer.from(link.split('shlink:/')[1]!, 'base64url').toString()) as { key: string };
  assert.ok(asked.every((one) => !one.includes(key) && !one.includes('shlink:')), 'the key went to nobody');
  await page.bringToFront();
  await tab(page, /^Sharing/).click();
  await page.getByText('Opened once').waitFor();
  await page.getByText(/Dr\. Ada Moreno/).waitFor();
  await eyes.look(page, 'links');
  await button(page, 'End For Dr. Ada').click();
  await button(page, 'End the link').click();
  await page.getByText(/You ended it/).waitFor();
  await open(other, link, pin);
  await other.getByText(/does not work any more/).waitFor();
  await other.context().close();
}

export async function vaccine_cards_are_shown_and_saved({ patient: page, eyes }: Sharing): Promise<void> {
  await page.bringToFront();
  await tab(page, 'My record').click();
  await page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name: 'Vaccines' }).click();
  await page.getByRole('link', { name: 'Vaccine cards' }).click();
  await heading(page, 'Vaccine cards').waitFor();
  await page.getByRole('img', { name: /to be scanned/ }).first().waitFor();
  await eyes.look(page, 'vaccine-cards');
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, /^Save the cards of/).first().click()]);
  assert.match(download.suggestedFilename(), /\.smart-health-card$/);
  const { verifiableCredential } = JSON.parse(readFileSync(await download.path(), 'utf8')) as { verifiableCredential: string[] };
  assert.ok(verifiableCredential.every((card) => readCard(card)?.resources.some(({ resourceType }) => resourceType === 'Immunization')));
}

/** Downloads the whole record and unpacks it; the folder. */
export async function unpacked({ patient: page, eyes }: Sharing, into: string): Promise<string[]> {
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Download', exact: true }).click();
  await heading(page, 'Download everything').waitFor();
  await eyes.look(page, 'download');
  const [download] = await Promise.all([page.waitForEvent('download', { timeout: 120_000 }), button(page, 'Download').click()]);
  await page.getByText('Your record is saved').waitFor();
  const files = unzipSync(new Uint8Array(readFileSync(await download.path())));
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(into, name)), { recursive: true });
    writeFileSync(join(into, name), bytes);
  }
  const readMe = strFromU8(files['READ-ME.txt']!);
  assert.match(readMe, /salus verify proofs/);
  const other = await guest(page);
  const asked: string[] = [];
  other.on('request', (request) => asked.push(request.url()));
  await other.goto(`file://${join(into, 'record.html')}`);
  await other.getByRole('heading', { name: /^Health record of/ }).waitFor();
  await eyes.look(other, 'download-page');
  assert.equal(asked.length, 1, 'the page needs nothing else');
  await other.context().close();
  return Object.keys(files);
}

/** Recovery and stolen keys, with the thief's side of each: every device is a browser context of its own. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { withAuthenticator } from './browser';
import { button, heading, tab } from './page';
import type { Stage } from './journeys';

const TWO_DAYS_MS = 49 * 3_600_000;
let papers: string[] = [];
let newPhone: Page;

/** Somebody else's device, or a new one: no cookies, no copy, a passkey provider of its own. */
export async function otherDevice({ patient }: Stage): Promise<Page> {
  const viewport = patient.viewportSize();
  const context = await patient.context().browser()!.newContext({ viewport, locale: 'en-GB', reducedMotion: 'reduce' });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await withAuthenticator(page);
  return page;
}

async function codeOfTheDesk({ staff: page, eyes }: Stage): Promise<string> {
  await page.bringToFront();
  await tab(page, 'Recovery').click();
  await heading(page, /Recover a patient/).waitFor();
  await page.getByLabel('Name or date of birth').fill('');
  await page.getByLabel('Name or date of birth').fill('Amina');
  await button(page, /Amina Berger/).click();
  await page.getByLabel(/official identity card/).check();
  await eyes.look(page, 'desk-recovery');
  await button(page, 'Make a code for their part').click();
  const note = page.getByText(/^hospital-b\.\w+$/);
  await note.waitFor();
  return note.innerText();
}

async function useCode(page: Page, origin: string, code: string): Promise<void> {
  await page.goto(`${origin}/recover/shares`);
  await heading(page, 'Put your key together again').waitFor();
  await page.getByLabel('Code from the desk').fill(code);
  await button(page, 'Use this code').click();
  await page.getByText('Lakeside Clinic: waiting').waitFor();
}

async function devices_have_names_and_the_key_is_split_in_three(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await button(page, 'Rename Passkey 1').click();
  await page.getByLabel('Name', { exact: true }).fill('My phone');
  await button(page, 'Save').click();
  await page.getByText('My phone').first().waitFor();
  await page.getByRole('link', { name: 'Set it up' }).click();
  await heading(page, 'If you lose everything').waitFor();
  await eyes.look(page, 'recovery-set-up');
  await page.getByRole('radio', { name: 'Lakeside Clinic' }).first().check();
  await button(page, 'Make the parts').click();
  await heading(page, 'Print the two parts').waitFor();
  await eyes.look(page, 'recovery-papers');
  papers = [];
  for (const part of await page.locator('p[aria-label^="Part"]').all()) papers.push((await part.locator('span').allInnerTexts()).join('-'));
  assert.equal(papers.length, 2);
  await page.getByLabel(/I have printed them/).check();
  await button(page, 'Continue').click();
  await page.getByText('Part 1: Lakeside Clinic').waitFor();
  await eyes.look(page, 'recovery-standing');
}

async function a_thief_with_a_code_and_a_paper_is_seen_and_stopped(stage: Stage): Promise<void> {
  const { patient, origin, eyes, node } = stage;
  const code = await codeOfTheDesk(stage);
  const thief = await otherDevice(stage);
  await useCode(thief, origin, code);
  await eyes.look(thief, 'recover-waiting');
  await thief.getByLabel('Part on paper', { exact: true }).fill(papers[1]!);
  await thief.getByText('One part is here. You need one more.').waitFor();
  assert.equal(await button(thief, 'Open my record').isDisabled(), true);
  await patient.bringToFront();
  await tab(patient, 'My record').click();
  await button(patient, 'Check again').click();
  await patient.getByRole('alert').getByText('Somebody is recovering your record').waitFor();
  await eyes.look(patient, 'recovery-notice');
  await button(patient, 'It is not me: stop it').click();
  await patient.getByText('Somebody is recovering your record').waitFor({ state: 'detached' });
  node.chain.aheadMs += TWO_DAYS_MS;
  await thief.bringToFront();
  await button(thief, 'Look again').click();
  await thief.getByText('Lakeside Clinic: stopped').waitFor();
  assert.equal(await button(thief, 'Open my record').isDisabled(), true);
  // Whoever has the code on another device gets nothing at all.
  const second = await otherDevice(stage);
  await second.goto(`${origin}/recover/shares#${code}`);
  await button(second, 'Use this code').click();
  await second.getByText(/in use on another device/).waitFor();
  await second.context().close();
  await thief.context().close();
}

async function two_parts_open_the_record_on_a_new_device_after_two_days(stage: Stage): Promise<void> {
  const { origin, eyes, node } = stage;
  const code = await codeOfTheDesk(stage);
  newPhone = await otherDevice(stage);
  await useCode(newPhone, origin, code);
  node.chain.aheadMs += TWO_DAYS_MS;
  await button(newPhone, 'Look again').click();
  await newPhone.getByText('Lakeside Clinic: here').waitFor();
  await newPhone.getByLabel('Part on paper', { exact: true }).fill(papers[1]!.toLowerCase().replace(/-/g, ' '));
  await eyes.look(newPhone, 'recover-ready');
  await button(newPhone, 'Open my record').click();
  await heading(newPhone, 'Keep your recovery code').waitFor();
  await newPhone.getByLabel(/I have printed the code/).check();
  await button(newPhone, 'Continue').click();
  await tab(newPhone, 'My record').click();
  await newPhone.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await newPhone.getByText(/Up to date/).waitFor();
  assert.equal(await newPhone.getByText('Somebody has recovered').count(), 0, 'it was the person');
}

async function stolen_keys_are_replaced_and_open_nothing_any_more(stage: Stage): Promise<void> {
  const { patient: stolen, eyes } = stage;
  const page = newPhone;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Replace my keys' }).click();
  await heading(page, 'Replace your keys').waitFor();
  await eyes.look(page, 'replace');
  await button(page, 'Start').click();
  await heading(page, 'First keep your new recovery code').waitFor();
  await eyes.look(page, 'replace-code');
  await page.getByLabel(/I have printed the code/).check();
  await button(page, 'Replace my keys, with a new passkey here').click();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await page.getByText(/Up to date/).waitFor();
  await page.getByText('Your keys are being replaced').waitFor({ state: 'detached' });
  // The stolen phone: its passkey opens nothing, and neither do both papers.
  await stolen.bringToFront();
  await button(stolen, 'Lock').first().click();
  await button(stolen, 'Unlock with passkey').click();
  await stolen.getByText('This passkey does not belong to a record here').waitFor();
  await stolen.goto(`${stage.origin}/recover/shares`);
  await stolen.getByLabel('Part on paper', { exact: true }).fill(papers[0]!);
  await stolen.getByLabel('Another part on paper').fill(papers[1]!);
  await button(stolen, 'Open my record').click();
  await stolen.getByText(/These parts open no record here/).waitFor();
  await page.context().close();
}

/** After all others: the keys are others at the end. */
export const recoveries = [
  devices_have_names_and_the_key_is_split_in_three,
  a_thief_with_a_code_and_a_paper_is_seen_and_stopped,
  two_parts_open_the_record_on_a_new_device_after_two_days,
  stolen_keys_are_replaced_and_open_nothing_any_more,
];

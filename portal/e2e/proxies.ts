/** Somebody acts for the patient, on a device of their own: from the invitation to the end. */
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { Stage } from './journeys';
import { button, heading, tab, until } from './page';
import { otherDevice } from './recovery';

let maria: Page;

async function somebody_is_invited_with_a_link(stage: Stage): Promise<void> {
  const { patient: page, origin, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Show who acts for me' }).click();
  await heading(page, 'People who act for me').waitFor();
  await page.getByText('Nobody acts for you').waitFor();
  await eyes.look(page, 'proxies-none');
  await page.getByRole('link', { name: 'Let somebody act for you' }).click();
  await heading(page, 'Let somebody act for you').waitFor();
  await page.getByLabel('Their name, as you call them').fill('Maria');
  await page.getByLabel('Share for me, and stop what they shared').check();
  await eyes.look(page, 'proxies-new');
  await button(page, 'Make an invitation').click();
  await heading(page, 'Invite Maria').waitFor();
  await eyes.look(page, 'proxies-invitation');
  const code = await page.getByText(/^([0-9A-Z]{4}-){5}[0-9A-Z]{4}$/).innerText();
  maria = await otherDevice(stage);
  await maria.goto(`${origin}/act#${code}`);
  await heading(maria, 'Act for somebody').waitFor();
  await maria.getByRole('link', { name: 'Make my record' }).click();
  await button(maria, 'Continue with passkey').click();
  await heading(maria, 'Keep your recovery code').waitFor();
  await maria.getByLabel(/I have printed the code/).check();
  await button(maria, 'Continue').click();
  await maria.goto(`${origin}/act#${code}`);
  const unlock = button(maria, 'Unlock with passkey');
  await until(button(maria, 'Go on').or(unlock), async () => undefined);
  if (await unlock.count()) await unlock.click();
}

async function the_one_invited_answers_and_a_number_confirms_it(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await maria.bringToFront();
  if (!(await button(maria, 'Go on').count())) await maria.getByLabel('Invitation').waitFor();
  await button(maria, 'Go on').click();
  await maria.getByLabel(/Your name/).fill('Maria Lindt');
  await eyes.look(maria, 'act-offer');
  await button(maria, 'Yes, I will').click();
  await heading(maria, 'You have answered').waitFor();
  const number = await maria.getByText(/^\d{3} \d{3}$/).innerText();
  await eyes.look(maria, 'act-answered');
  await page.bringToFront();
  await page.getByRole('link', { name: 'Done' }).click();
  await until(page.getByText('Maria Lindt has answered your invitation'), async () => {
    await tab(page, 'Settings').click();
    await page.getByRole('link', { name: /Confirm who answered|Show who acts for me/ }).click();
  });
  await page.getByText(number).waitFor();
  await eyes.look(page, 'proxies-answered');
  await button(page, 'The number is right: let Maria act for me').click();
  await page.getByText('Acts for you').waitFor();
  await eyes.look(page, 'proxies-standing');
}

async function the_others_record_says_whose_it_is_and_the_patient_sees_every_look(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await maria.bringToFront();
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await heading(maria, 'People I act for').waitFor();
  const open = maria.getByRole('link', { name: /Open .*record/ });
  await until(open, async () => undefined);
  await eyes.look(maria, 'acting');
  await open.click();
  const banner = maria.getByRole('region', { name: 'Whose record this is' });
  await banner.getByText(/You are looking at .*record/).waitFor();
  await maria.getByRole('heading', { name: 'Lab results', level: 2 }).waitFor();
  for (const name of ['HIV', 'Mental health']) assert.equal(await maria.getByRole('heading', { name, level: 2 }).count(), 0, 'what is protected was not chosen');
  await maria.getByText('Verified').first().waitFor();
  await eyes.look(maria, 'acting-record');
  await page.bringToFront();
  await tab(page, 'Who looked').click();
  await page.getByText('Done by Maria for you:').first().waitFor();
  await eyes.look(page, 'looked-by-proxy');
}

async function a_parent_shares_between_two_hospitals_that_know_the_child({ node, eyes }: Stage): Promise<void> {
  await maria.bringToFront();
  const codes = await node.childOfTwo('Robin Lindt');
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await maria.getByRole('link', { name: 'Use an invitation' }).click();
  await maria.getByLabel('Invitation').fill(codes[0]!);
  await button(maria, 'Go on').click();
  await maria.getByText('You can now see Robin Lindt’s record').waitFor();
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await maria.getByRole('link', { name: 'Open Robin Lindt’s record' }).click();
  await maria.getByText(/knows Robin Lindt so far/).waitFor();
  await eyes.look(maria, 'acting-child-one-hospital');
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await maria.getByRole('link', { name: 'Use an invitation' }).click();
  await maria.getByLabel('Invitation').fill(codes[1]!);
  await maria.getByLabel(/^Robin Lindt, known at/).check();
  await eyes.look(maria, 'act-which-child');
  await button(maria, 'Go on').click();
  await maria.getByText('You can now see Robin Lindt’s record').waitFor();
  await eyes.look(maria, 'act-child');
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await maria.getByRole('link', { name: 'Open Robin Lindt’s record' }).click();
  await button(maria, 'Share for Robin Lindt').click();
  await maria.getByRole('radio', { name: 'Lakeside Clinic' }).check();
  await eyes.look(maria, 'acting-child-share');
  await button(maria, 'Share for Robin Lindt').click();
  await maria.getByText(/can see what is from/).waitFor();
  await eyes.look(maria, 'acting-child-shared');
  await button(maria, 'Stop sharing with Lakeside Clinic').click();
  await maria.getByText(/can see what is from/).waitFor({ state: 'detached' });
}

async function the_end_can_be_undone_and_then_holds(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Show who acts for me' }).click();
  const end = async () => {
    await button(page, 'End that Maria acts for me').click();
    await button(page, 'End it').click();
  };
  await end();
  await button(page, 'Undo').click();
  await page.getByText('Acts for you').waitFor();
  await end();
  await page.getByText(/^Ended /).waitFor();
  await eyes.look(page, 'proxies-ended');
  await maria.bringToFront();
  await maria.getByRole('link', { name: 'People I act for' }).click();
  await maria.getByRole('link', { name: /Open .*record/ }).first().click();
  await maria.getByText('You do not act for them any more').waitFor();
  await eyes.look(maria, 'acting-ended');
  await maria.context().close();
}

/** In this order. */
export const proxies = [
  somebody_is_invited_with_a_link,
  the_one_invited_answers_and_a_number_confirms_it,
  the_others_record_says_whose_it_is_and_the_patient_sees_every_look,
  a_parent_shares_between_two_hospitals_that_know_the_child,
  the_end_can_be_undone_and_then_holds,
];

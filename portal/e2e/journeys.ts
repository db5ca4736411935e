/** What people do, in order; each function is one step and its name says what must hold. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { encode } from '../src/crypto';
import { Genesis } from '../src/crypto/formats';
import { mockApplication } from '../src/testing/data';
import type { MockNode } from '../src/testing/server';
import { readGenesis } from '../src/verify/network';
import { proofOfJson, verifyRecordProof, type RecordProofJson } from '../src/verify/record';
import { a_link_is_opened_in_another_browser_with_the_pin_until_it_is_ended, unpacked, vaccine_cards_are_shown_and_saved } from './links';
import type { Looker } from './look';
import { button, heading, tab } from './page';
import { SHOTS } from './stage';

export interface Stage {
  origin: string;
  node: MockNode;
  eyes: Looker;
  patient: Page;
  staff: Page;
  code: string;
}


async function a_person_makes_a_record_with_a_passkey(stage: Stage): Promise<void> {
  const { patient: page, origin, eyes } = stage;
  await page.bringToFront();
  await page.goto(origin);
  await heading(page, /Your health record/).waitFor();
  await eyes.look(page, 'welcome');
  await page.getByRole('link', { name: 'Get started' }).click();
  await heading(page, 'Make your record').waitFor();
  await eyes.look(page, 'sign-up');
  await button(page, 'Continue with passkey').click();
  await heading(page, 'Keep your recovery code').waitFor();
  stage.code = (await page.locator('p[aria-label^="Recovery code"] span').allInnerTexts()).join('-');
  assert.match(stage.code, /^([0-9A-Z]{4}-){6}[0-9A-Z]{4}$/);
  await eyes.look(page, 'recovery-sheet');
  await page.emulateMedia({ media: 'print' });
  await page.screenshot({ path: `${SHOTS}/print-recovery-sheet.png` });
  await page.emulateMedia({ media: null });
  await page.getByLabel('I have printed the code').check();
  await button(page, 'Continue').click();
  await heading(page, 'Welcome to your record').waitFor();
  await eyes.look(page, 'no-organisation');
}

async function an_invitation_brings_the_records(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await page.getByRole('link', { name: 'Use an invitation' }).click();
  await page.getByLabel('Invitation').fill('nonsense');
  await page.getByText('This is not an invitation').waitFor();
  await page.getByLabel('Invitation').fill('hospital-a.WELCOME-1');
  await page.getByText('St. Anna Hospital').waitFor();
  await eyes.look(page, 'join');
  await button(page, 'Join').click();
  await heading(page, 'You have joined').waitFor();
  await eyes.look(page, 'joined');
  await button(page, 'See my record').click();
  await heading(page, 'Hello, Amina').waitFor();
  await page.getByText(/Up to date/).waitFor();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Use an invitation' }).click();
  await page.getByLabel('Invitation').fill('hospital-b.WELCOME-1');
  await button(page, 'Join').click();
  await button(page, 'See my record').click();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await page.getByText(/Up to date/).waitFor();
}

async function the_timeline_is_readable_and_searchable(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await eyes.look(page, 'home');
  await page.getByLabel('Search your record').fill('hba1c');
  await page.getByText(/Long-term blood sugar \(HbA1c\)/).first().waitFor();
  await eyes.look(page, 'search');
  await page.getByLabel('Search your record').fill('zebra');
  await page.getByText('Nothing found for “zebra”').waitFor();
  await page.getByLabel('Search your record').fill('');
}

async function categories_show_charts_and_lists(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  for (const [link, name] of [['Lab results', 'labs'], ['Measurements', 'vitals'], ['Diagnoses', 'problems'], ['Medicines', 'medicines'], ['Allergies', 'allergies']] as const) {
    await tab(page, 'My record').click();
    await page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name: link }).click();
    await heading(page, link).waitFor();
    if (name === 'labs' || name === 'vitals') await page.locator('.recharts-line').first().waitFor();
    const charts = (title: string) => page.locator('figcaption').getByText(title, { exact: true }).count();
    // Pounds and kilograms are one curve; milligrams and moles are two.
    if (name === 'vitals') assert.deepEqual([await charts('Weight, kg'), await charts('Weight, lb')], [1, 0]);
    if (name === 'labs') assert.deepEqual([await charts('LDL cholesterol, mg/dL'), await charts('LDL cholesterol, mmol/L')], [1, 1]);
    await page.getByText('Verified').first().waitFor();
    await eyes.look(page, `category-${name}`);
  }
}

async function a_record_explains_itself_and_its_proof_holds_elsewhere(stage: Stage): Promise<void> {
  const { patient: page, eyes, node } = stage;
  await page.bringToFront();
  await tab(page, 'My record').click();
  await page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name: 'Lab results' }).click();
  await page.getByRole('link', { name: /Long-term blood sugar/ }).first().click();
  await heading(page, /Long-term blood sugar/).waitFor();
  await page.getByText(/exactly what St. Anna Hospital filed/).waitFor();
  await page.locator('.recharts-line').first().waitFor();
  await page.getByText('For the curious').click();
  await eyes.look(page, 'detail');
  await button(page, 'Check again').click();
  await page.getByText('3 independent organisations').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Save the proof').click()]);
  const { proof, resource } = proofOfJson(JSON.parse(readFileSync(await download.path(), 'utf8')) as RecordProofJson);
  const network = readGenesis(encode(Genesis, node.chain.genesis));
  assert.equal(verifyRecordProof(network, proof, resource).batch.organisation, 'hospital-a');
  assert.throws(() => verifyRecordProof(network, proof, `${resource} `));
}

async function the_whole_record_is_one_file(stage: Stage): Promise<void> {
  const names = await unpacked(stage, mkdtempSync(join(tmpdir(), 'salus-record-')));
  for (const start of ['record.html', 'fhir/all.json', 'fhir/hospital-a.json', 'proofs/hospital-a/', 'who-looked/hospital-a.json']) assert.ok(names.some((name) => name.startsWith(start)), start);
}

const ASKED = new URLSearchParams({
  response_type: 'code', client_id: 'diary', redirect_uri: '/mock-app', scope: 'launch/patient offline_access patient/*.rs', state: 's1', code_challenge: 'c', code_challenge_method: 'S256',
}).toString();

async function an_app_gets_what_was_chosen_for_it_until_it_is_stopped(stage: Stage): Promise<void> {
  const { patient: page, origin, eyes } = stage;
  await page.bringToFront();
  // The app's link loads the page anew, which locks the record.
  await page.goto(`${origin}/smart/authorize?${ASKED}`);
  await heading(page, 'My Diary wants to see your record').waitFor();
  await eyes.look(page, 'app-locked');
  await button(page, 'No, thank you').click();
  await page.waitForURL(/error=access_denied&state=s1/);
  await page.goto(`${origin}/smart/authorize?${ASKED}`);
  await page.getByRole('link', { name: 'Unlock and choose' }).click();
  await button(page, /passkey/).click();
  await heading(page, 'My Diary wants to see your record').waitFor();
  assert.equal(await button(page, 'Allow').isDisabled(), true);
  await page.getByLabel('Lab results').check();
  await page.getByLabel('Medicines').check();
  await page.getByLabel('3 months').check();
  await page.getByText(/My Diary will see your lab results and medicines until/).waitFor();
  await eyes.look(page, 'app-choice');
  await button(page, 'Allow').click();
  await page.waitForURL(/mock-app\?code=\w+&state=s1/);
  await page.goto(`${origin}/sharing`);
  await button(page, /passkey/).click();
  await button(page, 'Stop My Diary').waitFor();
  await eyes.look(page, 'sharing-apps');
  await button(page, 'Stop My Diary').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await page.getByText('You stopped it').waitFor();
  await tab(page, 'My record').click();
  await page.getByText(/Up to date/).waitFor();
}

async function sharing_leaves_out_what_is_protected(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, /^Sharing/).click();
  await page.getByText('No other organisation sees your record').waitFor();
  await eyes.look(page, 'sharing-empty');
  await page.getByRole('link', { name: 'Share', exact: true }).click();
  await page.getByLabel('Lakeside Clinic').check();
  await eyes.look(page, 'share-who');
  await button(page, 'Next').click();
  assert.equal(await page.getByLabel('Mental health').isChecked(), false);
  assert.equal(await page.getByLabel('Lab results').isChecked(), true);
  await page.getByLabel('Bills').uncheck();
  await eyes.look(page, 'share-what');
  await button(page, 'Next').click();
  await eyes.look(page, 'share-why');
  await button(page, 'Next').click();
  await eyes.look(page, 'share-check');
  await button(page, 'Share with Lakeside Clinic').click();
  await heading(page, 'Shared').waitFor();
  await eyes.look(page, 'shared');
  await page.getByRole('link', { name: 'See who can see what' }).click();
  await page.getByText('Can see', { exact: true }).first().waitFor();
  await eyes.look(page, 'sharing');
}

async function a_clinician_reads_what_is_shared(stage: Stage): Promise<void> {
  const { staff: page, origin, eyes } = stage;
  await page.bringToFront();
  await page.goto(`${origin}/clinic`);
  await page.getByLabel('Joining code').waitFor();
  await eyes.look(page, 'clinic-sign-in');
  await page.getByLabel('Joining code').fill('DOCTOR-1');
  await button(page, 'Join').click();
  await heading(page, 'Patients').waitFor();
  await page.getByText('Shares with us').waitFor();
  await eyes.look(page, 'clinic-patients');
  await page.getByRole('link', { name: /Amina Berger/ }).click();
  await button(page, 'Appointment today').click();
  await eyes.look(page, 'clinic-reason');
  await button(page, /Open chart/).click();
  await page.getByRole('heading', { name: 'Latest results' }).waitFor();
  await eyes.look(page, 'clinic-chart-own');
  await button(page, /Fetch what Amina Berger shares/).click();
  await page.getByText(/shared entries added/).waitFor();
  await page.getByText('Metformin 1000 mg tablet').waitFor();
  await eyes.look(page, 'clinic-chart-shared');
  await page.getByText('Charts', { exact: true }).click();
  await page.locator('.recharts-line').first().waitFor();
  await eyes.look(page, 'clinic-charts');
  await page.getByText('Everything', { exact: true }).click();
  assert.equal(await page.getByText('Depression').count(), 0);
  await eyes.look(page, 'clinic-everything');
  await button(page, 'Ask for access').click();
  await page.getByLabel('Why').fill('Results for the heart check next week');
  await eyes.look(page, 'clinic-ask-dialog');
  await button(page, 'Ask').last().click();
  await page.getByText(/sees your request/).waitFor();
  await button(page, 'Close').click();
  await button(page, 'Find records elsewhere').click();
  await page.getByText(/keeps records of Amina Berger/).waitFor();
  await eyes.look(page, 'clinic-elsewhere-dialog');
  await button(page, 'Close').first().click();
}

async function a_person_chooses_who_finds_them_and_joins_two_records(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Choose' }).click();
  await button(page, 'Do not let me be found').first().click();
  await page.getByText(/does not look for you elsewhere/).waitFor();
  await eyes.look(page, 'settings-found');
  await tab(page, 'Settings').click();
  await page.getByRole('link', { name: 'Make one record of both' }).click();
  await page.getByLabel(/Code for the other record/).first().fill('hospital-a.7GMX2K9QW4TR5B8N');
  await button(page, 'Show a code').first().click();
  await page.getByText(/it hands this record over/).waitFor();
  await eyes.look(page, 'settings-twice');
  await button(page, 'Make one record of both').first().click();
  await eyes.look(page, 'settings-twice-dialog');
  await button(page, 'Yes, both are mine').click();
  await page.getByText(/The two records are one now/).waitFor();
  await eyes.look(page, 'settings-twice-joined');
  await button(page, 'Undo').click();
  await button(page, 'Make two records again').click();
  await page.getByText('The two records are separate again.').waitFor();
}

async function the_patient_sees_who_looked_and_the_request(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'My record').click();
  await button(page, 'Check again').click();
  await page.getByText(/asks to see part of your record/).waitFor();
  await tab(page, /Who looked/).click();
  await page.getByText(/Dr. Bo Lind/).first().waitFor();
  await page.getByText('Confirmed', { exact: true }).first().waitFor();
  await page.getByText('Name confirmed').first().waitFor();
  await eyes.look(page, 'who-looked');
  await page.getByRole('link', { name: /^Signed list of/ }).first().click();
  await page.getByRole('button', { name: /for the list/ }).click();
  await page.getByRole('heading', { name: 'What left this organisation' }).waitFor();
  await eyes.look(page, 'signed-list');
  await tab(page, /^Sharing/).click();
  await page.getByText('Results for the heart check next week').waitFor();
  await eyes.look(page, 'sharing-request');
  await page.getByRole('link', { name: 'Choose what to share' }).click();
  await page.getByText(/asks: “Results/).waitFor();
  await page.getByRole('link', { name: 'Sharing', exact: true }).first().click();
  await button(page, 'No, thank you').click();
  await page.getByText('Results for the heart check next week').waitFor({ state: 'detached' });
}

async function a_clinician_opens_what_is_kept_for_an_emergency(stage: Stage): Promise<void> {
  const { staff: page, origin, eyes } = stage;
  await page.bringToFront();
  await page.goto(`${origin}/clinic`);
  await page.getByRole('link', { name: /Amina Berger/ }).click();
  await page.getByRole('link', { name: 'This is an emergency' }).click();
  await heading(page, 'Emergency').waitFor();
  await eyes.look(page, 'clinic-emergency');
  await page.getByLabel('The person is unconscious').check();
  await page.getByLabel(/What has happened/).fill('Found unconscious at the station');
  await button(page, 'Open what is kept for emergencies').click();
  await page.getByText(/Open until/).waitFor();
  await page.getByRole('heading', { name: 'Allergies' }).waitFor();
  await eyes.look(page, 'clinic-emergency-open');
}

async function the_patient_is_told_of_the_emergency_at_once(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'My record').click();
  await button(page, 'Check again').click();
  await page.getByRole('alert').getByText('Your emergency summary was opened').waitFor();
  await eyes.look(page, 'home-emergency');
  await page.getByRole('link', { name: 'See who, and why' }).click();
  await page.getByText(/Found unconscious at the station/).first().waitFor();
  await page.getByText('Reason confirmed').first().waitFor();
  await eyes.look(page, 'who-looked-emergency');
  await tab(page, /^Sharing/).click();
}

async function stopping_can_be_undone_and_then_holds(stage: Stage): Promise<void> {
  const { patient: page, staff, eyes } = stage;
  await page.bringToFront();
  const stop = async () => {
    await button(page, 'Stop sharing').first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).waitFor();
  };
  await stop();
  await eyes.look(page, 'stop-dialog');
  await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click();
  await button(page, 'Undo').click();
  await button(page, 'Stop sharing').first().waitFor();
  await stop();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click();
  await page.getByText('Sharing is being stopped').waitFor();
  await eyes.look(page, 'stopping');
  // Whoever locks at once has still stopped it.
  await button(page, 'Lock').first().click();
  await button(page, 'Unlock with passkey').click();
  await page.getByRole('heading', { name: 'Ended' }).waitFor();
  await eyes.look(page, 'sharing-ended');
  await staff.getByRole('link', { name: 'Patients' }).last().click();
  await heading(staff, 'Patients').waitFor();
  await staff.getByRole('link', { name: /Amina Berger/ }).waitFor();
  assert.equal(await staff.getByText('Shares with us').count(), 0);
}

async function settings_keep_the_person_in_charge(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await page.getByText('Passkey 1').waitFor();
  await eyes.look(page, 'settings');
  await page.getByText('Dark', { exact: true }).click();
  await eyes.look(page, 'settings-dark');
  await tab(page, 'My record').click();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await eyes.look(page, 'home-dark');
  await tab(page, 'Settings').click();
  await page.getByText('Light', { exact: true }).click();
  await button(page, 'New code').click();
  await heading(page, 'Keep your recovery code').waitFor();
  stage.code = (await page.locator('p[aria-label^="Recovery code"] span').allInnerTexts()).join('-');
  await page.getByLabel('I have printed the code').check();
  await button(page, 'Continue').click();
}

async function locking_hides_and_the_local_copy_is_instant(stage: Stage): Promise<void> {
  const { patient: page, origin, eyes, node } = stage;
  await page.bringToFront();
  await button(page, 'Lock').first().click();
  await heading(page, 'Your record is locked').waitFor();
  await page.goto(origin);
  await heading(page, 'Your record is locked').waitFor();
  await eyes.look(page, 'locked');
  node.broken.add('/relay');
  await button(page, 'Unlock with passkey').click();
  await tab(page, 'My record').click();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await page.getByText('Your record could not be brought up to date').waitFor();
  await eyes.look(page, 'home-unavailable');
  node.broken.clear();
  await button(page, 'Try again').click();
  await page.getByText(/Up to date/).waitFor();
}

async function a_recovery_code_opens_the_record_and_a_wrong_one_does_not(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Settings').click();
  await button(page, 'Sign out').click();
  await heading(page, /Your health record/).waitFor();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await heading(page, 'Sign in').waitFor();
  await eyes.look(page, 'sign-in');
  await page.getByRole('link', { name: 'Use recovery code' }).click();
  const wrong = stage.code.slice(0, -1) + (stage.code.endsWith('7') ? '8' : '7');
  await page.getByLabel('Recovery code').fill(wrong);
  await button(page, 'Open my record').click();
  await page.getByText('One of the letters or digits is not right').waitFor();
  await eyes.look(page, 'recovery');
  await page.getByLabel('Recovery code').fill(stage.code.toLowerCase().replace(/-/g, ' '));
  await button(page, 'Open my record').click();
  await page.getByRole('heading', { name: 'Emergency visit' }).waitFor();
  await page.getByText(/Up to date/).waitFor();
}

async function a_person_without_a_connection_sees_the_copy(stage: Stage): Promise<void> {
  const { patient: page, eyes } = stage;
  await page.bringToFront();
  await page.context().setOffline(true);
  await page.getByText('You are offline').waitFor();
  await eyes.look(page, 'offline');
  await page.context().setOffline(false);
  await page.getByText('You are offline').waitFor({ state: 'detached' });
}

async function a_steward_sees_the_network(stage: Stage): Promise<void> {
  const { staff: page, origin, eyes } = stage;
  await page.bringToFront();
  await button(page, 'Sign out').click();
  await page.goto(`${origin}/steward`);
  await page.getByLabel('Joining code').fill('STEWARD-1');
  await button(page, 'Join').click();
  await heading(page, 'Network').waitFor();
  await page.getByText('Anchoring lag').waitFor();
  await eyes.look(page, 'steward-network');
  await tab(page, 'Blocks').click();
  await page.getByText(/batch anchored/).first().waitFor();
  await eyes.look(page, 'steward-blocks');
  await tab(page, 'Custody').click();
  await page.getByText('All there').first().waitFor();
  await eyes.look(page, 'steward-custody');
  await tab(page, 'Access events').click();
  await page.getByRole('rowheader', { name: 'Lakeside Clinic' }).waitFor();
  await eyes.look(page, 'steward-accesses');
  await tab(page, 'Apps').click();
  await button(page, 'Approve Step Counter').waitFor();
  await eyes.look(page, 'steward-apps');
}

async function a_steward_reviews_an_emergency(stage: Stage): Promise<void> {
  const { staff: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Emergency access').click();
  await page.getByText(/Found unconscious at the station/).waitFor();
  await eyes.look(page, 'steward-emergencies');
  await button(page, 'Review').click();
  await page.getByLabel('It was right', { exact: true }).check();
  await page.getByLabel(/Why/).fill('No relatives could be reached.');
  await eyes.look(page, 'steward-review');
  await button(page, 'Give the review').click();
  await page.getByText(/Found right by/).waitFor();
}

async function a_steward_votes_after_a_second_yes(stage: Stage): Promise<void> {
  const { staff: page, eyes } = stage;
  await page.bringToFront();
  await tab(page, 'Members and rules').click();
  await heading(page, 'Members and rules').waitFor();
  await page.getByText('Open proposals').waitFor();
  await page.getByText('How decisions are made').click();
  await eyes.look(page, 'steward-members');
  await button(page, 'Vote for: Admit Harbour Pharmacies as a member').click();
  await page.getByRole('dialog').getByText(/With your vote two thirds approve/).waitFor();
  await eyes.look(page, 'steward-vote-dialog');
  await page.getByRole('dialog').getByRole('button', { name: 'Vote for it' }).click();
  await page.getByText(/Your organisation voted for it. Two thirds approve/).waitFor();
  await page.waitForFunction(() => document.activeElement?.textContent === 'Admit Harbour Pharmacies as a member');
  await button(page, 'Vote against: Remove Helvia Insurance from the network').click();
  await page.getByRole('dialog').getByText(/more than a third are against it/).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('Details and votes').first().click();
  await page.getByText('Details and votes').last().click();
  await eyes.look(page, 'steward-voted');
}

async function a_steward_proposes_what_the_others_will_read(stage: Stage): Promise<void> {
  const { staff: page, eyes } = stage;
  await page.bringToFront();
  await page.getByRole('link', { name: 'Propose a change' }).click();
  await heading(page, 'Propose a change').waitFor();
  await eyes.look(page, 'steward-propose');
  await page.getByLabel('Admit an organisation').check();
  await page.getByLabel('Application').setInputFiles({ name: 'application.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(mockApplication)) });
  await page.getByText('Admit Institute for Heart Research as a member.').waitFor();
  await eyes.look(page, 'steward-propose-admit');
  await page.getByLabel('Change the rules').check();
  await page.getByLabel('Time to vote, in days').fill('400');
  await page.getByText(/something between 1 minute and 366 days/).waitFor();
  await page.getByLabel('Time to vote, in days').fill('21');
  await page.getByText('21 days instead of 14 days').waitFor();
  await eyes.look(page, 'steward-propose-rules');
  await page.getByLabel('Give or take duties').check();
  await page.getByLabel('Member', { exact: true }).selectOption({ label: 'St. Anna Hospital' });
  await page.getByLabel('Has a seat').uncheck();
  await page.getByText(/Insurers and makers would hold 1 of 3 seats/).waitFor();
  await eyes.look(page, 'steward-propose-refused');
  await page.getByLabel('Remove a member').check();
  await page.getByLabel('Member', { exact: true }).selectOption({ label: 'Helvia Insurance' });
  await button(page, 'Propose').click();
  await page.getByRole('dialog').getByText(/2 more votes for it are needed/).waitFor();
  await eyes.look(page, 'steward-propose-dialog');
  await page.getByRole('dialog').getByRole('button', { name: 'Propose' }).click();
  await page.getByText('Proposal 9 is open for votes').waitFor();
  await eyes.look(page, 'steward-proposed');
}

/** In this order: each starts where the one before ended. */
export const journeys = [
  a_person_makes_a_record_with_a_passkey,
  an_invitation_brings_the_records,
  the_timeline_is_readable_and_searchable,
  categories_show_charts_and_lists,
  a_record_explains_itself_and_its_proof_holds_elsewhere,
  an_app_gets_what_was_chosen_for_it_until_it_is_stopped,
  a_link_is_opened_in_another_browser_with_the_pin_until_it_is_ended,
  vaccine_cards_are_shown_and_saved,
  the_whole_record_is_one_file,
  sharing_leaves_out_what_is_protected,
  a_clinician_reads_what_is_shared,
  the_patient_sees_who_looked_and_the_request,
  a_clinician_opens_what_is_kept_for_an_emergency,
  the_patient_is_told_of_the_emergency_at_once,
  stopping_can_be_undone_and_then_holds,
  a_person_chooses_who_finds_them_and_joins_two_records,
  settings_keep_the_person_in_charge,
  locking_hides_and_the_local_copy_is_instant,
  a_recovery_code_opens_the_record_and_a_wrong_one_does_not,
  a_person_without_a_connection_sees_the_copy,
  a_steward_sees_the_network,
  a_steward_reviews_an_emergency,
  a_steward_votes_after_a_second_yes,
  a_steward_proposes_what_the_others_will_read,
];

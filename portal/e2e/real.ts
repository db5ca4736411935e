/** The main job in a real browser against a real network: four node processes, two FHIR engines, real passkeys. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { watch, withAuthenticator } from './browser';
import { Looker } from './look';
import { Network } from './network';
import { a_link_is_opened_in_another_browser_with_the_pin_until_it_is_ended, unpacked, vaccine_cards_are_shown_and_saved } from './links';
import { button, category, heading, tab, until } from './page';
import { play } from './stage';

const BASE_PORTS: Record<string, number> = { desktop: 22_100, phone: 22_200 };

interface Stage {
  network: Network;
  eyes: Looker;
  /** At Hospital A's portal. */
  patient: Page;
  /** Somebody else, at Hospital B's portal: any portal serves any patient. */
  newcomer: Page;
  /** At Hospital B's portal. */
  clinician: Page;
  /** At the regulator's portal. */
  steward: Page;
  /** The steward of Hospital A. */
  desk: Page;
}

async function a_printed_code_opens_the_record_with_every_entry_verified({ patient: page, network, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  await page.goto(network.portal('hospital-a'));
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Use recovery code' }).click();
  await page.getByLabel('Recovery code').fill(network.recoveryCode(1).toLowerCase());
  await button(page, 'Open my record').click();
  await heading(page, /Hello,/).waitFor();
  await page.getByText(/Up to date/).waitFor();
  await eyes.look(page, 'real-home');
}

async function a_passkey_is_added_and_unlocks_the_record({ patient: page, eyes }: Stage): Promise<void> {
  await tab(page, 'Settings').click();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('Passkey 1').waitFor();
  await eyes.look(page, 'real-settings');
  await button(page, 'Lock now').click();
  await heading(page, 'Your record is locked').waitFor();
  await button(page, 'Unlock with passkey').click();
  await tab(page, 'My record').click();
  await page.getByText(/Up to date/).waitFor();
}

async function measurements_are_drawn_and_a_saved_proof_holds_without_any_node({ patient: page, network, eyes }: Stage): Promise<void> {
  await category(page, 'Measurements').click();
  await heading(page, 'Measurements').waitFor();
  await page.locator('.recharts-line').first().waitFor();
  await page.getByText('Verified').first().waitFor();
  await eyes.look(page, 'real-measurements');
  await tab(page, 'My record').click();
  await category(page, 'Lab results').click();
  await heading(page, 'Lab results').waitFor();
  await page.getByText('Verified').first().waitFor();
  await eyes.look(page, 'real-labs');
  await page.getByRole('main').getByRole('link', { name: /\d/ }).first().click();
  await page.getByText(/exactly what Northmere General Hospital .* filed/).waitFor();
  await page.getByText('For the curious').click();
  await eyes.look(page, 'real-detail');
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Save the proof').click()]);
  const proof = join(network.dir, 'proof.json');
  const text = readFileSync(await download.path(), 'utf8');
  writeFileSync(proof, text);
  assert.equal(network.salus('verify', proof, '--genesis', network.demo.genesis).verified, true);
  writeFileSync(proof, text.replace('"plaintextDigest"', '"plaintextdigest"'));
  assert.throws(() => network.salus('verify', proof, '--genesis', network.demo.genesis));
}

async function the_whole_record_is_one_file_whose_proofs_all_hold(stage: Stage): Promise<void> {
  const { network } = stage;
  const into = join(network.dir, 'record');
  const names = await unpacked(stage, into);
  for (const folder of ['proofs', 'who-looked']) assert.equal(network.salus('verify', join(into, folder), '--genesis', network.demo.genesis).verified, true);
  const proof = join(into, names.find((name) => name.startsWith('proofs/'))!);
  writeFileSync(proof, readFileSync(proof, 'utf8').replace(/"resource": "\{/, '"resource": " {'));
  assert.throws(() => network.salus('verify', join(into, 'proofs'), '--genesis', network.demo.genesis));
}

async function the_record_is_shared_with_hospital_b({ patient: page, eyes }: Stage): Promise<void> {
  await tab(page, /^Sharing/).click();
  await page.getByRole('link', { name: 'Share', exact: true }).click();
  await page.getByLabel('Lakeside Clinic').check();
  for (const name of ['real-share-what', 'real-share-why', 'real-share-check']) {
    await button(page, 'Next').click();
    await eyes.look(page, name);
  }
  await button(page, /^Share with Lakeside Clinic/).click();
  await heading(page, 'Shared').waitFor();
  await page.getByRole('link', { name: 'See who can see what' }).click();
  await page.getByText('Can see', { exact: true }).first().waitFor();
  await eyes.look(page, 'real-sharing');
}

async function a_clinician_of_hospital_b_reads_it_with_a_reason({ clinician: page, network, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  const doctor = network.demo.practitioners.find((one) => one.organisation === 'hospital-b')!;
  const { code } = await network.ops<{ code: string }>('hospital-b', '/staff', { id: doctor.id, name: doctor.name, role: 'clinician' });
  await page.goto(`${network.portal('hospital-b')}/clinic#${code}`);
  await button(page, 'Join').click();
  await heading(page, 'Patients').waitFor();
  await page.getByText('Shares with us').first().waitFor();
  await eyes.look(page, 'real-clinic-patients');
  await page.getByRole('link', { name: new RegExp(network.demo.patients[0]!.name) }).click();
  await button(page, 'Appointment today').click();
  await button(page, /Open chart/).click();
  await button(page, /Fetch what .* shares/).click();
  await page.getByText(/shared entries added/).waitFor();
  await eyes.look(page, 'real-clinic-chart');
  await page.getByText('Charts', { exact: true }).click();
  await page.locator('.recharts-line').first().waitFor();
  await eyes.look(page, 'real-clinic-charts');
  await page.getByText('Everything', { exact: true }).click();
  await page.getByText(/Northmere General Hospital/).first().waitFor();
  await eyes.look(page, 'real-clinic-everything');
}

async function seeWhoLooked(page: Page): Promise<void> {
  await tab(page, 'My record').click();
  await tab(page, /Who looked/).click();
}

async function the_patient_sees_who_looked_with_a_confirmed_name({ patient: page, network, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  await until(page.getByText('Confirmed', { exact: true }), () => seeWhoLooked(page));
  const doctor = network.demo.practitioners.find((one) => one.organisation === 'hospital-b')!;
  await page.getByText(new RegExp(doctor.name)).first().waitFor();
  const unknown = await page.getByText(/\b(null|undefined)\b/).count();
  if (unknown > 0) throw new Error('what is not known shows as null');
  await eyes.look(page, 'real-who-looked');
  await page.getByRole('link', { name: /^Signed list of/ }).first().click();
  await page.getByRole('button', { name: /for the list/ }).click();
  await page.getByRole('heading', { name: 'What left this organisation' }).waitFor();
  await eyes.look(page, 'real-signed-list');
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Save the signed file').click()]);
  const list = join(network.dir, 'who-looked.json');
  writeFileSync(list, readFileSync(await download.path()));
  assert.equal(network.salus('verify', list, '--genesis', network.demo.genesis).verified, true);
}

async function sharing_stops_and_the_copy_is_gone({ patient: page, clinician, network, eyes }: Stage): Promise<void> {
  await tab(page, /^Sharing/).click();
  await button(page, 'Stop sharing').first().click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop sharing' }).click();
  await page.getByRole('heading', { name: 'Ended' }).waitFor();
  await eyes.look(page, 'real-sharing-ended');
  await clinician.bringToFront();
  const notShared = clinician.getByRole('link', { name: new RegExp(network.demo.patients[0]!.name) }).filter({ hasNotText: 'Shares with us' });
  await until(notShared, async () => {
    await clinician.goto(`${network.portal('hospital-b')}/clinic`);
    await heading(clinician, 'Patients').waitFor();
  });
  assert.equal(await clinician.getByText('Shares with us').count(), 0);
}

async function a_clinician_opens_what_hospital_a_keeps_for_an_emergency({ clinician: page, network, eyes }: Stage): Promise<void> {
  await page.getByRole('link', { name: new RegExp(network.demo.patients[0]!.name) }).click();
  await page.getByRole('link', { name: 'This is an emergency' }).click();
  await page.getByLabel('The person is unconscious').check();
  await page.getByLabel(/What has happened/).fill('Found unconscious at the station');
  const begun = Date.now();
  await button(page, 'Open what is kept for emergencies').click();
  await page.getByRole('heading', { name: /^From Northmere General Hospital/ }).waitFor();
  console.log(`   from the request to the summary: ${Date.now() - begun} ms`);
  await page.getByRole('heading', { name: 'Allergies' }).waitFor();
  await eyes.look(page, 'real-emergency');
}

async function the_patient_is_told_who_opened_it_and_why({ patient: page, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  await tab(page, 'My record').click();
  await until(page.getByRole('alert').getByText('Your emergency summary was opened'), () => button(page, 'Check again').click());
  await page.getByRole('link', { name: 'See who, and why' }).click();
  // Who gave a part of the key told of the event first; who opened it says why in a message of its own.
  await until(page.getByText('Reason confirmed'), () => seeWhoLooked(page));
  await page.getByText(/Found unconscious at the station/).first().waitFor();
  await eyes.look(page, 'real-who-looked-emergency');
}

async function a_newcomer_makes_a_record_and_joins_by_invitation({ newcomer: page, network, eyes }: Stage): Promise<void> {
  const patient = await network.write('hospital-a', { resourceType: 'Patient', name: [{ given: ['Robin'], family: 'Newman' }], gender: 'other', birthDate: '1990-04-01' } as { resourceType: string });
  const weight = { resourceType: 'Observation', status: 'final', category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }], code: { coding: [{ system: 'http://loinc.org', code: '29463-7', display: 'Body weight' }] }, subject: { reference: `Patient/${patient.id}` }, effectiveDateTime: '2026-03-01', valueQuantity: { value: 71.5, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' } };
  await network.write('hospital-a', weight);
  const { code } = await network.ops<{ code: string }>('hospital-a', '/invites', { patient: patient.id });
  await page.bringToFront();
  await page.goto(`${network.portal('hospital-b')}/join#${code}`);
  await page.getByRole('link', { name: 'Make my record' }).click();
  await button(page, 'Continue with passkey').click();
  await heading(page, 'Keep your recovery code').waitFor();
  await page.getByLabel('I have printed the code').check();
  await button(page, 'Continue').click();
  await eyes.look(page, 'real-join');
  await button(page, 'Join').click();
  await heading(page, 'You have joined').waitFor();
  await button(page, 'See my record').click();
  await heading(page, 'Hello, Robin').waitFor();
  await page.getByText(/71.5/).first().waitFor();
  await eyes.look(page, 'real-newcomer-home');
}

async function what_is_erased_is_gone_everywhere_and_a_saved_dossier_proves_it({ newcomer: page, desk, network, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  await category(page, 'Measurements').click();
  await page.getByRole('main').getByRole('link', { name: /71.5/ }).first().click();
  await button(page, 'Erase this entry').click();
  await page.getByLabel('Why?').fill('Somebody else stood on the scales');
  await eyes.look(page, 'real-erase');
  await page.getByRole('dialog').getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('link', { name: 'My requests' }).click();
  await page.getByText('Waiting for an answer').waitFor();

  await desk.bringToFront();
  const { code } = await network.ops<{ code: string }>('hospital-a', '/staff', { id: 'records-office', name: 'Records office of Northmere', role: 'steward' });
  await desk.goto(`${network.portal('hospital-a')}/steward#${code}`);
  await button(desk, 'Join').click();
  await tab(desk, /requests/i).click();
  await button(desk, 'Accept').click();
  await desk.getByText('Nothing of this may be erased.').waitFor();
  await desk.getByLabel('Why is it erased?').selectOption('unlawful');
  await desk.getByText('1 entry will be erased:').waitFor();
  await desk.getByLabel('In your words, for the patient').fill('It was not yours. It is erased.');
  await eyes.look(desk, 'real-erase-decide');
  await desk.getByRole('dialog').getByRole('button', { name: 'Accept' }).click();

  await page.bringToFront();
  const confirmed = page.getByText('4 of 4 organisations have confirmed that nothing of it is left.');
  await until(confirmed, async () => {
    await tab(page, 'Settings').click();
    await page.locator('a[href="/requests"]').click();
  });
  await eyes.look(page, 'real-erased');
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, 'Save the proof').click()]);
  const dossier = join(network.dir, 'erasure.json');
  writeFileSync(dossier, readFileSync(await download.path()));
  const shown = network.salus('verify', dossier, '--genesis', network.demo.genesis);
  assert.equal(shown.verified, true);
  await tab(page, 'My record').click();
  await button(page, 'Check again').click();
  await page.getByText(/Up to date/).waitFor();
  assert.equal(await page.getByText(/71.5/).count(), 0);
}

async function a_steward_sees_the_network_and_the_access_event({ steward: page, network, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  const { code } = await network.ops<{ code: string }>('regulator', '/staff', { id: 'steward-regulator', name: 'Steward of Office for Health Records', role: 'steward' });
  await page.goto(`${network.portal('regulator')}/steward#${code}`);
  await button(page, 'Join').click();
  await heading(page, 'Network').waitFor();
  await page.getByText('Northmere General Hospital').first().waitFor();
  await eyes.look(page, 'real-steward-network');
  await tab(page, 'Blocks').click();
  await page.getByRole('rowheader').first().waitFor();
  await eyes.look(page, 'real-steward-blocks');
  await tab(page, 'Access events').click();
  await page.getByRole('rowheader', { name: /Lakeside Clinic/ }).first().waitFor();
  await eyes.look(page, 'real-steward-accesses');
}

async function a_steward_proposes_a_change_and_the_ledger_takes_it({ steward: page, eyes }: Stage): Promise<void> {
  await page.bringToFront();
  await tab(page, 'Members and rules').click();
  await heading(page, 'Members and rules').waitFor();
  await page.getByText('Harbour Health Insurance').first().waitFor();
  await eyes.look(page, 'real-steward-members');
  await page.getByRole('link', { name: 'Propose a change' }).click();
  await page.getByLabel('Change the rules').check();
  await page.getByLabel('Time to vote, in days').fill('21');
  await page.getByText('21 days instead of 14 days').waitFor();
  await button(page, 'Propose').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Propose' }).click();
  await page.getByText(/Proposal \d+ is open for votes/).waitFor();
  await page.getByText('1 for it').first().waitFor();
  await eyes.look(page, 'real-steward-proposed');
}

const journeys = [
  a_printed_code_opens_the_record_with_every_entry_verified,
  a_passkey_is_added_and_unlocks_the_record,
  measurements_are_drawn_and_a_saved_proof_holds_without_any_node,
  a_link_is_opened_in_another_browser_with_the_pin_until_it_is_ended,
  vaccine_cards_are_shown_and_saved,
  the_whole_record_is_one_file_whose_proofs_all_hold,
  the_record_is_shared_with_hospital_b,
  a_clinician_of_hospital_b_reads_it_with_a_reason,
  the_patient_sees_who_looked_with_a_confirmed_name,
  sharing_stops_and_the_copy_is_gone,
  a_clinician_opens_what_hospital_a_keeps_for_an_emergency,
  the_patient_is_told_who_opened_it_and_why,
  a_newcomer_makes_a_record_and_joins_by_invitation,
  what_is_erased_is_gone_everywhere_and_a_saved_dossier_proves_it,
  a_steward_sees_the_network_and_the_access_event,
  a_steward_proposes_a_change_and_the_ledger_takes_it,
];

export async function runNetwork(browser: Browser, name: string, viewport: { width: number; height: number }): Promise<string[]> {
  const network = await Network.start(BASE_PORTS[name]!);
  const watched: string[][] = [];
  const eyes = new Looker(`real-${name}`);
  /** A person with a device of their own. */
  const person = async (organisation: string): Promise<Page> => {
    const context = await browser.newContext({ viewport, locale: 'en-GB', reducedMotion: 'reduce', isMobile: name === 'phone', hasTouch: name === 'phone', acceptDownloads: true });
    context.setDefaultTimeout(60_000);
    watched.push(watch(context, network.portal(organisation)));
    const page = await context.newPage();
    await withAuthenticator(page);
    return page;
  };
  try {
    const pages = { patient: await person('hospital-a'), newcomer: await person('hospital-b'), clinician: await person('hospital-b'), steward: await person('regulator'), desk: await person('hospital-a') };
    const failure = await play(`real ${name}`, journeys, { network, eyes, ...pages }, pages);
    for (const page of Object.values(pages)) await page.context().close();
    return [...(failure ? [failure] : []), ...watched.flat(), ...eyes.found];
  } finally {
    await network.stop();
  }
}

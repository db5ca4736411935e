/** npm `fhirclient` in a real browser, from the registration of an app to its end. */
import assert from 'node:assert/strict';
import { launch, type Browser, type Page } from '../../portal/e2e/browser';
import { button, heading, tab } from '../../portal/e2e/page';
import { Skip, version, type Judge, type Stage } from '../stage';
import { App, approved, join_as, patient, person } from './people';


/** A network may be judged more than once. */
const named = (name: string): string => `${name} ${Date.now() % 1_000_000}`;

/** What the patient ticks. */
const CATEGORIES = [/^Personal details/, /^Lab results/];

interface Told {
  patient: string;
  types: string[];
  count: number;
}

/** Runs in the app's page: how the library is meant to be used. `window.FHIR` is the library. */
const authorize = (page: Page, options: Record<string, unknown>) =>
  Promise.all([page.waitForURL(/\/allow\//), page.evaluate((with_) => void (window as never as { FHIR: { oauth2: { authorize(o: unknown): void } } }).FHIR.oauth2.authorize(with_), options)]);

const ready = (page: Page, clientId: string): Promise<Told & { fhirUser: string | null }> =>
  page.evaluate(async (id) => {
    const { FHIR } = window as never as { FHIR: { oauth2: { ready(o: unknown): Promise<never> } } };
    const client = (await FHIR.oauth2.ready({ clientId: id })) as { patient: { id: string }; request<T>(url: string): Promise<T>; getFhirUser(): string | null };
    Object.assign(window, { client });
    const found = await client.request<{ entry?: { resource: { resourceType: string } }[] }>('Observation?category=laboratory');
    return { patient: client.patient.id, fhirUser: client.getFhirUser(), count: (found.entry ?? []).length, types: [...new Set((found.entry ?? []).map((one) => one.resource.resourceType))] };
  }, clientId);

/** What a request of the app's is answered: `ok`, or the library's error. */
const asked = (page: Page, url: string): Promise<string> =>
  page.evaluate(async (path) => {
    const { client } = window as never as { client: { request(url: string): Promise<unknown> } };
    return client.request(path).then(() => 'ok', (error: Error) => error.message);
  }, url);

const counted = (page: Page, type: string): Promise<number> =>
  page.evaluate(async (path) => {
    const { client } = window as never as { client: { request<T>(url: string): Promise<T> } };
    return ((await client.request<{ entry?: unknown[] }>(path)).entry ?? []).length;
  }, type);

const refreshed = (page: Page): Promise<boolean> =>
  page.evaluate(async () => {
    const { client } = window as never as { client: { state: { tokenResponse: { access_token: string } }; refresh(): Promise<unknown> } };
    const before = client.state.tokenResponse.access_token;
    await client.refresh();
    return client.state.tokenResponse.access_token !== before;
  });

async function standalone_launch(stage: Stage, browser: Browser): Promise<string> {
  const app = await App.serve();
  const name = named('My Diary');
  try {
    const [steward, person_] = [await person(browser, stage, app), await person(browser, stage, app)];
    const scope = 'launch/patient patient/*.rs openid fhirUser offline_access';
    const clientId = await app.register(stage, name, scope);
    await approved(steward.page, stage, name);
    const { page } = person_;
    await patient(page, stage);
    await button(page, 'Lock now').click();
    await page.goto(app.page);
    await authorize(page, { iss: stage.fhir, clientId, scope, redirectUri: app.page });
    await page.getByRole('link', { name: 'Unlock and choose' }).click();
    await button(page, 'Unlock with passkey').click();
    await heading(page, `${name} wants to see your record`).waitFor();
    for (const category of CATEGORIES) await page.getByLabel(category).check();
    await Promise.all([page.waitForURL(/app\.html/), button(page, 'Allow').click()]);
    const told = await ready(page, clientId);
    assert.equal(`Patient/${told.patient}`, stage.network.demo.patients[0]!.at['hospital-a']);
    assert.deepEqual(told.types, ['Observation']);
    assert.match(told.fhirUser ?? '', /Patient\//);
    assert.equal(await asked(page, `Patient/${told.patient}`), 'ok');
    assert.equal(await counted(page, 'Encounter'), 0, 'what was not ticked is there');
    assert.equal(await refreshed(page), true);
    assert.equal(await asked(page, 'Observation'), 'ok');
    await stopped(page, stage, app, name);
    assert.match(await asked(page, 'Observation'), /401|unauthori[sz]ed|token|expired/i);
    assert.deepEqual([...steward.problems, ...person_.problems], []);
    for (const one of [steward, person_]) await one.page.context().close();
    return `launched, ${told.count} lab results read, refreshed, and refused once stopped`;
  } finally {
    app.close();
  }
}

/** The patient stops the app in another tab of the same browser; then the app's own page is back, as it was. */
async function stopped(page: Page, stage: Stage, app: App, name: string): Promise<void> {
  await page.goto(`${stage.hospital}/signin`);
  await button(page, 'Unlock with passkey').click();
  await tab(page, /^Sharing/).click();
  await button(page, `Stop ${name}`).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Stop/ }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.goto(app.page);
  await page.evaluate(async () => {
    const { FHIR } = window as never as { FHIR: { oauth2: { ready(): Promise<unknown> } } };
    Object.assign(window, { client: await FHIR.oauth2.ready() });
  });
}

async function opened_from_a_chart(stage: Stage, browser: Browser): Promise<string> {
  const app = await App.serve();
  const name = named('Growth Curves');
  try {
    const [steward, clinician] = [await person(browser, stage, app), await person(browser, stage, app)];
    const scope = 'launch user/Observation.rs user/Patient.rs openid fhirUser';
    const clientId = await app.register(stage, name, scope);
    await approved(steward.page, stage, name);
    const { page } = clinician;
    const doctor = stage.network.demo.practitioners.find((one) => one.organisation === 'hospital-a')!;
    await join_as(page, stage, doctor.id, doctor.name, 'clinician');
    await page.getByRole('link', { name: new RegExp(stage.network.demo.patients[0]!.name) }).click();
    await button(page, 'Appointment today').click();
    await button(page, /Open chart/).click();
    const [tab_] = await Promise.all([page.context().waitForEvent('page'), button(page, `Open ${name}`).click()]);
    await tab_.waitForURL(/app\.html\?.*launch=/);
    await authorize(tab_, { clientId, scope, redirectUri: app.page });
    await Promise.all([tab_.waitForURL(/app\.html/), button(tab_, `Open ${name}`).click()]);
    const told = await ready(tab_, clientId);
    assert.equal(`Patient/${told.patient}`, stage.network.demo.patients[0]!.at['hospital-a']);
    assert.match(told.fhirUser ?? '', /Practitioner\//);
    assert.deepEqual([...steward.problems, ...clinician.problems], []);
    for (const one of [steward, clinician]) await one.page.context().close();
    return `opened in a chart, ${told.count} lab results read as the clinician`;
  } finally {
    app.close();
  }
}

function inBrowser(run: (stage: Stage, browser: Browser) => Promise<string>) {
  return async (stage: Stage): Promise<string> => {
    const browser = await launch().catch((error: Error) => {
      throw new Skip(error.message);
    });
    return run(stage, browser).finally(() => browser.close());
  };
}

const by = `npm fhirclient ${version('fhirclient')} in Chromium`;
export const standalone: Judge = { name: 'launch-standalone', by, run: inBrowser(standalone_launch) };
export const ehr: Judge = { name: 'launch-ehr', by, run: inBrowser(opened_from_a_chart) };

// A system of the hospital's own, in JavaScript without any library: it signs in, searches, writes, and exports.
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { SALUS_FHIR: fhir, SALUS_CLIENT: client, SALUS_CLIENT_JWK: file } = process.env;
const jwk = JSON.parse(readFileSync(file, 'utf8'));

// 1. Sign in (SMART Backend Services): a signed assertion for a token, which is good for five minutes.
async function signIn(scope) {
  const { token_endpoint: endpoint } = await (await fetch(`${fhir}/.well-known/smart-configuration`)).json();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: client, sub: client, aud: endpoint, iat: now, exp: now + 240, jti: randomUUID() };
  const text = `${part({ alg: 'ES384', kid: jwk.kid, typ: 'JWT' })}.${part(claims)}`;
  const signature = sign('sha384', Buffer.from(text), { key: createPrivateKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' });
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${text}.${signature.toString('base64url')}`,
  });
  const answer = await fetch(endpoint, { method: 'POST', body: form });
  if (!answer.ok) throw new Error(`no token: ${await answer.text()}`);
  return (await answer.json()).access_token;
}

const token = await signIn('system/*.cruds');

/** What the FHIR API answers; a refusal says why. */
async function ask(url, more = {}) {
  const headers = { authorization: `Bearer ${token}`, accept: 'application/fhir+json', 'content-type': 'application/fhir+json', ...more.headers };
  const answer = await fetch(url, { ...more, headers });
  if (!answer.ok) throw new Error((await answer.json()).issue[0].diagnostics);
  return answer;
}

// 2. Search. Results come in pages; `next` leads on.
let labs = 0;
for (let url = `${fhir}/Observation?category=laboratory&_sort=-date&_count=100`; url; ) {
  const page = await (await ask(url)).json();
  labs += (page.entry ?? []).length;
  url = page.link.find(({ relation }) => relation === 'next')?.url;
}

// 3. Write. The version that was stored comes back; `If-Match` keeps two systems from overwriting one another.
const patient = (await (await ask(`${fhir}/Patient?_count=1`)).json()).entry[0].resource;
const weight = {
  resourceType: 'Observation',
  status: 'preliminary',
  code: { coding: [{ system: 'http://loinc.org', code: '29463-7', display: 'Body weight' }] },
  subject: { reference: `Patient/${patient.id}` },
  effectiveDateTime: '2026-03-01T08:30:00Z',
  valueQuantity: { value: 71.5, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
};
const made = await (await ask(`${fhir}/Observation`, { method: 'POST', body: JSON.stringify(weight) })).json();
const headers = { 'if-match': `W/"${made.meta.versionId}"` };
const final = await (await ask(`${fhir}/Observation/${made.id}`, { method: 'PUT', headers, body: JSON.stringify({ ...made, status: 'final' }) })).json();

// 4. Export: ask, ask again until it is made, fetch the files, and say that they may go.
const begun = await ask(`${fhir}/$export?_type=Patient,Observation`, { headers: { prefer: 'respond-async' } });
const job = begun.headers.get('content-location');
let state = await ask(job);
while (state.status === 202) {
  await new Promise((resolve) => setTimeout(resolve, 1000 * Number(state.headers.get('retry-after') ?? 1)));
  state = await ask(job);
}
let records = 0;
for (const { url } of (await state.json()).output) {
  const text = await (await ask(url, { headers: { accept: 'application/fhir+ndjson' } })).text();
  records += text.split('\n').filter(Boolean).map((line) => JSON.parse(line)).length;
}
await ask(job, { method: 'DELETE' });
console.log(`${labs} lab results; version ${final.meta.versionId} written; ${records} records exported`);

// A system of the hospital's own, in JavaScript without any library: a token for a signed assertion, then FHIR.
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { SALUS_FHIR: fhir, SALUS_CLIENT: client, SALUS_CLIENT_JWK: file } = process.env;
const { token_endpoint: endpoint } = await (await fetch(`${fhir}/.well-known/smart-configuration`)).json();

const jwk = JSON.parse(readFileSync(file, 'utf8'));
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = Math.floor(Date.now() / 1000);
const text = `${part({ alg: 'ES384', kid: jwk.kid, typ: 'JWT' })}.${part({ iss: client, sub: client, aud: endpoint, iat: now, exp: now + 240, jti: randomUUID() })}`;
const signature = sign('sha384', Buffer.from(text), { key: createPrivateKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' });
const form = new URLSearchParams({
  grant_type: 'client_credentials',
  scope: 'system/*.rs',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: `${text}.${signature.toString('base64url')}`,
});
const { access_token: token } = await (await fetch(endpoint, { method: 'POST', body: form })).json();

// Searches come in pages; `next` leads on.
let url = `${fhir}/Observation?category=laboratory&_sort=-date&_count=100`;
let count = 0;
while (url) {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error((await answer.json()).issue[0].diagnostics);
  const page = await answer.json();
  count += (page.entry ?? []).length;
  url = page.link.find(({ relation }) => relation === 'next')?.url;
}
console.log(`${count} lab results`);

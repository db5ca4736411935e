/** Backend services with keys and assertions of libraries nobody here wrote. */
import assert from 'node:assert/strict';
import { SignJWT, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { version, type Judge, type Stage } from '../stage';

const ALGORITHMS = { RSA: 'RS384', EC: 'ES384' } as const;

/** A key pair that the hospital's operator registers for a client; gives the private key. */
export async function registered(stage: Stage, id: string, algorithm: string): Promise<JWK> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const kid = `${id}-1`;
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' }] };
  await stage.network.ops('hospital-a', '/clients', { id, jwks, scopes: 'system/*.rs', may_assert_users: false });
  return { ...(await exportJWK(privateKey)), kid, alg: algorithm };
}

async function token(stage: Stage, id: string, algorithm: string): Promise<Response> {
  const key = await registered(stage, id, algorithm);
  const endpoint = `${stage.hospital}/smart/token`;
  const signed = new SignJWT({}).setProtectedHeader({ alg: algorithm, kid: key.kid, typ: 'JWT' }).setIssuer(id).setSubject(id).setAudience(endpoint);
  const assertion = await signed.setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime('4m').sign(await importJWK(key, algorithm));
  const form = { grant_type: 'client_credentials', scope: 'system/*.rs', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion };
  const post = () => fetch(endpoint, { method: 'POST', body: new URLSearchParams(form) });
  const answer = await post();
  assert.ok((await post()).status >= 400, 'an assertion is taken twice');
  return answer;
}

export const jose: Judge = {
  name: 'backend-jose',
  by: `npm jose ${version('jose')}`,
  async run(stage) {
    for (const [name, algorithm] of Object.entries(ALGORITHMS)) {
      const answer = await token(stage, `jose-${name.toLowerCase()}`, algorithm);
      assert.equal(answer.status, 200, await answer.clone().text());
      const { access_token } = (await answer.json()) as { access_token: string };
      const read = await fetch(`${stage.fhir}/Patient?_count=1`, { headers: { authorization: `Bearer ${access_token}` } });
      assert.equal(read.status, 200);
    }
    return 'RS384 and ES384: tokens, and no assertion twice';
  },
};

export const authlib: Judge = {
  name: 'backend-authlib',
  by: 'PyPI Authlib',
  async run(stage) {
    const keys: Record<string, string> = {};
    for (const [name, algorithm] of Object.entries(ALGORITHMS)) keys[`INTEROP_${name}_JWK`] = JSON.stringify(await registered(stage, `authlib-${name.toLowerCase()}`, algorithm));
    return stage.script('judges/with_authlib.py', keys);
  },
};

export const fhirpy: Judge = { name: 'fhirpy', by: 'PyPI fhirpy', run: (stage) => stage.script('judges/with_fhirpy.py') };
export const fhirclientPy: Judge = { name: 'fhirclient-py', by: 'PyPI fhirclient', run: (stage) => stage.script('judges/with_fhirclient.py') };

/** The examples of `docs/howto/connect-an-app.md`: what is shown works. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Judge, Stage } from '../stage';

const file = (name: string) => join(import.meta.dirname, '../examples', name);

/** The client's key as openssl wants it. */
function pem(stage: Stage): Record<string, string> {
  const { client } = stage.network.demo.organisations.find((one) => one.id === 'hospital-a')!;
  const jwk = JSON.parse(readFileSync(client!.jwk, 'utf8')) as JsonWebKey & { kid: string };
  const path = join(stage.network.dir, 'client.pem');
  writeFileSync(path, createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return { SALUS_CLIENT_PEM: path, SALUS_CLIENT_KID: jwk.kid };
}

async function run(stage: Stage): Promise<string> {
  const said = [
    await stage.program('node', [file('system.mjs')]),
    await stage.script('examples/system.py'),
    await stage.program('sh', [file('system.sh')], pem(stage)),
    await stage.program('sh', [file('look.sh')]),
  ];
  return said.join('; ');
}

export const shown: Judge = { name: 'examples', by: 'the examples for makers of clients: JavaScript, Python, curl', run };

/** The examples of `docs/howto/connect-an-app.md`: what is shown works. */
import { join } from 'node:path';
import type { Judge, Stage } from '../stage';

const file = (name: string) => join(import.meta.dirname, '../examples', name);

async function run(stage: Stage): Promise<string> {
  const said = [await stage.program('node', [file('read.mjs')]), await stage.script('examples/write.py'), await stage.program('sh', [file('look.sh')])];
  return said.join('; ');
}

export const shown: Judge = { name: 'examples', by: 'the examples for makers of clients: JavaScript, Python, curl', run };

/** After the build: one SHA-256 over all files, to be published, and the sizes of what each role fetches. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url).pathname;
const walk = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });

const files = walk(dist).map((path) => relative(dist, path)).filter((name) => name !== 'build.json').sort();
const digests = Object.fromEntries(files.map((name) => [name, createHash('sha256').update(readFileSync(join(dist, name))).digest('hex')]));
const bundle = createHash('sha256').update(files.map((name) => `${digests[name]}  ${name}\n`).join('')).digest('hex');
writeFileSync(join(dist, 'build.json'), JSON.stringify({ bundle, files: digests }, null, 1));

const html = readFileSync(join(dist, 'index.html'), 'utf8');
if (/<script(?![^>]*\bsrc=)[^>]*>/.test(html) || /<style|style=/.test(html)) throw new Error('index.html holds an inline script or style');
for (const name of files.filter((one) => /\.(js|css)$/.test(one))) {
  console.log(`${(gzipSync(readFileSync(join(dist, name))).length / 1024).toFixed(1).padStart(8)} kB gz  ${name}`);
}
console.log(`bundle ${bundle}`);

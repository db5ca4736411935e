/** The record as one page that needs no network, no script and no other file. */
import { CATEGORIES } from '../../crypto/formats';
import { dateOf, describe, CATEGORY_WORDS, peopleOf, proseOf } from '../../ui/fhir/describe';
import { dayOfMs, shortDay } from '../../ui/fhir/dates';
import type { RecordItem } from '../session/sync';

export interface Readable {
  name: string;
  madeMs: number;
  records: RecordItem[];
  nameOf: (organisation: string) => string;
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => ESCAPES[letter]!);

const STYLE = `
body { font: 1.0625rem/1.55 system-ui, sans-serif; max-width: 48rem; margin: 0 auto; padding: 1.5rem; color: #1b2a2f; background: #fff; }
h1 { font-size: 1.9rem; margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 2px solid #cfd8da; padding-bottom: .3rem; }
nav ul { padding-left: 1.2rem; } nav a, .top { color: #0b5d6b; display: inline-block; padding: .7rem 0; }
ol.entries { list-style: none; padding: 0; } ol.entries > li { border-bottom: 1px solid #dfe6e8; padding: .7rem 0; break-inside: avoid; }
.what { font-weight: 650; } .about { color: #47585d; margin: 0; } .warn { border-left: .3rem solid #9a5b00; padding-left: .8rem; }
pre { white-space: pre-wrap; font: inherit; margin: .4rem 0 0; }
@media print { nav, .top { display: none; } body { padding: 0; max-width: none; font-size: 11pt; } }`;
/** Nothing is loaded, and nothing runs, whatever a record says. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export function* readablePage({ name, madeMs, records, nameOf }: Readable): Generator<string> {
  const there = CATEGORIES.map((category) => [category, records.filter((one) => one.category === category)] as const).filter(([, some]) => some.length > 0);
  const sources = [...new Set(records.map(({ source }) => source))].map(nameOf);
  yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta http-equiv="Content-Security-Policy" content="${POLICY}">\n<title>Health record of ${escaped(name)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<header id="top">\n<h1>Health record of ${escaped(name)}</h1>\n<p class="about">${records.length} entries from ${escaped(sources.join(', '))}. Taken on ${escaped(dayOfMs(madeMs))}.</p>\n</header>\n`;
  yield `<nav aria-label="Contents">\n<h2>Contents</h2>\n<ul>\n${there.map(([category, some]) => `<li><a href="#${category}">${escaped(CATEGORY_WORDS[category].name)}</a> (${some.length})</li>`).join('\n')}\n</ul>\n</nav>\n<main>\n`;
  for (const [category, some] of there) {
    yield `<section aria-labelledby="${category}">\n<h2 id="${category}">${escaped(CATEGORY_WORDS[category].name)}</h2>\n<p class="about">${escaped(CATEGORY_WORDS[category].about)}</p>\n<ol class="entries">\n`;
    const newest = some.toSorted((a, b) => (dateOf(b.resource) ?? '').localeCompare(dateOf(a.resource) ?? ''));
    for (const record of newest) yield entry(record, nameOf);
    yield '</ol>\n<p><a class="top" href="#top">Back to the top</a></p>\n</section>\n';
  }
  yield '</main>\n</body>\n</html>\n';
}

function entry(record: RecordItem, nameOf: (organisation: string) => string): string {
  const { title, detail, date, kind } = describe(record.resource);
  const about = [kind, date && shortDay(date), nameOf(record.source), ...peopleOf(record.resource)].filter(Boolean).join(' · ');
  const prose = proseOf(record.resource).map((text) => `<pre>${escaped(text)}</pre>`).join('');
  const doubt = record.verdict && !record.verdict.ok ? '<p class="warn">Do not rely on this entry: its proof is missing or does not hold.</p>' : '';
  return `<li>\n<p class="what">${escaped(title)}${detail ? `: ${escaped(detail)}` : ''}</p>\n<p class="about">${escaped(about)}</p>${prose}${doubt}\n</li>\n`;
}

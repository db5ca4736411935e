import { Button, Checkbox, Textarea } from '@mantine/core';
import { useState } from 'react';
import { imports, type Import, type ImportFault } from '../../api/imports';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag, type Tone } from '../../ui/Tag/Tag';

const STATES: Record<Import['state'], { words: string; tone: Tone }> = {
  waiting: { words: 'Waits', tone: 'plain' },
  running: { words: 'Under way', tone: 'accent' },
  complete: { words: 'Done', tone: 'plain' },
  stopped: { words: 'Stopped', tone: 'plain' },
  failed: { words: 'Could not go on', tone: 'warn' },
};
const FAULTS: Record<ImportFault, string> = {
  'too-long': 'longer than 8 MB',
  'not-json': 'not a record',
  'no-name': 'no type or no number of its own',
  reserved: 'a number or type that is kept for the system itself',
  'not-allowed': 'a type that may not be read in',
  refused: 'refused by the store of records',
};
const number = (value: number) => value.toLocaleString('en');
const linesOf = (count: number) => `${number(count)} ${count === 1 ? 'line' : 'lines'}`;
function sizeOf(bytes: number): string {
  if (bytes >= 1_000_000_000) return `${(bytes / 1_000_000_000).toFixed(1)} GB`;
  return bytes >= 1_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1_000))} KB`;
}

/** Records from files: what may be read in, and what became of what was. */
export function Imports() {
  const list = useLoad('imports', () => imports.list(), 3_000);
  const [stopping, setStopping] = useState<Import | null>(null);
  const stop = useAction(async () => {
    if (stopping) await imports.stop(stopping.id);
    setStopping(null);
    list.again();
  });
  const all = list.value?.imports ?? [];
  return (
    <Page title="Read in records" lead="Records of many people at once, from files with one record on each line. You see how many, not what they say." wide>
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {list.loading && <Skeletons rows={3} />}
      {list.value && <Begin files={list.value.files} urls={list.value.urls} onBegun={list.again} />}
      {list.value && (
        <Section title="So far">
          {all.length === 0 ? <Empty icon="file-text" title="Nothing was read in yet">What you begin appears here, with how far it is.</Empty> : all.map((one) => <Row key={one.id} of={one} onStop={() => setStopping(one)} />)}
        </Section>
      )}
      {stopping && (
        <Dialog open title="Stop reading in?" onClose={() => setStopping(null)} confirm={{ label: 'Stop', danger: true, busy: stop.busy, onConfirm: () => void stop.go() }}>
          <p>What was read in stays. The rest is not read; you can begin again with the same files, and nothing is there twice.</p>
          {stop.error && <ErrorNote message={stop.error} />}
        </Dialog>
      )}
    </Page>
  );
}

function Begin({ files, urls, onBegun }: { files: { name: string; bytes: number }[]; urls: string[]; onBegun: () => void }) {
  const [chosen, setChosen] = useState<string[]>([]);
  const [typed, setTyped] = useState('');
  const addresses = typed.split(/\s+/).filter((one) => one !== '');
  const begin = useAction(async () => {
    await imports.begin({ files: chosen, urls: addresses });
    setChosen([]);
    setTyped('');
    onBegun();
  });
  if (files.length === 0 && urls.length === 0) {
    return <Note title="No files to read in">Whoever runs this organisation’s computer names a folder for files, or addresses to fetch them from, and puts files there.</Note>;
  }
  const toggle = (name: string) => setChosen((now) => (now.includes(name) ? now.filter((one) => one !== name) : [...now, name]));
  return (
    <Section title="Begin">
      <Card>
        {files.length > 0 && (
          <Checkbox.Group label="Files" description="They are read in this order; what others refer to should come first." value={chosen}>
            {files.map((file) => <Checkbox key={file.name} mt="sm" value={file.name} label={file.name} description={sizeOf(file.bytes)} onChange={() => toggle(file.name)} />)}
          </Checkbox.Group>
        )}
        {urls.length > 0 && <Textarea mt="md" label="Addresses" description={`One on each line, below ${urls.join(' or ')}`} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} rows={2} spellCheck={false} />}
        {begin.error && <ErrorNote message={begin.error} />}
        <Button mt="md" disabled={chosen.length + addresses.length === 0} loading={begin.busy} onClick={() => void begin.go()}>Read in</Button>
      </Card>
    </Section>
  );
}

function Row({ of, onStop }: { of: Import; onStop: () => void }) {
  const { words, tone } = STATES[of.state];
  const open = of.state === 'waiting' || of.state === 'running';
  const place = of.state === 'running' && of.source ? `${of.source}, line ${number(of.lines)} (${of.sourcesDone + 1} of ${of.sources.length})` : '';
  const facts: [string, string][] = [
    ['Begun', `${timeOfMs(of.begunMs)} by ${of.by}`],
    ['Ended', of.endedMs === null ? '' : timeOfMs(of.endedMs)],
    ['Now', place],
    ['Read in', `${number(of.written)} records`],
    ['There already', of.unchanged > 0 ? `${number(of.unchanged)} records` : ''],
    ['Not taken', of.refused > 0 ? linesOf(of.refused) : ''],
  ];
  return (
    <Card>
      <h3>{of.sources.join(', ')} <Tag tone={tone}>{words}</Tag></h3>
      {of.why && <Note tone="warn">{of.why}</Note>}
      <Facts of={facts} />
      {of.faults.length > 0 && (
        <details>
          <summary>Lines that were not taken</summary>
          <ul>{of.faults.map((fault) => <li key={fault.why}>{linesOf(fault.count)}: {FAULTS[fault.why]}</li>)}</ul>
          <p>The first of them:</p>
          <ul>{of.first.map((one) => <li key={`${one.source} ${one.line}`}>{one.source}, line {number(one.line)}: {FAULTS[one.why]}</li>)}</ul>
        </details>
      )}
      {open && <Button variant="default" onClick={onStop} aria-label={`Stop reading in ${of.sources.join(', ')}`}>Stop</Button>}
    </Card>
  );
}

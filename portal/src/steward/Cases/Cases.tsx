import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { BASIS_WORDS, GROUND_WORDS, GROUNDS_OF, WORDS_MAX, type CaseRow, type RefusalGround } from '../../api/cases';
import { staff } from '../../api/staff';
import type { ErasureGround } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Erasure, Kept, scopeWords } from '../../ui/Erasure/Erasure';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow } from '../../ui/fhir/dates';
import { counted } from '../../ui/fhir/text';
import { useAction, useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { saveFile } from '../../ui/saveFile';
import { Tag } from '../../ui/Tag/Tag';
import css from './Cases.module.css';

const TITLES: Record<CaseRow['kind'], string> = { amendment: 'Correct an entry', restriction: 'Restrict the use of the record', erasure: 'Erase records' };
const STATES: Record<CaseRow['state'], string> = { open: 'Waits for an answer', accepted: 'Accepted', refused: 'Refused', withdrawn: 'Taken back', lifted: 'Lifted' };

/** What patients asked for by their rights: what waits, with its clock, and what was answered. */
export function Cases() {
  const loaded = useLoad('cases', () => staff.cases(), 60_000);
  const rows = loaded.value?.cases ?? [];
  const nowMs = loaded.value?.nowMs ?? 0;
  const waiting = rows.filter((row) => row.state === 'open').sort((a, b) => a.dueMs - b.dueMs);
  const rest = rows.filter((row) => row.state !== 'open');
  return (
    <Page title="Patients’ requests" lead="To correct an entry (60 days), to keep a record without using it, and to erase records (one month each). The patient sees every step." action={<Button variant="default" component={Link} to="/steward/lists">List of who looked</Button>}>
      {loaded.error && <ErrorNote message={loaded.error} onRetry={loaded.again} />}
      {loaded.loading ? <Skeletons rows={4} /> : (
        <>
          <Section title={`Waiting (${waiting.length})`}>
            {waiting.length === 0 ? <Empty icon="check" title="Nothing waits">New requests appear here by themselves.</Empty> : (
              <ul className={css.list}>{waiting.map((row) => <li key={row.id}><One row={row} nowMs={nowMs} onDone={loaded.again} /></li>)}</ul>
            )}
          </Section>
          {rest.length > 0 && (
            <Section title="Answered">
              <ul className={css.list}>{rest.map((row) => <li key={row.id}><One row={row} nowMs={nowMs} onDone={loaded.again} /></li>)}</ul>
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

type Step = 'accept' | 'refuse' | 'extend' | 'lift';

function One({ row, nowMs, onDone }: { row: CaseRow; nowMs: number; onDone: () => void }) {
  const [step, setStep] = useState<Step | null>(null);
  const dossier = useAction(async () => saveFile('erasure.json', JSON.stringify(await staff.caseDossier(row.id), null, 2)));
  const open = row.state === 'open';
  const late = open && row.dueMs < nowMs;
  return (
    <Card>
      <div className={css.case}>
        <div className={css.head}>
          <h3 className={css.title}>{TITLES[row.kind]}: {row.name ?? 'a patient'}</h3>
          <Tag tone={late ? 'bad' : open ? 'warn' : 'plain'} icon={open ? 'clock' : undefined}>{open ? `${late ? 'Overdue: was due' : 'Due'} ${fromNow(row.dueMs, nowMs)}` : STATES[row.state]}</Tag>
        </div>
        <Facts
          of={[
            ['Received', dayOfMs(row.receivedMs)],
            ['Due', open ? dayOfMs(row.dueMs) : ''],
            ['Entry', row.record && `${row.record.type}/${row.record.id}, version ${row.record.version}`],
            ['What is wrong', row.wrong],
            ['What would be right', row.right],
            ['What', row.scope && (row.scope.of === 'record' ? `${row.scope.record.type}/${row.scope.record.id}, with its earlier versions` : scopeWords(row.scope))],
            ['Why', row.reason],
            ['Put off because', row.extended],
            ['Answer', row.answer && `${row.answer.words} (${dayOfMs(row.answer.timeMs)})`],
            ['Ground', row.answer?.ground && GROUND_WORDS[row.answer.ground]],
            ['The patient disagrees', row.disagreement],
            ['Ended', row.ended && `${dayOfMs(row.ended.timeMs)}, ${row.ended.why}`],
          ]}
        />
        {row.erasure && <Erasure of={row.erasure} nameOf={(id) => id} />}
        {dossier.error && <ErrorNote message={dossier.error} />}
        <div className={css.actions}>
          {row.erasure && <Button variant="default" loading={dossier.busy} onClick={() => void dossier.go()}>Save the dossier</Button>}
          {open && <Button onClick={() => setStep('accept')}>Accept</Button>}
          {open && <Button variant="default" onClick={() => setStep('refuse')}>Refuse</Button>}
          {open && !row.extended && <Button variant="default" onClick={() => setStep('extend')}>Take more time</Button>}
          {row.kind === 'restriction' && row.state === 'accepted' && <Button variant="default" onClick={() => setStep('lift')}>Lift</Button>}
        </div>
      </div>
      {step && <Answer row={row} step={step} onClose={() => setStep(null)} onDone={() => { setStep(null); onDone(); }} />}
    </Card>
  );
}

const CONSEQUENCES: Record<CaseRow['kind'], Record<Step, string>> = {
  amendment: {
    accept: 'Correct the entry in the record system, so that its new version replaces this one; the earlier one is kept and stays provable.',
    refuse: 'The patient may disagree; the statement is then kept with the request.',
    extend: 'Once, by 30 days. The patient sees why.',
    lift: '',
  },
  restriction: {
    accept: 'From now on nobody here opens or uses the record, and no system reads it, except in an emergency. It goes on being stored.',
    refuse: 'The record is used as before.',
    extend: 'Once, by 60 days. The patient sees why.',
    lift: 'The law asks you to tell the patient before. The record is used as before from now on.',
  },
  erasure: {
    accept: 'What may be erased leaves your record system, every custodian and everybody it was shared with, with all earlier versions. It cannot be brought back. Each organisation signs that nothing is left.',
    refuse: 'The patient sees the ground, and may disagree.',
    extend: 'Once, by 60 days. The patient sees why.',
    lift: '',
  },
};
const LABELS: Record<Step, string> = { accept: 'Accept', refuse: 'Refuse', extend: 'Take more time', lift: 'Lift' };

function Answer({ row, step, onClose, onDone }: { row: CaseRow; step: Step; onClose: () => void; onDone: () => void }) {
  const [words, setWords] = useState('');
  const grounds = step === 'refuse' ? GROUNDS_OF[row.kind] : [];
  const [ground, setGround] = useState<RefusalGround | null>(grounds[0]?.[0] ?? null);
  const erases = step === 'accept' && row.kind === 'erasure';
  const [basis, setBasis] = useState<ErasureGround>('patient-request');
  const send = useAction(async () => {
    if (step === 'extend') await staff.extendCase(row.id, words);
    else if (step === 'lift') await staff.liftCase(row.id, words);
    else await staff.answerCase(row.id, { accept: step === 'accept', words, ground, ...(erases && { basis }) });
    onDone();
  });
  return (
    <Dialog open title={`${LABELS[step]}: ${TITLES[row.kind].toLowerCase()}?`} onClose={onClose} confirm={{ label: LABELS[step], danger: step === 'refuse', busy: send.busy, onConfirm: () => void send.go() }}>
      <p>{CONSEQUENCES[row.kind][step]}</p>
      {ground && (
        <NativeSelect label="On which ground of the law?" value={ground} onChange={(event) => setGround(event.currentTarget.value as RefusalGround)} data={grounds.map(([value, label]) => ({ value, label }))} />
      )}
      {erases && (
        <>
          <NativeSelect label="Why is it erased?" value={basis} onChange={(event) => setBasis(event.currentTarget.value as ErasureGround)} data={Object.entries(BASIS_WORDS).map(([value, label]) => ({ value, label }))} />
          <Survey key={basis} id={row.id} basis={basis} />
        </>
      )}
      <Textarea label="In your words, for the patient" rows={4} maxLength={WORDS_MAX} value={words} onChange={(event) => setWords(event.currentTarget.value)} />
      {send.error && <ErrorNote message={send.error} />}
    </Dialog>
  );
}

/** What would go, and what the law keeps. */
function Survey({ id, basis }: { id: string; basis: ErasureGround }) {
  const loaded = useLoad(`survey-${id}-${basis}`, () => staff.surveyCase(id, basis));
  if (loaded.error) return <ErrorNote message={loaded.error} onRetry={loaded.again} />;
  if (!loaded.value) return <Skeletons rows={2} label="Looking what may be erased" />;
  const { dueCount, due, keptCount, kept, messages } = loaded.value;
  const byType = new Map<string, number>();
  for (const { type } of due) byType.set(type, (byType.get(type) ?? 0) + 1);
  return (
    <div role="status">
      <p><b>{dueCount === 0 ? (messages === 0 ? 'Nothing of this may be erased.' : 'No entry of this may be erased.') : `${counted(dueCount, 'entry', 'entries')} will be erased:`}</b> {[...byType].map(([type, count]) => `${count} ${type}`).join(', ')}</p>
      {messages > 0 && <p>{counted(messages, 'message', 'messages')} that could not be filed yet will be destroyed, too.</p>}
      {keptCount > 0 && <Kept kept={kept} count={keptCount} />}
    </div>
  );
}

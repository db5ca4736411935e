import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useState } from 'react';
import { GROUND_WORDS, WORDS_MAX, type CaseRow, type RefusalGround } from '../../api/cases';
import { staff } from '../../api/staff';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import css from './Cases.module.css';

const TITLES = { amendment: 'Correct an entry', restriction: 'Restrict the use of the record' };
const STATES: Record<CaseRow['state'], string> = { open: 'Waits for an answer', accepted: 'Accepted', refused: 'Refused', withdrawn: 'Taken back', lifted: 'Lifted' };

/** What patients asked for by their rights: what waits, with its clock, and what was answered. */
export function Cases() {
  const loaded = useLoad('cases', () => staff.cases(), 60_000);
  const rows = loaded.value?.cases ?? [];
  const nowMs = loaded.value?.nowMs ?? 0;
  const waiting = rows.filter((row) => row.state === 'open').sort((a, b) => a.dueMs - b.dueMs);
  const rest = rows.filter((row) => row.state !== 'open');
  return (
    <Page title="Patients’ requests" lead="To correct an entry (60 days), and to keep a record without using it (one month). The patient sees every step.">
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
            ['Why', row.reason],
            ['Put off because', row.extended],
            ['Answer', row.answer && `${row.answer.words} (${dayOfMs(row.answer.timeMs)})`],
            ['Ground', row.answer?.ground && GROUND_WORDS[row.answer.ground]],
            ['The patient disagrees', row.disagreement],
            ['Ended', row.ended && `${dayOfMs(row.ended.timeMs)}, ${row.ended.why}`],
          ]}
        />
        <div className={css.actions}>
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
};
const LABELS: Record<Step, string> = { accept: 'Accept', refuse: 'Refuse', extend: 'Take more time', lift: 'Lift' };

function Answer({ row, step, onClose, onDone }: { row: CaseRow; step: Step; onClose: () => void; onDone: () => void }) {
  const [words, setWords] = useState('');
  const [ground, setGround] = useState<RefusalGround>('accurate');
  const grounded = step === 'refuse' && row.kind === 'amendment';
  const send = useAction(async () => {
    if (step === 'extend') await staff.extendCase(row.id, words);
    else if (step === 'lift') await staff.liftCase(row.id, words);
    else await staff.answerCase(row.id, { accept: step === 'accept', words, ground: grounded ? ground : null });
    onDone();
  });
  return (
    <Dialog open title={`${LABELS[step]}: ${TITLES[row.kind].toLowerCase()}?`} onClose={onClose} confirm={{ label: LABELS[step], danger: step === 'refuse', busy: send.busy, onConfirm: () => void send.go() }}>
      <p>{CONSEQUENCES[row.kind][step]}</p>
      {grounded && (
        <NativeSelect label="On which ground of the law?" value={ground} onChange={(event) => setGround(event.currentTarget.value as RefusalGround)} data={Object.entries(GROUND_WORDS).map(([value, label]) => ({ value, label }))} />
      )}
      <Textarea label="In your words, for the patient" rows={4} maxLength={WORDS_MAX} value={words} onChange={(event) => setWords(event.currentTarget.value)} />
      {send.error && <ErrorNote message={send.error} />}
    </Dialog>
  );
}

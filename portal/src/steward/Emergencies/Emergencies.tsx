import { Button, Radio, Textarea } from '@mantine/core';
import { useState } from 'react';
import { PlainError } from '../../api/http';
import { staff, type OwnEmergency, type ReviewState } from '../../api/staff';
import { Dialog } from '../../ui/Dialog/Dialog';
import { timeOfMs } from '../../ui/fhir/dates';
import { GROUND_WORDS } from '../../ui/fhir/describe';
import { useAction, useLoad, useNow } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag, type Tone } from '../../ui/Tag/Tag';
import css from '../Overview/Overview.module.css';

const STATES: Record<ReviewState, { words: string; tone: Tone }> = {
  waiting: { words: 'Waits for the network', tone: 'warn' },
  'nothing-opened': { words: 'Nothing was opened', tone: 'plain' },
  open: { words: 'To be reviewed', tone: 'warn' },
  overdue: { words: 'Overdue', tone: 'bad' },
  reviewed: { words: 'Reviewed', tone: 'accent' },
  'reviewed-late': { words: 'Reviewed too late', tone: 'warn' },
};

/** Every emergency access: those of this organisation to be reviewed, and what the network knows of all. */
export function Emergencies({ nameOf }: { nameOf: (id: string) => string }) {
  const list = useLoad('emergencies', () => staff.emergencies(), 10_000);
  const [reviewing, setReviewing] = useState<OwnEmergency | null>(null);
  const done = () => {
    setReviewing(null);
    list.again();
  };
  const { own = [], network = [] } = list.value ?? {};
  return (
    <Page title="Emergency access" lead="When somebody could not be asked and it could not wait. Each is reviewed within three days, by somebody else." wide>
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {list.loading && <Skeletons rows={3} />}
      <Section title="This organisation’s own">
        {list.value && own.length === 0 ? <Empty icon="shield-check" title="No emergencies">When a clinician here opens what is kept for emergencies, it appears here.</Empty> : own.map((one) => <Own key={one.id} of={one} nameOf={nameOf} onReview={() => setReviewing(one)} />)}
      </Section>
      <Section title="All organisations" hint="As the network’s shared record has it: whose record it was, and who opened it, is not in it.">
        {list.value && network.length === 0 ? <Empty icon="list" title="None yet" /> : network.length > 0 && (
          <Card>
            <div className={css.scroll} tabIndex={0} role="region" aria-label="Emergencies of all organisations">
              <table className={css.table}>
                <thead><tr><th scope="col">Number</th><th scope="col">Time</th><th scope="col">Organisation</th><th scope="col">Ground</th><th scope="col">Review</th></tr></thead>
                <tbody>{network.map((one) => <tr key={one.event}><td>{one.number}</td><td>{timeOfMs(one.timeMs)}</td><th scope="row">{nameOf(one.organisation)}</th><td>{GROUND_WORDS[one.ground]}</td><td><Tag tone={STATES[one.state].tone}>{STATES[one.state].words}</Tag>{one.justified === false && ' Found not right'}</td></tr>)}</tbody>
              </table>
            </div>
          </Card>
        )}
      </Section>
      {reviewing && <ReviewDialog of={reviewing} onClose={() => setReviewing(null)} onDone={done} />}
    </Page>
  );
}

function hoursLeft(ms: number): string {
  const hours = Math.ceil(Math.abs(ms) / 3_600_000);
  return ms > 0 ? `${hours} hours left` : `${hours} hours too late`;
}

function Own({ of, nameOf, onReview }: { of: OwnEmergency; nameOf: (id: string) => string; onReview: () => void }) {
  const now = useNow(60_000);
  const { words, tone } = STATES[of.state];
  const open = of.state === 'open' || of.state === 'overdue';
  return (
    <Card>
      <h3>{of.name ?? 'Somebody'}{of.role ? `, ${of.role}` : ''}</h3>
      <p>{timeOfMs(of.timeMs)} · {GROUND_WORDS[of.ground]} · {of.events.map((event) => nameOf(event.organisation)).join(', ') || 'not yet in the network’s shared record'}</p>
      <p>Reason given: “{of.reason}”</p>
      <p><Tag tone={tone}>{words}</Tag> {open && of.dueMs !== null && `Due on ${timeOfMs(of.dueMs)}, ${hoursLeft(of.dueMs - now)}`}</p>
      {of.review && !open && <p>Found {of.review.justified ? 'right' : 'not right'}{of.review.name ? ` by ${of.review.name}` : ''}: “{of.review.words}”</p>}
      {of.mayReview && <Button onClick={onReview}>Review</Button>}
      {open && !of.mayReview && <p>You opened it yourself: somebody else has to review it.</p>}
    </Card>
  );
}

/** The decision, once and for good. */
function ReviewDialog({ of, onClose, onDone }: { of: OwnEmergency; onClose: () => void; onDone: () => void }) {
  const [decision, setDecision] = useState('');
  const [words, setWords] = useState('');
  const review = useAction(async () => {
    if (decision === '' || words.trim() === '') throw new PlainError('Choose one, and say why.');
    await staff.reviewEmergency(of.id, decision === 'right', words.trim());
    onDone();
  });
  return (
    <Dialog open title="Was it right to open it?" onClose={onClose} confirm={{ label: 'Give the review', busy: review.busy, onConfirm: () => void review.go() }}>
      <p>{of.name ?? 'Somebody'} wrote: “{of.reason}”</p>
      <Radio.Group label="Your decision" value={decision} onChange={setDecision} required>
        <Radio value="right" label="It was right" size="md" />
        <Radio value="not-right" label="It was not right" size="md" />
      </Radio.Group>
      <Textarea label="Why" value={words} onChange={(event) => setWords(event.currentTarget.value)} minRows={2} maxLength={400} required />
      <p>A review cannot be changed or taken back. The patient sees the decision; the network sees that there is one, and when.</p>
      {review.error && <ErrorNote title="The review was not given" message={review.error} />}
    </Dialog>
  );
}

import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { WORDS_MAX, type EraseScope } from '../../api/cases';
import { CATEGORIES, type Category } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { session } from '../session/session';
import type { RecordItem } from '../session/sync';
import { useOrganisationName } from '../session/useSession';

/** Asks an organisation to erase something for good. `scope` is left out where the person chooses. */
export function Erase({ organisation, scope, onClose, onDone }: { organisation: string; scope?: EraseScope; onClose: () => void; onDone: () => void }) {
  const nameOf = useOrganisationName();
  const [what, setWhat] = useState<'everything' | Category>('everything');
  const [reason, setReason] = useState('');
  const chosen: EraseScope = scope ?? (what === 'everything' ? { of: 'everything' } : { of: 'category', category: what });
  const ask = useAction(async () => { await session.askCase(organisation, { ask: 'erase', scope: chosen, reason }); onDone(); });
  const choices = [{ value: 'everything', label: 'Everything' }, ...CATEGORIES.filter((one) => one !== 'demographics').map((one) => ({ value: one, label: CATEGORY_WORDS[one].name }))];
  return (
    <Dialog open title={`Ask ${nameOf(organisation)} to erase this?`} onClose={onClose} confirm={{ label: 'Ask', danger: true, busy: ask.busy, onConfirm: () => void ask.go() }}>
      <p>They answer within a month. What is erased is gone everywhere: there, at those who keep sealed copies, at those you shared it with, and on your devices. Nobody can bring it back.</p>
      <p>Many entries must be kept for some years by law. They tell you which, and until when. Your doctors there cannot see what is erased.</p>
      {!scope && <NativeSelect label="What should be erased?" value={what} data={choices} onChange={(event) => setWhat(event.currentTarget.value as typeof what)} />}
      <Textarea label="Why?" description="For example: I do not want it kept any longer." rows={3} maxLength={WORDS_MAX} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {ask.error && <ErrorNote message={ask.error} />}
    </Dialog>
  );
}

/** Asks the organisation that made an entry to erase it. */
export function EraseEntry({ record }: { record: RecordItem }) {
  const nameOf = useOrganisationName();
  const [state, setState] = useState<'closed' | 'open' | 'sent'>('closed');
  const { resource, source } = record;
  if (state === 'sent') {
    return (
      <Note tone="good" title={`${nameOf(source)} has your request`} action={<Button component={Link} to="/requests" variant="default">My requests</Button>}>
        They answer within a month. Until then the entry stays.
      </Note>
    );
  }
  return (
    <>
      <div><Button variant="default" leftSection={<Icon name="trash" size={20} />} onClick={() => setState('open')}>Erase this entry</Button></div>
      {state === 'open' && <Erase organisation={source} scope={{ of: 'record', record: { type: resource.resourceType, id: resource.id ?? '' } }} onClose={() => setState('closed')} onDone={() => setState('sent')} />}
    </>
  );
}

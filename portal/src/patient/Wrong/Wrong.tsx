import { Button, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { WORDS_MAX } from '../../api/cases';
import { Dialog } from '../../ui/Dialog/Dialog';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import type { CaseAsk } from '../session/cases';
import { session } from '../session/session';
import type { RecordItem } from '../session/sync';
import { useOrganisationName } from '../session/useSession';

interface Props {
  record: RecordItem;
  /** How it is asked, where it is not the person's own record. */
  askCase?: (organisation: string, what: CaseAsk) => Promise<unknown>;
}

/** Asks the organisation that made an entry to correct it. */
export function Wrong({ record, askCase }: Props) {
  const own = !askCase;
  const nameOf = useOrganisationName();
  const [open, setOpen] = useState(false);
  const [sent, setSent] = useState(false);
  const [wrong, setWrong] = useState('');
  const [right, setRight] = useState('');
  const { resource, source } = record;
  const ask = useAction(async () => {
    const name = { type: resource.resourceType, id: resource.id ?? '', version: resource.meta?.versionId ?? '1' };
    await (askCase ?? ((at, what: CaseAsk) => session.askCase(at, what)))(source, { ask: 'amend', record: name, wrong, right });
    setOpen(false);
    setSent(true);
  });
  if (sent) {
    return (
      <Note tone="good" title={`${nameOf(source)} has your request`} action={own && <Button component={Link} to="/requests" variant="default">My requests</Button>}>
        They answer within 60 days. The entry stays as it is until then.
      </Note>
    );
  }
  return (
    <>
      <div><Button variant="default" leftSection={<Icon name="message-circle" size={20} />} onClick={() => setOpen(true)}>This is wrong</Button></div>
      <Dialog open={open} title={`Ask ${nameOf(source)} to correct this`} onClose={() => setOpen(false)} confirm={{ label: 'Send', busy: ask.busy, onConfirm: () => void ask.go() }}>
        <p>They look at it and answer within 60 days. If they agree they correct it; the earlier text is kept, and marked as corrected.</p>
        <Textarea label="What is wrong?" rows={3} maxLength={WORDS_MAX} value={wrong} onChange={(event) => setWrong(event.currentTarget.value)} />
        <Textarea label="What would be right?" rows={3} maxLength={WORDS_MAX} value={right} onChange={(event) => setRight(event.currentTarget.value)} />
        {ask.error && <ErrorNote message={ask.error} />}
      </Dialog>
    </>
  );
}

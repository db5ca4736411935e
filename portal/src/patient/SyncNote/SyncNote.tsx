import { Button, Progress } from '@mantine/core';
import { clockOfMs } from '../../ui/fhir/dates';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './SyncNote.module.css';

/** How current the copy on this device is, in one line; more only when something is amiss. */
export function SyncNote() {
  const { sync } = useSession();
  const nameOf = useOrganisationName();
  if (sync.state === 'working') {
    return (
      <div className={css.working} role="status">
        <p>{sync.total > 0 ? `Fetching ${sync.total} new entries …` : 'Looking for new entries …'}</p>
        <Progress value={sync.total > 0 ? (100 * sync.done) / sync.total : 100} animated={sync.total === 0} striped={sync.total === 0} size="sm" aria-label="Progress" />
      </div>
    );
  }
  if (sync.state === 'failed') return <ErrorNote title="Your record could not be brought up to date" message={sync.message ?? ''} onRetry={() => void session.refresh()} />;
  return (
    <>
      {sync.silent.length > 0 && (
        <Note tone="warn" title={`${sync.silent.map(nameOf).join(' and ')} cannot be reached now`} action={<Button variant="default" onClick={() => void session.refresh()}>Try again</Button>}>
          You see what was here at your last visit.
        </Note>
      )}
      {sync.missing > 0 && <Note tone="warn">{sync.missing === 1 ? 'One new entry is' : `${sync.missing} new entries are`} still on the way and will be here at your next visit.</Note>}
      {sync.state === 'done' && sync.atMs && (
        <p className={css.current}>
          Up to date, {clockOfMs(sync.atMs)}
          <button type="button" className={css.again} onClick={() => void session.refresh()}><Icon name="refresh" size={18} /> Check again</button>
        </p>
      )}
    </>
  );
}

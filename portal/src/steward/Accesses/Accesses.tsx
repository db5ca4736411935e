import { staff } from '../../api/staff';
import { timeOfMs } from '../../ui/fhir/dates';
import { PURPOSE_WORDS } from '../../ui/fhir/describe';
import { useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import css from '../Overview/Overview.module.css';

/** Reads of shared records by any organisation, and this organisation's own log. */
export function Accesses({ nameOf }: { nameOf: (id: string) => string }) {
  const events = useLoad('events', () => staff.accessEvents(), 5_000);
  const log = useLoad('log', () => staff.log(), 5_000);
  const error = events.error ?? log.error;
  return (
    <Page title="Access events" lead="Each read of shared records leaves an event before the keys are released. The patient sees the same list." wide>
      {error && <ErrorNote message={error} onRetry={events.again} />}
      {events.loading && <Skeletons rows={4} />}
      <Section title="Shared records, all organisations">
        {events.value?.length === 0 ? <Empty icon="eye" title="No shared reads yet" /> : events.value && (
          <Card>
            <div className={css.scroll} tabIndex={0} role="region" aria-label="Access events">
              <table className={css.table}>
                <thead><tr><th scope="col">Time</th><th scope="col">Organisation</th><th scope="col">Purpose</th><th scope="col">Versions</th><th scope="col">Block</th><th scope="col">Grant</th></tr></thead>
                <tbody>{events.value.map((event) => <tr key={event.id}><td>{timeOfMs(event.timeMs)}</td><th scope="row">{nameOf(event.organisation)}</th><td>{PURPOSE_WORDS[event.purpose]}</td><td>{event.count}</td><td>{event.height}</td><td><code>{event.grant.slice(0, 12)}…</code></td></tr>)}</tbody>
              </table>
            </div>
          </Card>
        )}
      </Section>
      <Section title="This organisation’s own log" hint="Hash-chained, and anchored regularly: an entry cannot be removed unnoticed.">
        {log.value?.length === 0 ? <Empty icon="list" title="Nothing logged yet" /> : log.value && (
          <Card>
            <div className={css.scroll} tabIndex={0} role="region" aria-label="Own log">
              <table className={css.table}>
                <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Purpose</th><th scope="col">Reason</th></tr></thead>
                <tbody>{log.value.map((row, at) => <tr key={at}><td>{timeOfMs(row.timeMs)}</td><th scope="row">{row.practitioner}</th><td>{row.action}</td><td>{row.purpose ? PURPOSE_WORDS[row.purpose] : ''}</td><td>{row.reason}</td></tr>)}</tbody>
              </table>
            </div>
          </Card>
        )}
      </Section>
    </Page>
  );
}

import { staff } from '../../api/staff';
import { clockOfMs } from '../../ui/fhir/dates';
import { useLoad } from '../../ui/hooks';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import css from '../Overview/Overview.module.css';

const ACTIONS: Record<string, string> = {
  RegisterPatient: 'patient registered',
  RegisterPractitioner: 'practitioner registered',
  Anchor: 'batch anchored',
  Grant: 'grant',
  Revoke: 'grant revoked',
  Access: 'access event',
  Dropped: 'copy dropped',
  AnchorLog: 'access log anchored',
  StartRecovery: 'recovery started',
  CancelRecovery: 'recovery cancelled',
};

/** The newest blocks. None of them holds a name, a record, or anything that could be traced to a person. */
export function Blocks() {
  const blocks = useLoad('blocks', () => staff.blocks(50), 3_000);
  return (
    <Page title="Blocks" lead="What the organisations have agreed on, newest first. Nothing here names a person or holds a record: only commitments, consents and events." wide>
      {blocks.error && <ErrorNote message={blocks.error} onRetry={blocks.again} />}
      {blocks.loading && <Skeletons rows={6} />}
      {blocks.value?.length === 0 && <Empty icon="cube" title="No blocks yet" />}
      {blocks.value && blocks.value.length > 0 && (
        <Card>
          <div className={css.scroll} tabIndex={0} role="region" aria-label="Blocks">
            <table className={css.table}>
              <thead><tr><th scope="col">Height</th><th scope="col">Time</th><th scope="col">Proposed by</th><th scope="col">What is in it</th></tr></thead>
              <tbody>
                {blocks.value.map((block) => (
                  <tr key={block.height}>
                    <th scope="row">{block.height.toLocaleString()}</th>
                    <td>{clockOfMs(block.timeMs)}</td>
                    <td>{block.leader}</td>
                    <td>{block.transactions === 0 ? 'empty' : Object.entries(block.actions ?? {}).map(([action, count]) => <Tag key={action}>{count} × {ACTIONS[action] ?? action}</Tag>)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Card>
      )}
    </Page>
  );
}

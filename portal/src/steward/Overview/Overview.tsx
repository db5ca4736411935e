import { staff, type NodeState } from '../../api/staff';
import { clockOfMs } from '../../ui/fhir/dates';
import { useLoad } from '../../ui/hooks';
import { ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import { Tile, Tiles } from '../Tile/Tile';
import css from './Overview.module.css';

const REFRESH_MS = 3_000;
/** More blocks behind than this is worth a look. */
const LAG_MAX = 20;
const QUEUE_LAG_MAX_MS = 120_000;

export function Overview() {
  const network = useLoad('network', () => staff.network(), REFRESH_MS);
  const state = network.value;
  const own = state?.organisations.find((one) => one.queues);
  const away = state?.organisations.filter((one) => !one.reachable) ?? [];
  return (
    <Page title="Network" lead="Whether the organisations agree, and whether this organisation’s records are on their way into the shared proof." wide>
      {network.error && <ErrorNote message={network.error} onRetry={network.again} />}
      {network.loading && <Skeletons rows={5} />}
      {state && (
        <>
          {away.length > 0 && <Note tone="warn" title={`${away.map((one) => one.name ?? one.organisation).join(', ')} cannot be reached`}>The network goes on as long as more than two thirds of the validators do. Local reads and writes are not affected.</Note>}
          <Tiles>
            <Tile name="Newest block" value={state.head.height.toLocaleString()} hint={`at ${clockOfMs(state.head.timeMs)}`} />
            <Tile name="Organisations" value={`${state.organisations.length - away.length} of ${state.organisations.length}`} hint="reachable" />
            {own?.queues && <Tile name="Waiting to be sealed" value={String(own.queues.stored)} hint="written, not yet encrypted for the vault" />}
            {own?.queues && <Tile name="Waiting to be anchored" value={String(own.queues.sealed)} hint="encrypted, not yet in a block" warn={(own.queues.anchorLagMs ?? 0) > QUEUE_LAG_MAX_MS} />}
            {own?.queues && <Tile name="Anchored" value={own.queues.anchored.toLocaleString()} hint="record versions with a proof" />}
            {own?.queues?.anchorLagMs !== undefined && <Tile name="Anchoring lag" value={`${(own.queues.anchorLagMs / 1_000).toFixed(1)} s`} hint="oldest write without a proof" warn={own.queues.anchorLagMs > QUEUE_LAG_MAX_MS} />}
            {own?.moves && <MoveTiles moves={own.moves} />}
          </Tiles>
          <Section title="Nodes" hint="Lag is how many blocks a node is behind the newest. A few are normal.">
            <Card><Nodes nodes={state.organisations} /></Card>
          </Section>
        </>
      )}
    </Page>
  );
}

const sum = (by: Record<string, number>) => Object.values(by).reduce((all, one) => all + one, 0);

/** Shown from the first change of the custodians on. */
function MoveTiles({ moves }: { moves: NonNullable<NodeState['moves']> }) {
  const { moved, toMove, late, receiptsOwed, faults } = moves;
  const [missing, wrong] = [sum(receiptsOwed), sum(faults)];
  if (moved + toMove + missing + wrong === 0) return null;
  return (
    <>
      <Tile name="Moving to other custodians" value={(toMove + late).toLocaleString()} hint={`batches; ${moved.toLocaleString()} have moved`} />
      <Tile name="Receipts missing" value={missing.toLocaleString()} hint={missing > 0 ? `old shares not yet destroyed: ${Object.keys(receiptsOwed).join(', ')}` : 'old shares are destroyed, as signed receipts say'} warn={missing > 0 && toMove + late === 0} />
      {wrong > 0 && <Tile name="Faults of custodians" value={wrong.toLocaleString()} hint={`what they gave did not hold: ${Object.keys(faults).join(', ')}`} warn />}
    </>
  );
}

function Nodes({ nodes }: { nodes: NodeState[] }) {
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Nodes">
      <table className={css.table}>
        <thead><tr><th scope="col">Organisation</th><th scope="col">State</th><th scope="col">Height</th><th scope="col">Lag</th><th scope="col">Peers</th></tr></thead>
        <tbody>
          {nodes.map((node) => (
            <tr key={node.organisation}>
              <th scope="row">{node.name ?? node.organisation}</th>
              <td>{!node.reachable ? <Tag tone="bad" icon="alert-triangle">Not reachable</Tag> : node.lag > LAG_MAX ? <Tag tone="warn" icon="clock">Catching up</Tag> : <Tag tone="accent" icon="check">In step</Tag>}</td>
              <td>{node.reachable ? node.height.toLocaleString() : '–'}</td>
              <td>{node.reachable ? node.lag : '–'}</td>
              <td>{node.reachable ? node.peers : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

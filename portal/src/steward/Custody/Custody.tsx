import { staff, type CustodianAnswers, type CustodyState } from '../../api/staff';
import { fromNow, timeOfMs } from '../../ui/fhir/dates';
import { useLoad, useNow } from '../../ui/hooks';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import overview from '../Overview/Overview.module.css';
import { Tile, Tiles } from '../Tile/Tile';
import css from './Custody.module.css';

const REFRESH_MS = 10_000;
/** Every batch is read through once a day; two days without is worth a look. */
const CHECK_LATE_MS = 2 * 86_400_000;

const sum = (by: Record<string, number>) => Object.values(by).reduce((all, one) => all + one, 0);
const counted = (count: number, one: string, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** Whether every sealed copy is there and whole, and whether what was given out was announced first. */
export function Custody({ nameOf }: { nameOf: (id: string) => string }) {
  const load = useLoad('custody', () => staff.custody(), REFRESH_MS);
  const state = load.value;
  return (
    <Page title="Custody" lead="Sealed copies of every record lie with three organisations; any two of them are enough. Here you see whether they are all there." wide>
      {load.error && <ErrorNote message={load.error} onRetry={load.again} />}
      {load.loading && <Skeletons rows={5} />}
      {state && (
        <>
          <Warnings state={state} nameOf={nameOf} />
          <Section title="Our records, kept by others" hint="Every minute, each keeper is asked to show a few entries drawn at random. What it shows is compared with what we know of them.">
            <Moves state={state} />
            <Keepers challenges={state.challenges} nameOf={nameOf} />
          </Section>
          <Section title="Others’ records, kept by us" hint="We read everything through once a day, and give out nothing that is damaged. Its owner brings a new copy by itself.">
            <Kept kept={state.kept} />
          </Section>
          <Section title="What we gave out" hint="Each time we gave part of a key to somebody, an entry in the network’s shared record must have announced it.">
            <Audit audit={state.audit} />
          </Section>
        </>
      )}
    </Page>
  );
}

function Warnings({ state, nameOf }: { state: CustodyState; nameOf: (id: string) => string }) {
  const losing = Object.entries(state.challenges).filter(([, one]) => one.lost > 0);
  const wrong = state.audit?.mismatches ?? 0;
  return (
    <>
      {wrong > 0 && <Note tone="bad" title={`${counted(wrong, 'time')} something was given out that nobody announced`}>Somebody may have changed the program or its data. Keep everything as it is, and look into it now; the list is below.</Note>}
      {losing.length > 0 && <Note tone="warn" title={`Copies are missing at ${losing.map(([id]) => nameOf(id)).join(', ')}`}>They are being made again from the two others. Nothing is lost as long as two good copies remain.</Note>}
      {state.kept.damaged > 0 && <Note tone="warn" title={`${counted(state.kept.damaged, 'batch', 'batches')} we keep for others ${state.kept.damaged === 1 ? 'is' : 'are'} damaged`}>Look at the disk of this organisation’s node. New copies are on their way.</Note>}
    </>
  );
}

function Moves({ state: { moves, challenges, repaired } }: { state: CustodyState }) {
  const lost = Object.values(challenges).reduce((all, one) => all + one.lost, 0);
  const [missing, wrong] = [sum(moves.receiptsOwed), sum(moves.faults)];
  return (
    <Tiles>
      <Tile name="Repairs under way" value={lost.toLocaleString()} hint="copies that a keeper has lost" warn={lost > 0} />
      <Tile name="Repaired" value={repaired.toLocaleString()} hint="copies made again so far" />
      <Tile name="To move" value={(moves.toMove + moves.late).toLocaleString()} hint={`batches on their way to keepers; ${moves.moved.toLocaleString()} have arrived`} />
      <Tile name="Receipts missing" value={missing.toLocaleString()} hint={missing > 0 ? 'old parts of keys that are not yet deleted' : 'old parts of keys are deleted, as signed receipts say'} />
      {wrong > 0 && <Tile name="False answers" value={wrong.toLocaleString()} hint="what a keeper gave was not what it should be" warn />}
    </Tiles>
  );
}

function Keepers({ challenges, nameOf }: { challenges: Record<string, CustodianAnswers>; nameOf: (id: string) => string }) {
  const keepers = Object.entries(challenges).sort(([a], [b]) => a.localeCompare(b));
  if (keepers.length === 0) return <Empty icon="shield" title="Nobody was asked yet">Once records of this organisation are sealed, their keepers are asked every minute.</Empty>;
  return (
    <Card>
      <div className={overview.scroll} tabIndex={0} role="region" aria-label="Keepers of our records">
        <table className={overview.table}>
          <thead><tr><th scope="col">Kept by</th><th scope="col">State</th><th scope="col">Answers</th><th scope="col">Last good answer</th></tr></thead>
          <tbody>
            {keepers.map(([id, one]) => (
              <tr key={id}>
                <th scope="row">{nameOf(id)}</th>
                <td>{one.lost > 0 ? <Tag tone="bad" icon="alert-triangle">{counted(one.lost, 'copy', 'copies')} missing</Tag> : <Tag tone="accent" icon="check">All there</Tag>}</td>
                <td><Answers of={one} /></td>
                <td>{one.passedMs > 0 ? fromNow(one.passedMs) : 'never'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

/** Good answers from the left, then bad ones, then none. The words below say the same. */
function Answers({ of: { passed, failed, unanswered } }: { of: CustodianAnswers }) {
  const all = Math.max(1, passed + failed + unanswered);
  const share = (count: number) => ({ flexGrow: count / all });
  return (
    <div className={css.answers}>
      <div className={css.bar} aria-hidden="true">
        {passed > 0 && <span className={css.passed} style={share(passed)} />}
        {failed > 0 && <span className={css.failed} style={share(failed)} />}
        {unanswered > 0 && <span className={css.silent} style={share(unanswered)} />}
      </div>
      <span>{counted(passed, 'good', 'good')}, {counted(failed, 'bad', 'bad')}, {counted(unanswered, 'without answer', 'without answer')}</span>
    </div>
  );
}

function Kept({ kept: { batches, damaged, unchecked, oldestCheckMs, everDamaged, tablesDamaged } }: { kept: CustodyState['kept'] }) {
  const now = useNow(60_000);
  const late = oldestCheckMs > 0 && now - oldestCheckMs > CHECK_LATE_MS;
  return (
    <>
    {tablesDamaged && <Note tone="warn" title="The vault’s own tables are damaged">Ask whoever runs the node to put a backup in their place. What depends on the damaged entries is refused until then.</Note>}
    <Tiles>
      <Tile name="Batches kept" value={batches.toLocaleString()} hint={unchecked > 0 ? `${unchecked.toLocaleString()} not read through yet` : 'all read through'} />
      <Tile name="Damaged" value={damaged.toLocaleString()} hint={`${everDamaged.toLocaleString()} so far, ever`} warn={damaged > 0} />
      <Tile name="Oldest check" value={oldestCheckMs > 0 ? fromNow(oldestCheckMs) : '–'} hint="since the last look at any one of them" warn={late} />
    </Tiles>
    </>
  );
}

function Audit({ audit }: { audit: CustodyState['audit'] }) {
  if (!audit) return <Empty icon="eye" title="Not compared yet">It is compared every hour, and after each start.</Empty>;
  return (
    <>
      <Tiles>
        <Tile name="Given out" value={audit.releases.toLocaleString()} hint={`compared ${fromNow(audit.timeMs)}`} />
        <Tile name="Not announced" value={audit.mismatches.toLocaleString()} hint={audit.mismatches === 0 ? 'each has its entry' : 'without a fitting entry'} warn={audit.mismatches > 0} />
      </Tiles>
      {audit.first.length > 0 && (
        <Card>
          <div className={overview.scroll} tabIndex={0} role="region" aria-label="Given out without being announced">
            <table className={overview.table}>
              <thead><tr><th scope="col">Entry</th><th scope="col">What is wrong</th></tr></thead>
              <tbody>{audit.first.map((one) => <tr key={one.access + one.what}><th scope="row">{one.access.slice(0, 16)}</th><td>{one.what}</td></tr>)}</tbody>
            </table>
          </div>
          <p>Compared on {timeOfMs(audit.timeMs)}.</p>
        </Card>
      )}
    </>
  );
}

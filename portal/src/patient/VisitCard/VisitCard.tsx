import { useState } from 'react';
import { Link } from 'react-router';
import { shortDay, UNDATED_MS } from '../../ui/fhir/dates';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { Icon } from '../../ui/icons';
import { useOrganisationName } from '../session/useSession';
import type { Visit } from '../timeline/group';
import { Verified } from '../Verified/Verified';
import css from './VisitCard.module.css';

const SHOWN_FIRST = 3;

/** Of a visit's entries, the verdict to worry about most. */
function worst({ head, entries }: Visit) {
  const verdicts = [...(head ? [head] : []), ...entries].map((entry) => entry.record.verdict);
  return verdicts.find((verdict) => verdict && !verdict.ok) ?? (verdicts.every((verdict) => verdict?.ok) ? verdicts[0] : undefined);
}

/** A visit with what came of it, the notable first; an entry without a visit stands alone. */
export function VisitCard({ visit }: { visit: Visit }) {
  const [all, setAll] = useState(false);
  const nameOf = useOrganisationName();
  const { head, entries } = visit;
  const source = nameOf((head ?? entries[0]!).record.source);
  if (!head && entries.length === 1) {
    const { record, described } = entries[0]!;
    return <RecordList><RecordRow described={described} to={`/record/${record.key}`} source={<span>{source}</span>} marks={<Verified verdict={record.verdict} />} /></RecordList>;
  }
  const shown = all ? entries : entries.slice(0, SHOWN_FIRST);
  return (
    <article className={css.visit}>
      <header className={css.head}>
        <p className={css.when}>{visit.ms !== UNDATED_MS && `${shortDay(new Date(visit.ms).toISOString())} · `}{source} <Verified verdict={worst(visit)} /></p>
        <h4 className={css.title}>{head ? <Link to={`/record/${head.record.key}`}>{head.described.title}</Link> : 'Results'}</h4>
        {head?.described.detail && <p className={css.detail}>{head.described.detail}</p>}
      </header>
      {entries.length > 0 && (
        <RecordList>{shown.map(({ record, described }) => <RecordRow key={record.key} described={described} to={`/record/${record.key}`} showDate={false} />)}</RecordList>
      )}
      {entries.length > SHOWN_FIRST && (
        <button type="button" className={`${css.more} no-print`} aria-expanded={all} onClick={() => setAll(!all)}>
          <Icon name="chevron-down" size={18} className={all ? css.up : undefined} />
          {all ? 'Show less' : `Show all ${entries.length}`}
        </button>
      )}
    </article>
  );
}

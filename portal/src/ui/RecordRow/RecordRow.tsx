import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { shortDay } from '../fhir/dates';
import type { Described } from '../fhir/describe';
import { Icon } from '../icons';
import css from './RecordRow.module.css';

interface Props {
  described: Described;
  to?: string;
  state?: unknown;
  /** Where there is no page of its own. */
  onOpen?: () => void;
  source?: ReactNode;
  marks?: ReactNode;
  showDate?: boolean;
}

const OUT = new Set(['low', 'high', 'slightly-low', 'slightly-high', 'unusual']);

/** One line of a record: what, its value in words, when and from whom. */
export function RecordRow({ described, to, state, onOpen, source, marks, showDate = true }: Props) {
  const { title, detail, date, standing, icon, kind } = described;
  const body = (
    <>
      <span className={`${css.icon} ${OUT.has(standing) ? css.out : ''}`}><Icon name={icon} /></span>
      <span className={css.words}>
        <span className={css.title}>
          <span className="visually-hidden">{kind}: </span>
          {title}
        </span>
        {detail && <span className={`${css.detail} ${OUT.has(standing) ? css.outText : ''}`}>{detail}</span>}
        <span className={css.meta}>
          {showDate && date && <span>{shortDay(date)}</span>}
          {source}
          {marks}
        </span>
      </span>
      {(to || onOpen) && <Icon name="chevron-right" className={css.chevron} size={20} />}
    </>
  );
  return (
    <li className={css.item}>
      {to ? <Link to={to} state={state} className={css.row}>{body}</Link>
        : onOpen ? <button type="button" className={css.row} aria-haspopup="dialog" onClick={onOpen}>{body}</button>
        : <div className={css.row}>{body}</div>}
    </li>
  );
}

export function RecordList({ children }: { children: ReactNode }) {
  return <ul className={css.list}>{children}</ul>;
}

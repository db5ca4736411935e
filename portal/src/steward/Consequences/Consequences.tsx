import type { Change, Member } from '../../api/staff';
import { Note } from '../../ui/Note/Note';
import { effectsOf } from '../governance/effects';
import css from './Consequences.module.css';

/** What a change means; a warning if somebody loses something. */
export function Consequences({ change, members }: { change: Change; members: readonly Member[] }) {
  const { lines, serious } = effectsOf(change, members);
  if (lines.length === 0) return null;
  const list = <ul className={`${css.lines} ${serious ? css.warned : ''}`}>{lines.map((line) => <li key={line}>{line}</li>)}</ul>;
  return serious ? <Note tone="warn" title="What this means">{list}</Note> : list;
}

import type { ReactNode } from 'react';
import css from './Tile.module.css';

export function Tiles({ children }: { children: ReactNode }) {
  return <div className={css.tiles}>{children}</div>;
}

/** One figure, and what it says. */
export function Tile({ name, value, hint, warn }: { name: string; value: string; hint: string; warn?: boolean }) {
  return (
    <div className={`${css.tile} ${warn ? css.warn : ''}`}>
      <p className={css.name}>{name}</p>
      <p className={css.value}>{value}</p>
      <p className={css.hint}>{hint}</p>
    </div>
  );
}

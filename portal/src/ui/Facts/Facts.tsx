import type { ReactNode } from 'react';
import css from './Facts.module.css';

/** Names and values; empty ones are left out. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  const shown = of.filter(([, value]) => value !== '' && value !== null && value !== undefined && value !== false);
  return (
    <dl className={css.facts}>
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

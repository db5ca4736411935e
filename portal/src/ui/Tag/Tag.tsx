import type { ReactNode } from 'react';
import { Icon, type IconName } from '../icons';
import css from './Tag.module.css';

export type Tone = 'plain' | 'accent' | 'warn' | 'bad' | 'shared';

/** A short label. Colour never speaks alone: the words say the same. */
export function Tag({ tone = 'plain', icon, children }: { tone?: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`${css.tag} ${css[tone]}`}>
      {icon && <Icon name={icon} size={16} />}
      {children}
    </span>
  );
}

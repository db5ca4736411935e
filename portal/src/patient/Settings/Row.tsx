import type { ReactNode } from 'react';
import { Icon, type IconName } from '../../ui/icons';
import css from './Settings.module.css';

/** One thing to set, with what it is and its buttons. */
export function Row({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={css.row}>
      <Icon name={icon} size={24} className={css.icon} />
      <div className={css.words}><p className={css.title}>{title}</p>{children && <div className={css.soft}>{children}</div>}</div>
      {action && <div className={css.action}>{action}</div>}
    </div>
  );
}

import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { Icon, type IconName } from '../icons';
import css from './Note.module.css';

type Tone = 'info' | 'good' | 'warn' | 'bad';
const ICONS: Record<Tone, IconName> = { info: 'info-circle', good: 'check', warn: 'alert-triangle', bad: 'alert-triangle' };

/** Something to know. A bad one is announced at once. */
export function Note({ tone = 'info', title, children, action }: { tone?: Tone; title?: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={`${css.note} ${css[tone]}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon name={ICONS[tone]} className={css.icon} />
      <div className={css.words}>
        {title && <p className={css.title}>{title}</p>}
        {children && <div>{children}</div>}
        {action && <div className={css.action}>{action}</div>}
      </div>
    </div>
  );
}

/** What went wrong and what to do. */
export function ErrorNote({ title = 'That did not work', message, onRetry }: { title?: string; message: string; onRetry?: () => void }) {
  return (
    <Note tone="bad" title={title} action={onRetry && <Button variant="default" onClick={onRetry}>Try again</Button>}>
      {message}
    </Note>
  );
}

/** Nothing here, and what to do about it. */
export function Empty({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className={css.empty}>
      <span className={css.disc}><Icon name={icon} size={30} /></span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Skeletons({ rows = 4, label = 'Loading' }: { rows?: number; label?: string }) {
  return (
    <div className={css.skeletons} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, at) => <Skeleton key={at} height={68} radius={14} />)}
    </div>
  );
}

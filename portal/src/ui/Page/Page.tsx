import { useEffect, useRef, type ReactNode } from 'react';
import { Link } from 'react-router';
import { Icon } from '../icons';
import css from './Page.module.css';

interface Props {
  title: string;
  lead?: ReactNode;
  back?: { to: string; label: string };
  action?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

/** One page: its title is announced and focused when it opens, so that nobody is lost after a link. */
export function Page({ title, lead, back, action, wide, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Salus`;
    if (document.activeElement === document.body || document.activeElement?.tagName === 'A') heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [title]);
  return (
    <div className={wide ? css.wide : css.page}>
      {back && (
        <Link to={back.to} className={`${css.back} no-print`}>
          <Icon name="arrow-left" size={20} /> {back.label}
        </Link>
      )}
      <header className={css.header}>
        <div>
          <h1 ref={heading} tabIndex={-1} className={css.title}>{title}</h1>
          {lead && <p className={css.lead}>{lead}</p>}
        </div>
        {action && <div className={`${css.action} no-print`}>{action}</div>}
      </header>
      {children}
    </div>
  );
}

export function Section({ title, hint, children, id }: { title?: string; hint?: ReactNode; children: ReactNode; id?: string }) {
  return (
    <section className={css.section} id={id}>
      {title && <h2 className={css.sectionTitle}>{title}</h2>}
      {hint && <p className={css.hint}>{hint}</p>}
      {children}
    </section>
  );
}

export function Card({ children, tone, className }: { children: ReactNode; tone?: 'plain' | 'soft'; className?: string }) {
  return <div className={`${css.card} ${tone === 'soft' ? css.soft : ''} ${className ?? ''}`}>{children}</div>;
}

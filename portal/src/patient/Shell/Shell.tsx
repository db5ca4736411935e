import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link, NavLink } from 'react-router';
import { Icon, type IconName } from '../../ui/icons';
import { Note } from '../../ui/Note/Note';
import { session } from '../session/session';
import { useOnline, useSession } from '../session/useSession';
import css from './Shell.module.css';

const TABS: { to: string; label: string; icon: IconName }[] = [
  { to: '/', label: 'My record', icon: 'clipboard-heart' },
  { to: '/sharing', label: 'Sharing', icon: 'share' },
  { to: '/looked', label: 'Who looked', icon: 'eye' },
  { to: '/settings', label: 'Settings', icon: 'settings' },
];

/** Number of things that wait for the person, by tab. */
function useWaiting(): Record<string, number> {
  const { accesses, profile } = useSession();
  const open = (accesses?.requests ?? []).filter((request) => !profile?.answered.includes(request.id));
  const fresh = (accesses?.accesses ?? []).filter((access) => access.timeMs > (profile?.seenMs ?? 0));
  return { '/sharing': open.length, '/looked': fresh.length };
}

export function Shell({ children }: { children: ReactNode }) {
  const { phase, freshCode, lockingSoon } = useSession();
  const online = useOnline();
  const waiting = useWaiting();
  const open = phase === 'open' && !freshCode;
  return (
    <div className={`${css.shell} ${open ? css.withTabs : ''}`}>
      <a href="#main" className={css.skip}>Skip to content</a>
      <header className={`${css.top} no-print`}>
        <Link to="/" className={css.brand}><img src="/icon.svg" alt="" width={30} height={30} /> Salus</Link>
        {phase === 'open' && (
          <button type="button" className={css.lock} onClick={session.lock}><Icon name="lock" size={20} /> Lock</button>
        )}
      </header>
      {open && (
        <nav className={`${css.tabs} no-print`} aria-label="Main">
          {TABS.map(({ to, label, icon }) => (
            <NavLink key={to} to={to} end={to === '/'} className={({ isActive }) => `${css.tab} ${isActive ? css.active : ''}`}>
              <span className={css.tabIcon}>
                <Icon name={icon} size={24} />
                {!!waiting[to] && <span className={css.dot} aria-hidden="true" />}
              </span>
              {label}
              {!!waiting[to] && <span className="visually-hidden">, {waiting[to]} new</span>}
            </NavLink>
          ))}
        </nav>
      )}
      <main id="main" className={css.main}>
        {lockingSoon && (
          <div className={`${css.soon} no-print`}>
            <Note tone="warn" title="Your record locks in a minute" action={<Button variant="default" onClick={session.touch}>Keep it open</Button>}>You have not used it for a while.</Note>
          </div>
        )}
        {!online && (
          <p className={`${css.offline} no-print`} role="status">
            <Icon name="wifi-off" size={18} /> You are offline. You see the copy on this device.
          </p>
        )}
        {children}
      </main>
    </div>
  );
}

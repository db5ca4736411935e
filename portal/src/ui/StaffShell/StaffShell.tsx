import type { ReactNode } from 'react';
import { Link, NavLink } from 'react-router';
import type { StaffMember } from '../../api/staff';
import { Icon, type IconName } from '../icons';
import css from './StaffShell.module.css';

export interface StaffTab {
  to: string;
  label: string;
  icon: IconName;
  end?: boolean;
}

/** More than fit beside each other on most screens. */
const MANY = 5;

/** The frame of the pages for staff: who is signed in, where, and the way out. */
export function StaffShell({ home, area, tabs, me, onSignOut, children }: { home: string; area: string; tabs: StaffTab[]; me: StaffMember | null; onSignOut: () => void; children: ReactNode }) {
  return (
    <div className={`${css.shell} ${tabs.length > MANY ? css.many : ''}`}>
      <a href="#main" className={css.skip}>Skip to content</a>
      <header className={`${css.top} no-print`}>
        <Link to={home} className={css.brand}><img src="/icon.svg" alt="" width={30} height={30} /> Salus <span className={css.area}>{area}</span></Link>
        {me && (
          <nav className={css.tabs} aria-label="Main">
            {tabs.map(({ to, label, icon, end }) => <NavLink key={to} to={to} end={end} className={({ isActive }) => `${css.tab} ${isActive ? css.active : ''}`}><Icon name={icon} size={20} /> {label}</NavLink>)}
          </nav>
        )}
        {me && (
          <div className={css.me}>
            <span className={css.name}>{me.name}<span className={css.org}>{me.organisation}</span></span>
            <button type="button" className={css.out} onClick={onSignOut}><Icon name="logout" size={20} /><span className="visually-hidden">Sign out</span></button>
          </div>
        )}
      </header>
      <main id="main" className={css.main}>{children}</main>
    </div>
  );
}

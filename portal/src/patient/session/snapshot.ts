/** What views see of a session at one moment. */
import type { AccessReport } from './accesses';
import type { Surroundings } from './network';
import type { Profile } from './profile';
import { NO_PROXIES, type ProxiesView } from './proxies';
import type { PaperPart, RecoveryAttempt } from './recovering';
import type { RecordItem } from './sync';

export interface SyncState {
  state: 'idle' | 'working' | 'done' | 'failed';
  done: number;
  total: number;
  /** Organisations that did not answer. */
  silent: string[];
  missing: number;
  atMs?: number;
  message?: string;
}

export interface Snapshot {
  phase: 'out' | 'opening' | 'open' | 'locked';
  profile: Profile | null;
  around: Surroundings | null;
  records: RecordItem[];
  sync: SyncState;
  accesses: (AccessReport & { state: 'loading' | 'ready' | 'failed' }) | null;
  /** Shares that are about to be stopped, by share id, with the time at which that is sent. */
  stopping: Record<string, number>;
  /** Nobody has touched the page for a while: it locks within a minute. */
  lockingSoon: boolean;
  /** Organisations at which, as is proven, this person's key is not registered: somebody may have another in its place. */
  keysGone: string[];
  /** A recovery code that was made and not yet kept by the person. */
  freshCode: string | null;
  /** Parts of the root on paper that were made and not yet kept by the person. */
  freshPapers: PaperPart[] | null;
  /** Attempts to recover the root that are not the person's own. */
  recoveries: RecoveryAttempt[];
  /** Whether somebody recovers could not be found out at this start. */
  recoveriesUnchecked: boolean;
  /** People who act for the person, and what they did. */
  proxies: ProxiesView;
}

export const CLOSED: Snapshot = {
  phase: 'out',
  profile: null,
  around: null,
  records: [],
  sync: { state: 'idle', done: 0, total: 0, silent: [], missing: 0 },
  accesses: null,
  stopping: {},
  lockingSoon: false,
  keysGone: [],
  freshCode: null,
  freshPapers: null,
  recoveries: [],
  recoveriesUnchecked: false,
  proxies: NO_PROXIES,
};

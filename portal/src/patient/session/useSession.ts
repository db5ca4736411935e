import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { isOnline, onConnection } from '../../api/http';
import { setPerson } from '../../ui/fhir/person';
import { useLive } from '../../ui/useLive';
import { session, type Snapshot } from './session';
import { currentRecords, type RecordItem } from './sync';

export const useSession = (): Snapshot => useSyncExternalStore(session.subscribe, session.get);

export function useRecords(): RecordItem[] {
  const { records } = useSession();
  return useMemo(() => {
    const current = currentRecords(records);
    setPerson(current.find((one) => one.resource.resourceType === 'Patient')?.resource.birthDate);
    return current;
  }, [records]);
}

export const useOnline = (): boolean => useSyncExternalStore(onConnection, isOnline);

/** Locks after five minutes without a key, a touch or a click; asks before the page goes while something is being stopped. */
export function useIdleLock(): void {
  useEffect(() => {
    const events = ['pointerdown', 'keydown', 'scroll', 'touchstart'] as const;
    for (const event of events) window.addEventListener(event, session.touch, { passive: true });
    const leaving = (event: BeforeUnloadEvent) => {
      if (Object.keys(session.get().stopping).length > 0) event.preventDefault();
    };
    window.addEventListener('beforeunload', leaving);
    return () => {
      window.removeEventListener('beforeunload', leaving);
      for (const event of events) window.removeEventListener(event, session.touch);
    };
  }, []);
}

/** How often it is asked what the other has done, while somebody looks at the page. */
const PROXIES_LOOK_MS = 15_000;

/** Looks, now and again, who answered, what was confirmed and what was done. */
export function useProxiesLook(): void {
  useEffect(() => {
    const look = () => void session.proxies.goOn().catch(() => undefined);
    look();
    const timer = setInterval(look, PROXIES_LOOK_MS);
    return () => clearInterval(timer);
  }, []);
}

/** A record is brought up to date this often at most: what the ledger says may concern anybody. */
const LIVE_PAUSE_MS = 60_000;
/** What may mean a new record, a new access, or an end of what was allowed. */
const TELLING = new Set(['Anchor', 'Access', 'Grant', 'Revoke', 'Dropped', 'BreakGlass', 'OrderErasure']);

function tells(data: string): boolean {
  const block = JSON.parse(data) as { transactions: { action: string }[] };
  return block.transactions.some((one) => TELLING.has(one.action));
}

/** Follows the ledger, which tells everybody everything, so that no node learns whose record this page shows. */
export function useLiveRecord(): void {
  const { phase } = useSession();
  useLive(phase === 'open' ? '/ledger/events' : null, 'block', () => void session.refresh(true), LIVE_PAUSE_MS, tells);
}

/** What failed without a connection is tried again when there is one. */
export function useReconnect(): void {
  useEffect(() => onConnection((online) => {
    if (online && session.get().sync.state === 'failed') void session.refresh();
  }), []);
}

/** The name under which the network knows an organisation. */
export function useOrganisationName(): (id: string) => string {
  const { around } = useSession();
  return (id) => around?.organisations.find((one) => one.id === id)?.name ?? id;
}

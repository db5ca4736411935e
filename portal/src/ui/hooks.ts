import { useCallback, useEffect, useRef, useState } from 'react';
import { plainWords } from '../api/http';

/** An action with its progress and its error in plain words; a second call while one runs does nothing. */
export function useAction<A extends unknown[]>(run: (...args: A) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const running = useRef(false);
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  const go = useCallback(async (...args: A) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(null);
    try {
      await latest.current(...args);
    } catch (thrown) {
      setError(plainWords(thrown));
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, error, go, clear: () => setError(null) };
}

export interface Loaded<T> {
  value: T | null;
  error: string | null;
  loading: boolean;
  again: () => void;
}

/** Loads once for `key`, and again on demand or every `everyMs`. */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null; loading: boolean }>({ value: null, error: null, loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  useEffect(() => {
    const abort = new AbortController();
    latest.current(abort.signal).then(
      (value) => !abort.signal.aborted && setState({ value, error: null, loading: false }),
      (error: unknown) => !abort.signal.aborted && setState((known) => ({ value: known.value, error: plainWords(error), loading: false })),
    );
    const timer = everyMs ? setTimeout(() => setRound((at) => at + 1), everyMs) : undefined;
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, round, everyMs]);
  return { ...state, again: () => setRound((at) => at + 1) };
}

/** The time, again every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

import { useEffect, useRef } from 'react';

/** Changes come in groups: a page asks again once, a moment after the first. */
const SETTLE_MS = 500;

/**
 * Calls `onChange` when a stream of server-sent events says that something changed: a moment after the first of several,
 * at most every `pauseMs`, and while somebody looks at the page. The stream tells that, and nothing else.
 */
export function useLive(url: string | null, event: string, onChange: () => void, pauseMs: number, wanted: (data: string) => boolean = () => true): void {
  const latest = useRef({ onChange, wanted });
  useEffect(() => {
    latest.current = { onChange, wanted };
  });
  useEffect(() => {
    if (!url || typeof EventSource === 'undefined') return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = -Infinity;
    let missed = false;
    const tell = () => {
      timer = undefined;
      missed = document.hidden;
      if (missed) return;
      last = Date.now();
      latest.current.onChange();
    };
    const hear = (message: MessageEvent<string>) => {
      if (timer !== undefined || !latest.current.wanted(message.data)) return;
      timer = setTimeout(tell, Math.max(SETTLE_MS, last + pauseMs - Date.now()));
    };
    const look = () => {
      if (missed && !document.hidden) tell();
    };
    const source = new EventSource(url);
    source.addEventListener(event, hear);
    document.addEventListener('visibilitychange', look);
    return () => {
      source.close();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [url, event, pauseMs]);
}

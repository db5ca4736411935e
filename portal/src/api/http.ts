/**
 * Requests to the node that served this page: errors in plain words, retries for what is temporarily unavailable,
 * and whether we are online.
 */

export type Problem = 'offline' | 'unavailable' | 'signed-out' | 'forbidden' | 'not-found' | 'refused' | 'broken' | 'busy';

const WORDS: Record<Problem, string> = {
  offline: 'You seem to be offline. Check your connection; we will try again.',
  unavailable: 'This is not available at the moment. Please try again in a few minutes.',
  'signed-out': 'You have been signed out. Please sign in again.',
  forbidden: 'You are not allowed to do this.',
  'not-found': 'This could not be found.',
  refused: 'The request was refused.',
  busy: 'Too many tries. Please wait a minute and try again.',
  broken: 'Something went wrong on our side. Please try again; nothing has been lost.',
};

export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    message?: string,
    readonly code?: string,
    readonly status?: number,
  ) {
    super(message || WORDS[problem]);
    this.name = 'ApiError';
  }
}

/** What to show a person for anything that can be thrown. */
export function plainWords(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof DOMException && error.name === 'AbortError') return 'Stopped.';
  if (error instanceof Error && error.name === 'PlainError') return error.message;
  return WORDS.broken;
}

/** An error whose message is written for people. */
export class PlainError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PlainError';
  }
}

type Listener = (online: boolean) => void;
const listeners = new Set<Listener>();
let reachable = true;

export const isOnline = (): boolean => reachable && (typeof navigator === 'undefined' || navigator.onLine !== false);
export function onConnection(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
/** The browser says when the device is connected, not when a node answers again: that is found out by asking. */
const PROBE_MS = 3_000;
let probe: ReturnType<typeof setTimeout> | undefined;

async function askAgain(): Promise<void> {
  try {
    if (navigator.onLine === false) throw new ApiError('offline');
    await fetch('/ledger/head', { cache: 'no-store' });
    setReachable(true);
  } catch {
    probe = setTimeout(() => void askAgain(), PROBE_MS);
  }
}

function setReachable(now: boolean): void {
  if (now === reachable) return;
  reachable = now;
  clearTimeout(probe);
  if (!now && typeof window !== 'undefined') probe = setTimeout(() => void askAgain(), PROBE_MS);
  tell();
}
function tell(): void {
  for (const listener of listeners) listener(isOnline());
}
if (typeof window !== 'undefined') {
  window.addEventListener('online', () => {
    setReachable(true);
    // An answer that was under way when the connection went may have said that already: the browser itself says more.
    tell();
  });
  window.addEventListener('offline', () => setReachable(false));
}

export interface Ask {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  json?: unknown;
  bytes?: Uint8Array;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Tries for what is temporarily unavailable; only safe requests are repeated by default. */
  tries?: number;
  timeoutMs?: number;
}

const RETRIED = new Set([502, 503, 504]);
const DELAYS_MS = [400, 1_200, 3_000];

function problemOf(status: number): Problem {
  if (status === 401) return 'signed-out';
  if (status === 403) return 'forbidden';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'busy';
  if (RETRIED.has(status)) return 'unavailable';
  return status >= 500 ? 'broken' : 'refused';
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem = problemOf(response.status);
  const body: unknown = await response.json().catch(() => null);
  const { error, message, issue } = (body ?? {}) as {
    error?: string;
    message?: string;
    issue?: { diagnostics?: string; details?: { text?: string } }[];
  };
  const words = message ?? issue?.[0]?.details?.text ?? issue?.[0]?.diagnostics;
  return new ApiError(problem, words, error, response.status);
}

const sleep = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });

/** `AbortSignal.any`, which phones of 2023 do not have yet. */
function either(a: AbortSignal | undefined, b: AbortSignal): AbortSignal {
  if (!a) return b;
  const both = new AbortController();
  for (const signal of [a, b]) {
    if (signal.aborted) both.abort(signal.reason);
    signal.addEventListener('abort', () => both.abort(signal.reason), { once: true });
  }
  return both.signal;
}

async function once(path: string, ask: Ask): Promise<Response> {
  const timeout = AbortSignal.timeout(ask.timeoutMs ?? 40_000);
  const init: RequestInit = {
    method: ask.method ?? (ask.json !== undefined || ask.bytes ? 'POST' : 'GET'),
    headers: { ...ask.headers },
    credentials: 'same-origin',
    signal: either(ask.signal, timeout),
  };
  const headers = init.headers as Record<string, string>;
  if (ask.json !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(ask.json);
  } else if (ask.bytes) {
    headers['content-type'] = 'application/octet-stream';
    init.body = ask.bytes as Uint8Array<ArrayBuffer>;
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (ask.signal?.aborted) throw error;
    if (timeout.aborted) throw new ApiError('unavailable', 'No answer came in time. Please try again.');
    setReachable(false);
    throw new ApiError('offline');
  }
  setReachable(true);
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function request(path: string, ask: Ask = {}): Promise<Response> {
  const safe = ask.json === undefined && !ask.bytes && (ask.method ?? 'GET') === 'GET';
  const tries = ask.tries ?? (safe ? 4 : 1);
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(path, ask);
    } catch (error) {
      const again = error instanceof ApiError && (error.problem === 'unavailable' || error.problem === 'offline');
      if (!again || attempt >= tries) throw error;
      await sleep(DELAYS_MS[attempt - 1] ?? 3_000, ask.signal);
    }
  }
}

export const getJson = async <T>(path: string, ask?: Ask): Promise<T> => (await (await request(path, ask)).json()) as T;
export const getBytes = async (path: string, ask?: Ask): Promise<Uint8Array> =>
  new Uint8Array(await (await request(path, ask)).arrayBuffer());
/** `null` where there is nothing. */
export async function ifFound<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.problem === 'not-found') return null;
    throw error;
  }
}

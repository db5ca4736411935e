/** Feeds: what the organisation’s own systems send, and what of it could not be filed. */
import { getJson, request } from './http';

export interface Feed {
  name: string;
  kind: 'messages' | 'documents' | 'folder' | 'server';
  /** Where it listens, or what it asks. */
  place: string;
  encrypted: boolean;
  connections: number;
  trouble: string | null;
  received: number;
  filed: number;
  unchanged: number;
  refused: number;
  waiting: number;
  replayed: number;
  discarded: number;
  lastMs: number | null;
  lastKind: string | null;
}
/** What could not be filed. */
export interface WaitingMessage {
  number: number;
  receivedMs: number;
  kind: string;
  reason: string;
  bytes: number;
  attempts: number;
  /** It would bring back what was erased. */
  erased: boolean;
  /** With letters and digits covered; only of one that is looked at. */
  covered?: string;
}

const of = (feed: string) => `/staff/feeds/${encodeURIComponent(feed)}`;

export const feeds = {
  list: () => getJson<Feed[]>('/staff/feeds'),
  waiting: (feed: string) => getJson<WaitingMessage[]>(`${of(feed)}/letters`),
  look: (feed: string, number: number) => getJson<WaitingMessage>(`${of(feed)}/letters/${number}`),
  replay: (feed: string, number?: number) =>
    getJson<{ filed: number; failed: number }>(`${of(feed)}${number === undefined ? '' : `/letters/${number}`}/replay`, { method: 'POST', timeoutMs: 120_000 }),
  restore: (feed: string, number: number, reason: string) => getJson<{ filed: number; failed: number }>(`${of(feed)}/letters/${number}/restore`, { json: { reason } }),
  discard: (feed: string, number: number, reason: string) => request(`${of(feed)}/letters/${number}/discard`, { json: { reason } }),
};

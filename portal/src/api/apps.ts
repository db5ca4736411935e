/** Apps of other makers (SMART App Launch): what they ask for, what they were given, and what stewards decide about them. */
import type { Category } from '../crypto/formats';
import { getJson, request } from './http';

/** What an app asks the person for. */
export interface AppRequest {
  organisation: string;
  organisationName: string;
  client: string;
  name: string;
  site: string | null;
  redirect: string;
  challenge: string;
  scope: string;
  /** What it could see at most. */
  categories: Category[];
  /** It wants to go on reading when the person is not there. */
  stays: boolean;
  /** It wants to know who the person is. */
  identity: boolean;
  /** It was opened from a chart. */
  launch: boolean;
}
export type AppEnd = 'stopped' | 'replaced' | 'given-back' | 'used-twice' | 'not-taken' | 'keys-replaced';
/** What the person allowed. */
export interface AllowedApp {
  id: string;
  client: string;
  name: string;
  categories: Category[];
  madeMs: number;
  untilMs: number;
  usedMs: number | null;
  state: 'allowed' | 'over' | 'unused' | 'ended';
  ended: { why: AppEnd; timeMs: number } | null;
}
/** As the steward sees it. */
export interface RegisteredApp {
  id: string;
  name: string;
  state: 'waiting' | 'approved' | 'refused' | 'ended';
  receivedMs: number;
  decidedMs: number | null;
  confidential: boolean;
  site: string | null;
  launchUrl: string | null;
  redirects: string[];
  scope: string;
}

const place = (id: string) => encodeURIComponent(id);

export const apps = {
  request: (id: string) => getJson<AppRequest>(`/smart/requests/${place(id)}`, { tries: 2 }),
  /** Where the browser goes then. */
  refuse: async (id: string) => (await getJson<{ redirect: string }>(`/smart/requests/${place(id)}/refuse`, { method: 'POST' })).redirect,
  registered: () => getJson<RegisteredApp[]>('/staff/apps'),
  decide: (id: string, step: 'approve' | 'refuse' | 'end') => request(`/staff/apps/${place(id)}/${step}`, { method: 'POST' }),
  launchable: () => getJson<{ id: string; name: string }[]>('/staff/launches'),
  launch: async (chart: string, app: string) => (await getJson<{ url: string }>('/staff/launches', { json: { chart, app } })).url,
  allowLaunch: async (id: string) => (await getJson<{ redirect: string }>(`/staff/launches/${place(id)}/allow`, { method: 'POST' })).redirect,
};

/** Sends the browser on to an app. The node sends to registered addresses only; a script is none, whatever it says. */
export function leaveTo(url: string): void {
  if (/^(javascript|data|blob|vbscript):/i.test(new URL(url, window.location.href).href)) throw new Error('not an address');
  window.location.assign(url);
}

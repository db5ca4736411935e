/** Opens a link as any viewer does: the manifest, its files, and what is in them. */
import { ApiError, PlainError } from '../api/http';
import { fromBase64Url } from './base64url';
import { decrypt } from './jwe';
import type { ShlinkPayload } from './shlink';

/** So many bytes come within the manifest. */
const EMBEDDED_MAX = 8 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

export interface Manifest {
  status?: string;
  files: { contentType: string; embedded?: string; location?: string; lastUpdated?: string }[];
}
export interface OpenedFile {
  contentType: string;
  text: string;
  lastUpdated?: string;
}
export type Opened = { files: OpenedFile[]; changes: boolean };

/** The PIN is missing or wrong. */
export class WrongPin extends Error {
  constructor(readonly left: number) {
    super('wrong PIN');
    this.name = 'WrongPin';
  }
}

const GONE = 'This link does not work any more. It was ended, its time is over, or it was not copied completely. Ask whoever gave it to you for a new one.';

async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new ApiError('offline');
  }
  if (response.ok) return response;
  if (response.status === 401) {
    const { remainingAttempts = 0 } = (await response.json().catch(() => ({}))) as { remainingAttempts?: number };
    throw new WrongPin(remainingAttempts);
  }
  if (response.status === 404) throw new PlainError(GONE);
  if (response.status === 429) throw new ApiError('busy');
  throw new ApiError('unavailable');
}

export async function openLink({ url, key }: ShlinkPayload, recipient: string, passcode?: string): Promise<Opened> {
  const body = JSON.stringify({ recipient, ...(passcode && { passcode }), embeddedLengthMax: EMBEDDED_MAX });
  const answer = await ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const manifest = (await answer.json()) as Manifest;
  const files: OpenedFile[] = [];
  for (const file of manifest.files) {
    const sealed = file.embedded ?? (await (await ask(file.location ?? '', { method: 'GET' })).text());
    const { text } = await decrypt(fromBase64Url(key), sealed).catch(() => {
      throw new PlainError('What came does not fit this link. It may not have been copied completely.');
    });
    files.push({ contentType: file.contentType, text, lastUpdated: file.lastUpdated });
  }
  return { files, changes: manifest.status === 'can-change' };
}

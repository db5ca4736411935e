/** Records that a steward has read in from files. */
import { getJson, request } from './http';

export type ImportFault = 'too-long' | 'not-json' | 'no-name' | 'reserved' | 'not-allowed' | 'refused';
export interface Import {
  id: string;
  begunMs: number;
  endedMs: number | null;
  by: string;
  state: 'waiting' | 'running' | 'complete' | 'stopped' | 'failed';
  /** Why it failed. */
  why: string | null;
  sources: string[];
  sourcesDone: number;
  /** The one that is read, or would be. */
  source: string | null;
  /** Lines of it so far. */
  lines: number;
  written: number;
  unchanged: number;
  refused: number;
  faults: { why: ImportFault; count: number }[];
  /** The first lines that were not taken. */
  first: { source: string | null; line: number; why: ImportFault }[];
}
export interface Imports {
  files: { name: string; bytes: number }[];
  /** Addresses below which files may be fetched. */
  urls: string[];
  imports: Import[];
}

export const imports = {
  list: () => getJson<Imports>('/staff/imports'),
  begin: (wanted: { files: string[]; urls: string[] }) => request('/staff/imports', { json: wanted }),
  stop: (id: string) => request(`/staff/imports/${encodeURIComponent(id)}/stop`, { method: 'POST' }),
};

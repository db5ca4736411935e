/** What handlers of the mock node answer, and how they refuse. */
import type { IncomingMessage } from 'node:http';
import { randomBytes, toHex } from '../crypto';

export type Answer = { json?: unknown; bytes?: Uint8Array; status?: number; cookie?: string; location?: string; html?: string };

export class Refusal extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}
export const refuse = (status: number, code: string, message: string): never => {
  throw new Refusal(status, code, message);
};

export const token = () => toHex(randomBytes(16));
export const cookieOf = (request: IncomingMessage, name: string): string | undefined =>
  new RegExp(`(?:^|; )${name}=(\\w+)`).exec(request.headers.cookie ?? '')?.[1];

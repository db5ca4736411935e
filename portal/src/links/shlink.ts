/** The text of a SMART Health Link: where it is, its key, and what opens it. The key never leaves the fragment. */
import { fromUtf8, utf8 } from '../crypto';
import { fromBase64Url, toBase64Url } from './base64url';

export interface ShlinkPayload {
  url: string;
  /** 32 bytes, base64url. */
  key: string;
  /** Seconds since 1970. */
  exp?: number;
  /** `L`: the content may change. `P`: a PIN is asked for. `U`: one file, directly. */
  flag?: string;
  label?: string;
  v?: number;
}

/** Longest label that the specification allows. */
export const LABEL_MAX = 80;
const URL_MAX = 128;

export const shlinkOf = (payload: ShlinkPayload): string => `shlink:/${toBase64Url(utf8(JSON.stringify({ v: 1, ...payload })))}`;

/** `null` unless it is one, with or without a viewer's address before it. */
export function readShlink(text: string): ShlinkPayload | null {
  const at = text.indexOf('shlink:/');
  if (at < 0) return null;
  try {
    const payload = JSON.parse(fromUtf8(fromBase64Url(text.slice(at + 'shlink:/'.length).trim()))) as Partial<ShlinkPayload>;
    const { url, key, exp, flag, label, v = 1 } = payload;
    if (typeof url !== 'string' || url.length > URL_MAX || typeof key !== 'string' || v !== 1) return null;
    if (!['https:', 'http:'].includes(new URL(url).protocol) || fromBase64Url(key).length !== 32) return null;
    return {
      url,
      key,
      ...(typeof exp === 'number' && { exp }),
      ...(typeof flag === 'string' && { flag }),
      ...(typeof label === 'string' && { label: label.slice(0, LABEL_MAX) }),
    };
  } catch {
    return null;
  }
}

/** For people without a program for health links: the page of the organisation that keeps it opens it. */
export const viewerLink = (payload: ShlinkPayload): string => `${new URL(payload.url).origin}/shared#${shlinkOf(payload)}`;

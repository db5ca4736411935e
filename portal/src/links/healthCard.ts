/** SMART Health Cards: read from their JWS, and written as numbers for a QR code. */
import { fromUtf8 } from '../crypto';
import type { Resource } from '../api/fhirTypes';
import { fromBase64Url } from './base64url';
import { inflate } from './jwe';

/** Letters that one code holds (the specification's limit for a code alone). */
const LETTERS_MAX = 1_195;
const CARD_BYTES_MAX = 256 * 1024;

export interface HealthCard {
  issuer: string;
  madeMs: number;
  resources: Resource[];
}

/** Without a look at the signature: this shows the person what others will see. `null` if it is no card. */
export function readCard(jws: string): HealthCard | null {
  try {
    return cardOf(jws);
  } catch {
    return null;
  }
}

function cardOf(jws: string): HealthCard {
  const payload = JSON.parse(fromUtf8(inflate(fromBase64Url(jws.split('.')[1] ?? ''), CARD_BYTES_MAX))) as {
    iss: string; nbf: number; vc: { credentialSubject: { fhirBundle: { entry: { resource: Resource }[] } } };
  };
  return { issuer: payload.iss, madeMs: payload.nbf * 1_000, resources: payload.vc.credentialSubject.fhirBundle.entry.map(({ resource }) => resource) };
}

/** Each letter as two digits: its code less 45. `null` if one code does not hold it. */
export function cardDigits(jws: string): string | null {
  if (jws.length > LETTERS_MAX) return null;
  return [...jws].map((letter) => String(letter.charCodeAt(0) - 45).padStart(2, '0')).join('');
}

/** The file that other programs take. */
export const cardFile = (cards: string[]): string => JSON.stringify({ verifiableCredential: cards });

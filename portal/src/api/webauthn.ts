/** Passkeys in the browser. The PRF output never leaves the page: it is cut from what goes to the server. */
import {
  startAuthentication,
  startRegistration,
  type AuthenticationResponseJSON,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
} from '@simplewebauthn/browser';
import { label, sha256, utf8 } from '../crypto';
import { unwrap, type Wrapped } from './account';
import { PlainError } from './http';

const prfInput = () => ({ prf: { eval: { first: sha256(utf8(label.passkeyPrfSalt)) } } });

interface WithPrf {
  clientExtensionResults: { prf?: { enabled?: boolean; results?: { first?: BufferSource } } };
}

export interface Passkey<T> {
  credential: T;
  /** 32 bytes, where the authenticator and the browser can do it. */
  prf: Uint8Array | null;
}

/** Splits off the PRF output and removes it from what is sent. */
function cut<T>(response: T): Passkey<T> {
  const { prf } = (response as WithPrf).clientExtensionResults;
  const first = prf?.results?.first;
  if (prf?.results) delete prf.results;
  if (!first) return { credential: response, prf: null };
  const bytes = first instanceof ArrayBuffer ? new Uint8Array(first) : new Uint8Array(first.buffer, first.byteOffset, first.byteLength);
  return { credential: response, prf: bytes.slice() };
}

function inWords(error: unknown): Error {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'AbortError') {
    return new PlainError('The passkey was not used. Nothing has changed; you can try again.');
  }
  if (name === 'InvalidStateError') return new PlainError('This device already has a passkey for this account. Sign in with it.');
  if (name === 'SecurityError') return new PlainError('Passkeys do not work at this address. Please open the official address.');
  return new PlainError('This browser or device could not use a passkey.');
}

export const passkeysWork = (): boolean => typeof window !== 'undefined' && 'PublicKeyCredential' in window;

export async function createPasskey(
  wrapped: Wrapped<PublicKeyCredentialCreationOptionsJSON>,
  withPrf: boolean,
): Promise<Passkey<RegistrationResponseJSON>> {
  const given = unwrap(wrapped);
  const optionsJSON: PublicKeyCredentialCreationOptionsJSON = {
    ...given,
    authenticatorSelection: {
      ...given.authenticatorSelection,
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'required',
    },
    extensions: { ...given.extensions, ...(withPrf ? prfInput() : {}) } as PublicKeyCredentialCreationOptionsJSON['extensions'],
  };
  let made: Passkey<RegistrationResponseJSON>;
  try {
    made = cut(await startRegistration({ optionsJSON }));
  } catch (error) {
    throw inWords(error);
  }
  if (withPrf && !made.prf) made.prf = await prfOf(made.credential.id, given.rp.id);
  return made;
}

export async function askPasskey(
  wrapped: Wrapped<PublicKeyCredentialRequestOptionsJSON>,
  withPrf: boolean,
): Promise<Passkey<AuthenticationResponseJSON>> {
  const given = unwrap(wrapped);
  const optionsJSON: PublicKeyCredentialRequestOptionsJSON = {
    ...given,
    userVerification: 'required',
    extensions: { ...given.extensions, ...(withPrf ? prfInput() : {}) } as PublicKeyCredentialRequestOptionsJSON['extensions'],
  };
  try {
    return cut(await startAuthentication({ optionsJSON }));
  } catch (error) {
    throw inWords(error);
  }
}

/** Asks a passkey for its PRF output without the server: right after creation, or while offline. */
export async function prfOf(credentialId?: string, rpId?: string): Promise<Uint8Array | null> {
  const challenge = crypto.getRandomValues(new Uint8Array(32));
  const options: PublicKeyCredentialRequestOptionsJSON = {
    challenge: btoa(String.fromCharCode(...challenge)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, ''),
    rpId,
    allowCredentials: credentialId ? [{ id: credentialId, type: 'public-key' }] : [],
  };
  try {
    return (await askPasskey(options, true)).prf;
  } catch {
    return null;
  }
}

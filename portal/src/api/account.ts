/** Patient accounts at this portal: slots and an opaque backup, never a root. */
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/browser';
import { getJson, ifFound, request } from './http';

export interface Slot {
  kind: 'passkey' | 'recovery';
  id?: string;
  sealed: string;
}
/** webauthn-rs wraps the options in `publicKey`. */
export type Wrapped<T> = T | { publicKey: T };
export interface Ceremony<T> {
  session: string;
  options: Wrapped<T>;
}
export const unwrap = <T extends object>(options: Wrapped<T>): T => ('publicKey' in options ? options.publicKey : options);

export interface SlotInfo {
  id: string;
  kind: 'passkey' | 'recovery' | 'shares';
  created: string;
  /** When it last opened the record here; absent if it never did. */
  used?: string | null;
}
export interface AccountInfo {
  signedIn: boolean;
  slots: SlotInfo[];
}

export const account = {
  me: () => getJson<AccountInfo>('/account'),
  registerStart: (displayName?: string) =>
    getJson<Ceremony<PublicKeyCredentialCreationOptionsJSON>>('/account/register/start', { json: { displayName } }),
  registerFinish: (body: { session: string; credential: RegistrationResponseJSON | null; slots: Slot[]; recoveryLocator?: string; replaces?: boolean }) =>
    request('/account/register/finish', { json: body }),
  signinStart: () => getJson<Ceremony<PublicKeyCredentialRequestOptionsJSON>>('/account/signin/start', { json: {} }),
  signinFinish: (session: string, credential: AuthenticationResponseJSON) =>
    getJson<{ slots: Slot[] }>('/account/signin/finish', { json: { session, credential } }),
  recovery: (locator: string) => getJson<{ sealed: string }>('/account/recovery', { json: { locator } }),
  passkeyStart: () => getJson<Ceremony<PublicKeyCredentialCreationOptionsJSON>>('/account/passkeys/start', { json: {} }),
  passkeyFinish: (session: string, credential: RegistrationResponseJSON, slot: Slot) =>
    request('/account/passkeys/finish', { json: { session, credential, slots: [slot] } }),
  /** A fresh recovery code replaces the old one. */
  replaceRecovery: (slot: Slot, recoveryLocator: string) =>
    request('/account/recovery', { method: 'PUT', json: { slot, recoveryLocator } }),
  /** Where whoever puts the root together again from its shares finds the account. */
  keepShares: (sealed: string, locator: string) => request('/account/shares', { method: 'PUT', json: { sealed, locator } }),
  dropShares: () => request('/account/shares', { method: 'DELETE' }),
  removePasskey: (id: string) => request(`/account/passkeys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  /** Leaves a sealed letter for whoever shares a code with this person. */
  leaveLetter: (locator: string, sealed: string) => request('/account/letters', { json: { locator, sealed }, tries: 3 }),
  readLetter: async (locator: string): Promise<string | null> => (await getJson<{ sealed: string | null }>('/account/letters/read', { json: { locator } })).sealed,
  signout: () => request('/account/signout', { method: 'POST' }),
  saveBackup: (bytes: Uint8Array) => request('/account/backup', { method: 'PUT', bytes, tries: 3 }),
  backup: async (): Promise<Uint8Array | null> => {
    const response = await ifFound(request('/account/backup'));
    if (!response || response.status === 204) return null;
    const bytes = new Uint8Array(await response.arrayBuffer());
    return bytes.length > 0 ? bytes : null;
  },
};

/** Patients' accounts at the mock node. It checks no passkey signatures. */
import type { IncomingMessage } from 'node:http';
import { randomBytes, toBase64 } from '../crypto';
import { cookieOf, refuse, token, type Answer } from './answer';

const b64url = (bytes: Uint8Array) => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

interface Account {
  id: string;
  credentials: string[];
  slots: { id: string; kind: 'passkey' | 'recovery' | 'shares'; sealed: string; created: string; used?: string }[];
  locator?: string;
  sharesLocator?: string;
  backup?: Buffer;
}

export class MockAccounts {
  private readonly accounts: Account[] = [];
  private readonly sessions = new Map<string, Account>();
  private readonly challenges = new Map<string, string>();

  signedIn(request: IncomingMessage): Account {
    return this.sessions.get(cookieOf(request, 'salus_patient') ?? '') ?? refuse(401, 'signed-out', 'You have been signed out. Please sign in again.');
  }
  private session(account: Account): string {
    const id = token();
    this.sessions.set(id, account);
    return `salus_patient=${id}; HttpOnly; SameSite=Strict; Path=/`;
  }
  private closeOthers(account: Account, request: IncomingMessage): void {
    const own = cookieOf(request, 'salus_patient');
    for (const [id, of] of this.sessions) if (of === account && id !== own) this.sessions.delete(id);
  }
  private challenge(): { session: string; challenge: string } {
    const [session, challenge] = [token(), b64url(randomBytes(32))];
    this.challenges.set(session, challenge);
    return { session, challenge };
  }
  creation(name = 'Salus'): Answer {
    const { session, challenge } = this.challenge();
    const publicKey = { challenge, rp: { id: 'localhost', name: 'Salus' }, user: { id: b64url(randomBytes(16)), name, displayName: name }, pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })), timeout: 60_000, attestation: 'none' };
    return { json: { session, options: { publicKey } } };
  }
  assertion(): Answer {
    const { session, challenge } = this.challenge();
    return { json: { session, options: { publicKey: { challenge, rpId: 'localhost', allowCredentials: [], timeout: 60_000 } } } };
  }
  spend(session: string, credential: { response: { clientDataJSON: string } } | null): void {
    const challenge = this.challenges.get(session);
    this.challenges.delete(session);
    if (!challenge) refuse(400, 'challenge', 'Please try again.');
    if (!credential) return;
    const data = JSON.parse(Buffer.from(credential.response.clientDataJSON, 'base64url').toString()) as { challenge: string };
    if (data.challenge !== challenge) refuse(400, 'challenge', 'Please try again.');
  }
  info(request: IncomingMessage): Answer {
    const account = this.sessions.get(cookieOf(request, 'salus_patient') ?? '');
    return { json: { signedIn: !!account, slots: account?.slots.map(({ id, kind, created, used }) => ({ id, kind, created, used })) ?? [] } };
  }
  private removeAccount(account: Account): void {
    this.accounts.splice(this.accounts.indexOf(account), 1);
    for (const [id, of] of this.sessions) if (of === account) this.sessions.delete(id);
  }
  register(body: Buffer, request: IncomingMessage): Answer {
    const { session, credential, slots, recoveryLocator, replaces } = JSON.parse(body.toString());
    this.spend(session, credential);
    if (JSON.stringify(credential ?? {}).includes('"results"')) refuse(400, 'prf', 'the key output was sent along');
    const created = new Date().toISOString();
    const account: Account = { id: token(), credentials: credential ? [credential.id] : [], slots: slots.map((slot: Account['slots'][0]) => ({ ...slot, id: slot.id ?? token(), created })), locator: recoveryLocator };
    if (replaces) this.removeAccount(this.signedIn(request));
    this.accounts.push(account);
    return { status: 204, cookie: this.session(account) };
  }
  signin(body: Buffer): Answer {
    const { session, credential } = JSON.parse(body.toString());
    this.spend(session, credential);
    const account = this.accounts.find((one) => one.credentials.includes(credential.id));
    if (!account) return refuse(404, 'unknown', 'This passkey does not belong to a record here.');
    for (const slot of account.slots) if (slot.id === credential.id) slot.used = new Date().toISOString();
    return { json: { slots: account.slots }, cookie: this.session(account) };
  }
  recovery(body: Buffer): Answer {
    const { locator } = JSON.parse(body.toString());
    const account = this.accounts.find((one) => one.locator === locator || one.sharesLocator === locator);
    if (!account) return refuse(404, 'unknown', 'No record belongs to this code here.');
    const slot = account.slots.find(({ kind }) => kind === (account.locator === locator ? 'recovery' : 'shares'))!;
    slot.used = new Date().toISOString();
    return { json: { sealed: slot.sealed }, cookie: this.session(account) };
  }
  keepShares(body: Buffer, request: IncomingMessage): Answer {
    this.dropShares(request);
    const account = this.signedIn(request);
    const { sealed, locator } = JSON.parse(body.toString());
    account.slots.push({ id: 'shares', kind: 'shares', sealed, created: new Date().toISOString() });
    account.sharesLocator = locator;
    return { status: 204 };
  }
  dropShares(request: IncomingMessage): Answer {
    const account = this.signedIn(request);
    account.slots = account.slots.filter(({ kind }) => kind !== 'shares');
    account.sharesLocator = undefined;
    return { status: 204 };
  }
  replaceRecovery(body: Buffer, request: IncomingMessage): Answer {
    const account = this.signedIn(request);
    const { slot, recoveryLocator } = JSON.parse(body.toString());
    this.closeOthers(account, request);
    account.slots = [...account.slots.filter((one) => one.kind !== 'recovery'), { ...slot, id: token(), created: new Date().toISOString() }];
    account.locator = recoveryLocator;
    return { status: 204 };
  }
  addPasskey(body: Buffer, request: IncomingMessage): Answer {
    const account = this.signedIn(request);
    const { session, credential, slots } = JSON.parse(body.toString());
    this.spend(session, credential);
    account.credentials.push(credential.id);
    account.slots.push(...slots.map((slot: Account['slots'][0]) => ({ ...slot, created: new Date().toISOString() })));
    return { status: 204 };
  }
  removePasskey(id: string, request: IncomingMessage): Answer {
    const account = this.signedIn(request);
    const last = account.credentials.length === 1 && !account.slots.some(({ kind }) => kind === 'recovery');
    if (last) return refuse(409, 'conflict', 'this is the last way into the account');
    this.closeOthers(account, request);
    account.slots = account.slots.filter((slot) => slot.id !== id);
    account.credentials = account.credentials.filter((one) => one !== id);
    return { status: 204 };
  }
}

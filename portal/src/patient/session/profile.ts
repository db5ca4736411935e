/** What a person's devices share: organisations, grants and how to end them. Sealed; the portal keeps it unread. */
import { fromUtf8, label, utf8 } from '../../crypto';
import type { Category, Purpose } from '../../crypto/formats';
import { account } from '../../api/account';
import { openUnder, sealUnder } from './keys';

export interface Membership {
  id: string;
  /** The FHIR Patient id there. */
  patient: string;
  /** The name under which it knows the person. */
  name: string;
  joinedMs: number;
}

export interface GrantRecord {
  id: string;
  /** Grants made together, one per source, are one share to the person. */
  share: string;
  source: string;
  counter: number;
  grantee: string;
  categories: Category[];
  purpose: Purpose;
  notBeforeMs: number;
  expiryMs: number;
  future: boolean;
  compartments: string[];
  createdMs: number;
  transaction?: string;
  /** `made`: not yet known to be final. */
  state: 'made' | 'active' | 'revoked';
  letterSent: boolean;
  noticeSent: boolean;
  revokedMs?: number;
  /** When the person asked to stop it, and when they took that back: what a closed page interrupts is finished at the next visit. */
  stopAskedMs?: number;
  stopUndoneMs?: number;
}

export const isStopping = ({ state, stopAskedMs = 0, stopUndoneMs = 0 }: GrantRecord): boolean => state !== 'revoked' && stopAskedMs > stopUndoneMs;

/** Where the three parts of the root are. */
export interface RecoverySetup {
  /** Grows with each sharing; parts of different sharings give nothing. */
  counter: number;
  madeMs: number;
  holders: { organisation: string; index: number }[];
  papers: number[];
  /** False while parts may still be under way: then it is to be done again. */
  done: boolean;
}

/** What is left to do of a replacement of all keys. */
export interface FormerKeys {
  /** In hex, and empty once nothing is left; the profile is sealed under the new one. */
  root: string;
  /** Organisations at which the old key stands. */
  left: string[];
  /** Grants by the old root that are not ended yet. */
  grants: GrantRecord[];
}

/** One source's part of an appointment. */
export interface AppointmentPart {
  source: string;
  counter: number;
  id: string;
}

/** Somebody whom the person lets act for them. */
export interface AppointmentRecord {
  /** The code that both share, in hex: it finds and opens the letters between them. */
  code: string;
  /** What the person calls them. */
  name: string;
  categories: Category[];
  shares: boolean;
  asks: boolean;
  untilMs: number;
  createdMs: number;
  /** Empty until the other has answered and the person has confirmed it. */
  parts: AppointmentPart[];
  /** `done`: on the ledger, and the other has the mandates. */
  state: 'invited' | 'confirmed' | 'done' | 'ended';
  endedMs?: number;
  endAskedMs?: number;
  endUndoneMs?: number;
}

/** Somebody for whom the person acts. */
export interface ActingRecord {
  /** The code that both share, in hex, or what a desk's code gives in its place. */
  code: string;
  /** Another code from which the keys for acting follow: that of the child of whom the person said it is the same. */
  invitation?: string;
  /** A child, by the word of an organisation's desk. */
  child?: boolean;
  name: string;
  createdMs: number;
  /** Where the other is a patient, with the FHIR Patient id there. */
  at: { id: string; patient: string }[];
  /** Grants that were made for the other, by source. */
  grants?: { id: string; source: string; grantee: string; purpose?: Purpose; untilMs: number; stopped?: boolean }[];
  /** Encoded mandates in hex, of each source the newest last; empty until the other has confirmed. */
  mandates: string[];
  untilMs: number;
  /** The person laid it down. */
  ended?: boolean;
}

/** A link by which the person shows part of the record to people without Salus. Its key is here and in the link alone. */
export interface LinkRecord {
  /** Under which the organisation lists it. */
  id: string;
  organisation: string;
  url: string;
  /** 32 bytes, base64url. */
  key: string;
  label: string;
  pin: string | null;
  renews: boolean;
  categories: Category[];
  createdMs: number;
  untilMs: number;
}

export interface Profile {
  version: 1;
  network: string;
  organisations: Membership[];
  grants: GrantRecord[];
  /** Requests of clinicians that were answered. */
  answered: string[];
  /** Accesses up to this time have been looked at. */
  seenMs: number;
  /** The highest number seen in each organisation's list of who looked: one that was cut off shows. */
  seenNumbers?: Record<string, number>;
  recovery?: RecoverySetup;
  /** Keys that are being replaced: the former root, and where it still stands. */
  former?: FormerKeys;
  /** Attempts to recover that were the person's own. */
  ownRecoveries?: string[];
  /** What the person calls their passkeys, by credential id; the newer name counts. */
  deviceNames?: Record<string, { name: string; atMs: number }>;
  appointments?: AppointmentRecord[];
  acting?: ActingRecord[];
  links?: LinkRecord[];
}

export const emptyProfile = (network: string): Profile => ({
  version: 1,
  network,
  organisations: [],
  grants: [],
  answered: [],
  seenMs: 0,
});

const APPOINTED = { invited: 0, confirmed: 1, done: 2, ended: 3 };

export const isEnding = ({ state, endAskedMs = 0, endUndoneMs = 0 }: AppointmentRecord): boolean => state !== 'ended' && endAskedMs > endUndoneMs;

function mergeAppointments(a: AppointmentRecord, b: AppointmentRecord): AppointmentRecord {
  const newer = APPOINTED[b.state] >= APPOINTED[a.state] ? b : a;
  return { ...newer, endAskedMs: later(a.endAskedMs, b.endAskedMs), endUndoneMs: later(a.endUndoneMs, b.endUndoneMs) };
}

function mergeActing(a: ActingRecord, b: ActingRecord): ActingRecord {
  const grants = new Map((a.grants ?? []).map((one) => [one.id, one]));
  for (const one of b.grants ?? []) grants.set(one.id, { ...one, stopped: one.stopped || grants.get(one.id)?.stopped });
  // Codes of two desks may have been shown on two devices.
  const at = new Map([...a.at, ...b.at].map((one) => [one.id, one]));
  const mandates = [...new Set([...a.mandates, ...b.mandates])];
  return { ...b, at: [...at.values()], mandates, untilMs: Math.max(a.untilMs, b.untilMs), grants: [...grants.values()], ended: a.ended || b.ended };
}

/** Everything that either has, by its code. */
function byCode<T extends { code: string }>(a: T[] = [], b: T[] = [], merge: (a: T, b: T) => T): T[] {
  const all = new Map(a.map((one) => [one.code, one]));
  for (const one of b) {
    const known = all.get(one.code);
    all.set(one.code, known ? merge(known, one) : one);
  }
  return [...all.values()];
}

const RANK = { made: 0, active: 1, revoked: 2 };

const later = (a: number | undefined, b: number | undefined) => Math.max(a ?? 0, b ?? 0) || undefined;

function mergeGrants(a: GrantRecord, b: GrantRecord): GrantRecord {
  const newer = RANK[b.state] >= RANK[a.state] ? { ...a, ...b } : a;
  return { ...newer, stopAskedMs: later(a.stopAskedMs, b.stopAskedMs), stopUndoneMs: later(a.stopUndoneMs, b.stopUndoneMs) };
}

function laterSetup(a?: RecoverySetup, b?: RecoverySetup): RecoverySetup | undefined {
  if (!a || !b) return a ?? b;
  if (a.counter !== b.counter) return a.counter > b.counter ? a : b;
  // Two devices that share at once: what came last is what the organisations have.
  if (a.madeMs !== b.madeMs) return a.madeMs > b.madeMs ? a : b;
  return a.done ? a : b;
}

function mergeNames(a: Profile['deviceNames'] = {}, b: Profile['deviceNames'] = {}): Profile['deviceNames'] {
  const merged = { ...a };
  for (const [id, name] of Object.entries(b)) if (name.atMs >= (merged[id]?.atMs ?? 0)) merged[id] = name;
  return merged;
}

/** Some that were over are forgotten: a profile has an end. */
const LINKS_MAX = 60;

function mergeLinks(a: LinkRecord[] = [], b: LinkRecord[] = []): LinkRecord[] {
  const all = new Map([...a, ...b].map((one) => [one.id, one]));
  return [...all.values()].sort((x, y) => y.createdMs - x.createdMs).slice(0, LINKS_MAX);
}

/** The higher number of each organisation. */
export function higher(a: Record<string, number> = {}, b: Record<string, number> = {}): Record<string, number> {
  const merged = { ...a };
  for (const [organisation, number] of Object.entries(b)) merged[organisation] = Math.max(merged[organisation] ?? 0, number);
  return merged;
}

/** What either device has done is done; without a root everything is. */
function mergeFormer(a?: FormerKeys, b?: FormerKeys): FormerKeys | undefined {
  if (!a || !b) return a ?? b;
  if (a.root === '' || b.root === '') return a.root === '' ? a : b;
  const ended = new Set([...a.grants, ...b.grants].filter(({ state }) => state === 'revoked').map(({ id }) => id));
  return { root: a.root, left: a.left.filter((id) => b.left.includes(id)), grants: b.grants.map((grant) => (ended.has(grant.id) ? { ...grant, state: 'revoked' } : grant)) };
}

/** Two devices: everything that either knows; a grant's later state wins. */
export function mergeProfiles(a: Profile, b: Profile): Profile {
  const organisations = new Map(a.organisations.map((one) => [one.id, one]));
  for (const one of b.organisations) organisations.set(one.id, one);
  const grants = new Map(a.grants.map((grant) => [grant.id, grant]));
  for (const grant of b.grants) {
    const known = grants.get(grant.id);
    grants.set(grant.id, known ? mergeGrants(known, grant) : grant);
  }
  return {
    version: 1,
    network: b.network,
    organisations: [...organisations.values()],
    grants: [...grants.values()],
    answered: [...new Set([...a.answered, ...b.answered])],
    seenMs: Math.max(a.seenMs, b.seenMs),
    seenNumbers: higher(a.seenNumbers, b.seenNumbers),
    recovery: laterSetup(a.recovery, b.recovery),
    ownRecoveries: [...new Set([...(a.ownRecoveries ?? []), ...(b.ownRecoveries ?? [])])],
    deviceNames: mergeNames(a.deviceNames, b.deviceNames),
    former: mergeFormer(a.former, b.former),
    appointments: byCode(a.appointments, b.appointments, mergeAppointments),
    acting: byCode(a.acting, b.acting, mergeActing),
    links: mergeLinks(a.links, b.links),
  };
}

export const sealProfile = (root: Uint8Array, profile: Profile) =>
  sealUnder(label.patientProfile, root, utf8(JSON.stringify(profile)));

export async function openProfile(root: Uint8Array, sealed: Uint8Array): Promise<Profile> {
  return JSON.parse(fromUtf8(await openUnder(label.patientProfile, root, sealed))) as Profile;
}

export async function loadBackup(root: Uint8Array): Promise<Profile | null> {
  const sealed = await account.backup();
  return sealed && openProfile(root, sealed);
}

/** Reads what another device may have saved, merges, saves. */
export async function saveBackup(root: Uint8Array, profile: Profile): Promise<Profile> {
  const other = await loadBackup(root).catch(() => null);
  const merged = other ? mergeProfiles(other, profile) : profile;
  await account.saveBackup(await sealProfile(root, merged));
  return merged;
}

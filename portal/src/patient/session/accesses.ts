/**
 * Who looked: access events of every grant, from the ledger and checked there, joined with what the organisations'
 * own logs say. A number missing in a grant's sequence of events shows, because the ledger counts without gaps.
 */
import { ledger } from '../../api/ledger';
import { credentialCommitment, decodeCanonical, equal, fromHex, stateKey, toHex } from '../../crypto';
import { fixed } from '../../crypto/codec';
import * as f from '../../crypto/formats';
import { check } from '../../verify/client';
import type { AccessJob } from '../../verify/messages';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { GrantRecord, Profile } from './profile';
import { askAccessLog } from './requests';

export interface LogEntry {
  timeMs: number;
  action: 'chart-opened' | 'read' | 'shared-read' | 'exported' | 'written' | 'share-dropped' | 'break-glass' | 'case';
  name?: string;
  role?: string;
  credential?: string;
  purpose?: f.Purpose;
  reason?: string;
  categories?: f.Category[];
  /** `null` where the organisation did not know it before it answered. */
  count?: number | null;
  access?: string;
}
export interface AccessRequest {
  id: string;
  organisation: string;
  timeMs: number;
  name: string;
  role?: string;
  reason: string;
  categories: f.Category[];
  days: number;
  purpose: f.Purpose;
}
interface LogDocument {
  entries?: LogEntry[];
  requests?: Omit<AccessRequest, 'organisation'>[];
}

export interface AccessView {
  id: string;
  organisation: string;
  timeMs: number;
  action: LogEntry['action'];
  name?: string;
  role?: string;
  /** The name is the one that was committed to before the access. */
  nameConfirmed: boolean;
  purpose?: f.Purpose;
  reason?: string;
  categories: f.Category[];
  count?: number;
  /** Present for what left its source organisation. */
  grant?: GrantRecord;
  /** `true`: checked in this browser against the network's shared record. */
  confirmed?: boolean;
}

export interface AccessReport {
  accesses: AccessView[];
  requests: AccessRequest[];
  /** Organisations whose own log could not be read now. */
  silent: string[];
}

interface Event {
  id: string;
  entry: f.AccessEntry;
  grant: GrantRecord;
  confirmed: boolean;
}

const AccessIdCodec = fixed(32);
/** As many requests as a browser sends to one place at once. */
const EVENTS_AT_ONCE = 6;

async function eventsOf(around: Surroundings, grant: GrantRecord): Promise<Event[]> {
  const grantId = fromHex(grant.id);
  const entry = await ledger.state(f.GrantEntry, stateKey.grant(grantId));
  const events: Event[] = [];
  const count = entry?.accesses ?? 0;
  for (let first = 0; first < count; first += EVENTS_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(EVENTS_AT_ONCE, count - first) }, (_, at) => first + at);
    const found = await Promise.all(numbers.map((number) => eventOf(around, grant, grantId, number)));
    events.push(...found.filter((event) => event !== null));
  }
  return events;
}

async function eventOf(around: Surroundings, grant: GrantRecord, grantId: Uint8Array, number: number): Promise<Event | null> {
  const id = await ledger.state(AccessIdCodec, stateKey.accessOfGrant(grantId, number));
  if (!id) return null;
  const proven = await ledger.stateProof(stateKey.access(id));
  if (!proven.value) return null;
  const entry = decodeCanonical(f.AccessEntry, proven.value);
  return { id: toHex(id), entry, grant, confirmed: await confirm({ kind: 'access', genesis: around.genesis, id, proven }) };
}

async function confirm(job: AccessJob): Promise<boolean> {
  try {
    return (await check(job)).access?.ok === true;
  } catch {
    return false;
  }
}

function credentialOf(entry: LogEntry | undefined): f.PractitionerCredential | null {
  try {
    return entry?.credential ? decodeCanonical(f.PractitionerCredential, fromHex(entry.credential)) : null;
  } catch {
    return null;
  }
}

function viewOfEvent(event: Event, log: LogEntry | undefined): AccessView {
  const credential = credentialOf(log);
  const opens = !!credential && equal(credentialCommitment(credential), event.entry.practitioner);
  return {
    id: event.id,
    organisation: event.entry.organisation,
    timeMs: event.entry.timeMs,
    action: 'shared-read',
    name: opens ? credential.name : log?.name,
    role: opens ? credential.role : log?.role,
    nameConfirmed: opens,
    purpose: event.entry.purpose,
    reason: log?.reason,
    categories: log?.categories ?? event.grant.categories,
    count: event.entry.count,
    grant: event.grant,
    confirmed: event.confirmed,
  };
}

function viewOfLog(organisation: string, entry: LogEntry, at: number): AccessView {
  const { timeMs, action, name, role, purpose, reason, categories, count } = entry;
  const id = `${organisation}/${timeMs}/${at}`;
  return { id, organisation, timeMs, action, name, role, nameConfirmed: false, purpose, reason, categories: categories ?? [], count: count ?? undefined };
}

export async function readAccesses(
  around: Surroundings,
  profile: Profile,
  keysOf: (organisation: string) => Promise<PairwiseKeys>,
): Promise<AccessReport> {
  const silent: string[] = [];
  const logs = new Map<string, LogDocument>();
  const readLog = async (organisation: string) => {
    try {
      logs.set(organisation, await askAccessLog<LogDocument>(around.network, organisation, await keysOf(organisation)));
    } catch {
      silent.push(organisation);
    }
  };
  const events = (
    await Promise.all([
      Promise.all(profile.grants.map((grant) => eventsOf(around, grant))),
      Promise.all(profile.organisations.map((one) => readLog(one.id))),
    ])
  )[0].flat();
  const byAccess = new Map<string, LogEntry>();
  for (const { entries } of logs.values()) for (const entry of entries ?? []) if (entry.access) byAccess.set(entry.access, entry);
  const onLedger = new Set(events.map((event) => event.id));
  const views = events.map((event) => viewOfEvent(event, byAccess.get(event.id)));
  for (const [organisation, { entries }] of logs) {
    (entries ?? []).forEach((entry, at) => {
      if (!entry.access || !onLedger.has(entry.access)) views.push(viewOfLog(organisation, entry, at));
    });
  }
  const requests = [...logs].flatMap(([organisation, log]) => (log.requests ?? []).map((request) => ({ ...request, organisation })));
  return { accesses: views.sort((a, b) => b.timeMs - a.timeMs), requests, silent };
}

/**
 * Who looked: access events of every grant, from the ledger and checked there, joined with what the organisations'
 * own logs say. A number missing in a grant's sequence of events shows, because the ledger counts without gaps; so does
 * one in an organisation's own list, which numbers the person's entries from 1.
 */
import { ledger } from '../../api/ledger';
import { credentialCommitment, decodeCanonical, emergencyTarget, equal, fromHex, stateKey, toHex, wordsCommitment } from '../../crypto';
import { fixed } from '../../crypto/codec';
import * as f from '../../crypto/formats';
import { check } from '../../verify/client';
import type { AccessJob, EmergencyJob } from '../../verify/messages';
import type { PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { GrantRecord, Profile } from './profile';
import { askAccessLog } from './requests';

export interface LogEntry {
  timeMs: number;
  /** The person's own number of it there. */
  number?: number | null;
  action: 'chart-opened' | 'read' | 'shared-read' | 'exported' | 'written' | 'share-dropped' | 'break-glass' | 'emergency-found' | 'emergency-read' | 'registration' | 'located' | 'located-elsewhere' | 'case' | 'recovery' | 'accounting' | 'app' | 'link' | 'health-card' | 'proxy-read' | 'appointment';
  /** The appointment on the ledger, where somebody did it who acts for the person. */
  appointment?: string;
  /** Another organisation, where somebody there did it. */
  by?: string;
  emergency?: EmergencyEvidence;
  name?: string;
  role?: string;
  credential?: string;
  purpose?: f.Purpose;
  reason?: string;
  categories?: f.Category[];
  /** `null` where the organisation did not know it before it answered. */
  count?: number | null;
  /** The events of the shared record that it was made for. */
  accesses?: string[];
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
/** How the hospital whose summary was opened shows what it says of an emergency. */
interface EmergencyEvidence {
  event: string;
  salt?: string;
  compartment?: string;
  credential?: string;
  words?: { text: string; salt: string };
}
/** What the network's shared record says of an emergency. */
export interface EmergencyView {
  /** Whose summary. */
  source: string;
  ground: f.EmergencyGround;
  untilMs: number;
  dueMs: number;
  review: { justified: boolean; late: boolean; timeMs: number } | null;
  /** The reason is the one that was committed to before anything was opened. */
  reasonConfirmed: boolean;
}
interface LogDocument {
  entries?: LogEntry[];
  requests?: Omit<AccessRequest, 'organisation'>[];
  /** The lists of registrations that the person joined with this one, each with numbers of its own. */
  merged?: { registration: string; entries: LogEntry[] }[];
}

/** Everything that an organisation's lists say. */
const allOf = ({ entries = [], merged = [] }: LogDocument): LogEntry[] => [...entries, ...merged.flatMap((one) => one.entries)];

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
  emergency?: EmergencyView;
  /** Somebody did it who acts for the person. */
  appointment?: string;
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
  /** What the lists of organisations lack. */
  gaps: Gap[];
  /** The highest number of each organisation's list. */
  numbers: Record<string, number>;
}

export interface Gap {
  organisation: string;
  /** Numbers that are missing up to the highest one ever seen. */
  missing: number;
  /** Entries without a number, or with one that is there twice. */
  doubtful: number;
}

/** Most entries that an organisation gives at once. */
const ENTRIES_MAX = 1_000;

/** What the numbers of a list say of it, of which `seen` was the highest before: they begin with 1 and leave none out. */
export function numbersOf(entries: Pick<LogEntry, 'number'>[], seen = 0): { highest: number; missing: number; doubtful: number } {
  const known = new Set(entries.map(({ number }) => number).filter((number): number is number => typeof number === 'number' && number > 0));
  const highest = Math.max(seen, ...known);
  const first = entries.length < ENTRIES_MAX || known.size === 0 ? 1 : Math.min(...known);
  return { highest, missing: Math.max(0, highest + 1 - first - known.size), doubtful: entries.length - known.size };
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

async function confirm(job: AccessJob | EmergencyJob): Promise<boolean> {
  try {
    return (await check(job))[job.kind]?.ok === true;
  } catch {
    return false;
  }
}

function credentialOf(entry: { credential?: string } | undefined): f.PractitionerCredential | null {
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
  const { timeMs, action, name, role, purpose, reason, categories, count, appointment } = entry;
  const id = `${organisation}/${timeMs}/${at}`;
  return { id, organisation: entry.by ?? organisation, timeMs, action, name: name || undefined, role: role || undefined, nameConfirmed: false, purpose, reason, categories: categories ?? [], count: count ?? undefined, appointment };
}

/** An emergency as the hospital's log tells it, and as the network's shared record does; the latter counts. */
async function viewOfEmergency(around: Surroundings, source: string, log: LogEntry, evidence: EmergencyEvidence): Promise<AccessView | null> {
  const id = fromHex(evidence.event);
  const [proven, review] = await Promise.all([ledger.stateProof(stateKey.emergency(id)), ledger.stateProof(stateKey.review(id))]);
  if (!proven.value) return null;
  const entry = decodeCanonical(f.EmergencyEntry, proven.value);
  const reviewed = review.value ? decodeCanonical(f.ReviewEntry, review.value) : null;
  const { salt, compartment, words } = evidence;
  const isMine = !!salt && !!compartment && equal(emergencyTarget(fromHex(salt), source, fromHex(compartment)), entry.target);
  const credential = credentialOf(evidence);
  const opens = !!credential && equal(credentialCommitment(credential), entry.practitioner);
  const confirmed = isMine && (await confirm({ kind: 'emergency', genesis: around.genesis, id, proven, review }));
  return {
    id: evidence.event,
    organisation: entry.organisation,
    timeMs: entry.timeMs,
    action: 'break-glass',
    name: opens ? credential.name : log.name || undefined,
    role: opens ? credential.role : log.role || undefined,
    nameConfirmed: opens,
    purpose: 'emergency',
    reason: log.reason || undefined,
    categories: [],
    confirmed,
    emergency: {
      source,
      ground: entry.ground,
      untilMs: entry.accessUntilMs,
      dueMs: entry.reviewDueMs,
      review: reviewed && { justified: reviewed.justified, late: reviewed.late, timeMs: reviewed.timeMs },
      reasonConfirmed: !!words && words.text === log.reason && equal(wordsCommitment(fromHex(words.salt), words.text), entry.statement),
    },
  };
}

/** One view for each emergency: who broke the glass may have said who it was only after others had told of it. */
async function emergenciesOf(around: Surroundings, organisation: string, entries: LogEntry[]): Promise<AccessView[]> {
  const byEvent = new Map<string, LogEntry>();
  for (const entry of entries) {
    const event = entry.emergency?.event;
    if (event && (entry.name || !byEvent.has(event))) byEvent.set(event, entry);
  }
  const views = [...byEvent.values()].map(async (entry) => (await viewOfEmergency(around, organisation, entry, entry.emergency!).catch(() => null)) ?? viewOfLog(organisation, entry, 0));
  return Promise.all(views);
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
  for (const log of logs.values()) for (const entry of allOf(log)) for (const access of entry.accesses ?? []) byAccess.set(access, entry);
  const onLedger = new Set(events.map((event) => event.id));
  const views = events.map((event) => viewOfEvent(event, byAccess.get(event.id)));
  for (const [organisation, log] of logs) {
    allOf(log).forEach((entry, at) => {
      if (!entry.emergency && !entry.accesses?.some((access) => onLedger.has(access))) views.push(viewOfLog(organisation, entry, at));
    });
  }
  for (const [organisation, log] of logs) views.push(...(await emergenciesOf(around, organisation, allOf(log))));
  const requests = [...logs].flatMap(([organisation, log]) => (log.requests ?? []).map((request) => ({ ...request, organisation })));
  const lists = [...logs].map(([organisation, { entries }]) => ({ organisation, ...numbersOf(entries ?? [], profile.seenNumbers?.[organisation]) }));
  const others = [...logs].flatMap(([organisation, { merged = [] }]) => merged.map(({ entries }) => ({ organisation, ...numbersOf(entries) })));
  const gaps = [...lists, ...others].filter(({ missing, doubtful }) => missing + doubtful > 0).map(({ organisation, missing, doubtful }) => ({ organisation, missing, doubtful }));
  const numbers = Object.fromEntries(lists.map(({ organisation, highest }) => [organisation, highest]));
  return { accesses: views.sort((a, b) => b.timeMs - a.timeMs), requests, silent, gaps, numbers };
}

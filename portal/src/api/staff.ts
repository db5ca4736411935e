/** Staff routes: clinicians, clerks and stewards. */
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/browser';
import type { Category, EmergencyGround, Organisation, Purpose } from '../crypto/formats';
import type { Bundle } from './fhirTypes';
import type { Ceremony } from './account';
import type { AccountingFile } from './accounting';
import type { ErasureGround } from '../crypto/formats';
import type { CaseRow, EraseScope, ErasureSurvey, RefusalGround } from './cases';
import { getJson, request } from './http';

export interface StaffMember {
  id: string;
  name: string;
  role: 'clinician' | 'steward' | 'clerk';
  organisation: string;
}
export interface PatientRow {
  id: string;
  name: string;
  birthDate?: string;
  sex?: string;
  shared: boolean;
  lastOpened?: string;
}
export interface ChartSource {
  organisation: string;
  state: 'own' | 'shared' | 'none';
  grant?: string;
  categories?: Category[];
  expires?: string;
}
export interface Chart {
  chart: string;
  patient: string;
  sources: ChartSource[];
  /** Charts of registrations that the patient merged with this one. */
  also?: { chart: string; patient: string }[];
}
export interface FetchedShares {
  imported: number;
  alreadyHeld: number;
  sources: ChartSource[];
}
/** What other organisations say of the patient whose chart is open. */
export interface Elsewhere {
  asked: { organisation: string; state: 'holds' | 'not-found' | 'silent' }[];
}
/** An emergency that was begun: the chart here, and what others keep for it. */
export interface Emergency {
  id: string;
  chart: string;
  patient: string;
  untilMs: number;
  sources: { organisation: string; state: 'opened' | 'not-opened'; event: string; madeMs?: number; summary?: Bundle }[];
  /** Organisations that did not say whether they know the person. */
  silent?: string[];
}
export type ReviewState = 'waiting' | 'nothing-opened' | 'open' | 'overdue' | 'reviewed' | 'reviewed-late';
/** An emergency of this organisation, as its steward sees it. */
export interface OwnEmergency {
  id: string;
  timeMs: number;
  untilMs: number;
  dueMs: number | null;
  state: ReviewState;
  mayReview: boolean;
  name: string | null;
  role: string | null;
  ground: EmergencyGround;
  reason: string;
  events: { event: string; organisation: string; number: number }[];
  review: { justified: boolean; words: string; name: string | null } | null;
}
export interface NetworkEmergency {
  event: string;
  number: number;
  organisation: string;
  timeMs: number;
  ground: EmergencyGround;
  dueMs: number;
  state: ReviewState;
  justified: boolean | null;
}
export interface NodeState {
  organisation: string;
  name?: string;
  height: number;
  lag: number;
  peers: number;
  reachable: boolean;
  queues?: { stored: number; sealed: number; anchored: number; anchorLagMs?: number };
  /** Batches that other custodians are to have after the custodians changed; the own node's only. */
  moves?: { moved: number; toMove: number; late: number; receipts: number; receiptsOwed: Record<string, number>; faults: Record<string, number> };
}
export type Moves = NonNullable<NodeState['moves']>;
/** How a keeper of this organisation's records answered when it was asked to show some of them. Times are 0 for never. */
export interface CustodianAnswers {
  passed: number;
  failed: number;
  unanswered: number;
  passedMs: number;
  failedMs: number;
  lost: number;
}
export interface CustodyState {
  challenges: Record<string, CustodianAnswers>;
  repaired: number;
  kept: { batches: number; damaged: number; unchecked: number; oldestCheckMs: number; everDamaged: number; tablesDamaged: boolean };
  /** What was given out here, compared with the access events; null until it was. */
  audit: { timeMs: number; releases: number; mismatches: number; first: { access: string; what: string }[] } | null;
  moves: Moves;
}
export interface NetworkState {
  head: { height: number; timeMs: number };
  organisations: NodeState[];
}
export interface BlockRow {
  height: number;
  timeMs: number;
  transactions: number;
  leader: string;
  actions?: Record<string, number>;
}
export interface AccessEventRow {
  id: string;
  organisation: string;
  purpose: Purpose;
  count: number;
  height: number;
  timeMs: number;
  grant: string;
}
export interface LogRow {
  timeMs: number;
  practitioner: string;
  action: string;
  purpose?: Purpose;
  reason?: string;
  count?: number;
}

/** A member of the network; `since` is the block from which it is one. */
export interface Member {
  id: string;
  name: string;
  class: Organisation['class'];
  validator: boolean;
  custodian: boolean;
  since: number;
  own: boolean;
}
export interface Parameters {
  transactionLifetimeBlocksMax: number;
  grantPeriodMsMax: number;
  blockTransactionsMax: number;
  epochBlocks: number;
  votingPeriodMs: number;
  blocksRetained: number;
  protocol: number;
}
export type Applicant = Pick<Organisation, 'id' | 'name' | 'class' | 'custodian' | 'ledgerAddress' | 'peerUrl' | 'portalUrl'>;
export interface Difference {
  field: string;
  from: unknown;
  to: unknown;
}
type MemberChange =
  | { kind: 'setClass'; organisation: string; class: Member['class'] }
  | { kind: 'setDuties'; organisation: string; validator: boolean; custodian: boolean }
  | { kind: 'remove'; organisation: string };
/** A change as a proposal shows it. */
export type Change =
  | MemberChange
  | { kind: 'admit'; organisation: Applicant }
  | { kind: 'update'; organisation: string; differences: Difference[] }
  | { kind: 'setParameters'; parameters: Parameters; differences: Difference[] };
/** A change as it is proposed; the application is the file of the organisation's node, as it is. */
export type AskedChange = MemberChange | { kind: 'admit'; application: unknown } | { kind: 'update'; application: unknown } | { kind: 'setParameters'; parameters: Parameters };
export interface Proposal {
  id: string;
  number: number;
  proposer: string;
  height: number;
  closesMs: number;
  outcome: 'open' | 'executed' | 'refused' | 'lapsed' | 'failed';
  /** Block at which it was decided. */
  decided: number | null;
  votes: { for: string[]; against: string[] };
  needed: number;
  /** Two thirds approve already. */
  accepted: boolean;
  own: 'for' | 'against' | null;
  change: Change;
}
export interface Governance {
  network: { name: string; epoch: number; firstHeight: number; lastHeight: number; height: number; timeMs: number; blockMs: number };
  parameters: Parameters;
  members: Member[];
  /** Newest first, at most 50. */
  proposals: Proposal[];
  /** Newest first, at most 50. */
  faults: Fault[];
}
/** Two votes of one node that no sound node signs both. */
export interface Fault {
  organisation: string;
  misdeed: 'two-notarizes' | 'two-finalizes' | 'nullify-and-finalize';
  epoch: number;
  view: number;
  accuser: string;
  height: number;
  timeMs: number;
}

export const staff = {
  me: () => getJson<StaffMember>('/staff/me', { tries: 1 }),
  joinStart: (code: string) =>
    getJson<Ceremony<PublicKeyCredentialCreationOptionsJSON>>('/staff/join/start', { json: { code } }),
  joinFinish: (code: string, session: string, credential: RegistrationResponseJSON) =>
    request('/staff/join/finish', { json: { code, session, credential } }),
  signinStart: () => getJson<Ceremony<PublicKeyCredentialRequestOptionsJSON>>('/staff/signin/start', { json: {} }),
  signinFinish: (session: string, credential: AuthenticationResponseJSON) =>
    request('/staff/signin/finish', { json: { session, credential } }),
  signout: () => request('/staff/signout', { method: 'POST' }),
  patients: (search: string, signal?: AbortSignal) =>
    getJson<PatientRow[]>('/staff/patients/search', { json: { search }, signal, tries: 3 }),
  openChart: (patient: string, reason: string, purpose: Purpose) =>
    getJson<Chart>('/staff/charts', { json: { patient, reason, purpose } }),
  fetchShared: (chart: string) =>
    getJson<FetchedShares>(`/staff/charts/${chart}/shared`, { method: 'POST', tries: 3, timeoutMs: 120_000 }),
  elsewhere: (chart: string) => getJson<Elsewhere>(`/staff/charts/${chart}/elsewhere`, { method: 'POST', timeoutMs: 60_000 }),
  beginEmergency: (patient: string, ground: EmergencyGround, reason: string) =>
    getJson<Emergency>('/staff/emergency', { json: { patient, ground, reason }, timeoutMs: 60_000 }),
  emergency: (id: string) => getJson<Emergency>(`/staff/emergency/${id}`, { timeoutMs: 60_000 }),
  emergencies: () => getJson<{ own: OwnEmergency[]; network: NetworkEmergency[] }>('/staff/emergencies'),
  reviewEmergency: (id: string, justified: boolean, words: string) => request(`/staff/emergencies/${id}/review`, { json: { justified, words } }),
  ask: (body: { patient: string; categories: Category[]; reason: string; days: number }) =>
    request('/staff/requests', { json: body }),
  /** `replaces`: the key that redeems it takes the place of the one that the patient has. */
  invite: (patient: string, replaces = false) =>
    getJson<{ code: string; link: string; expires: string }>('/staff/invites', { json: { patient, replaces } }),
  /** A code for the new device of a patient whose identity was checked at the desk. */
  recover: (patient: string) =>
    getJson<{ code: string; link: string; expires: string }>('/staff/recoveries', { json: { patient } }),
  /** A code for the parent of a patient who is not of age. */
  guardian: (patient: string) => getJson<{ code: string; link: string; expires: string }>('/staff/guardians', { json: { patient } }),
  endGuardians: (patient: string) => request('/staff/guardians/end', { json: { patient } }),
  network: () => getJson<NetworkState>('/staff/network'),
  custody: () => getJson<CustodyState>('/staff/custody'),
  /** The newest, newest first. */
  blocks: async (count: number) => (await getJson<BlockRow[]>(`/staff/blocks?count=${count}`)).sort((a, b) => b.height - a.height),
  accessEvents: () => getJson<AccessEventRow[]>('/staff/access-events'),
  log: () => getJson<LogRow[]>('/staff/log'),
  /** What patients asked for by their rights, newest first, and the node's time. */
  cases: () => getJson<{ cases: CaseRow[]; nowMs: number }>('/staff/cases'),
  answerCase: (id: string, answer: { accept: boolean; words: string; ground: RefusalGround | null; basis?: ErasureGround }) => request(`/staff/cases/${id}/answer`, { json: answer }),
  /** What an erasure that is asked for would concern, on a ground. */
  surveyCase: (id: string, basis: ErasureGround) => getJson<ErasureSurvey>(`/staff/cases/${id}/survey?basis=${basis}`),
  caseDossier: (id: string) => getJson<unknown>(`/staff/cases/${id}/dossier`),
  /** The signed list of who looked, for a patient who asks at the desk. */
  signedList: (patient: string) => getJson<AccountingFile>('/staff/accountings', { json: { patient }, timeoutMs: 60_000 }),
  orderErasure: (order: { patient: string; scope: EraseScope; basis: ErasureGround; words: string }) => request('/staff/erasures', { json: order }),
  extendCase: (id: string, why: string) => request(`/staff/cases/${id}/extend`, { json: { why } }),
  liftCase: (id: string, why: string) => request(`/staff/cases/${id}/lift`, { json: { why } }),
  /** With the newest proposals, or those before a number. */
  governance: (before?: number) => getJson<Governance>(`/staff/governance${before === undefined ? '' : `?before=${before}`}`),
  propose: (change: AskedChange) => getJson<{ id: string }>('/staff/governance/proposals', { json: { change } }),
  vote: (proposal: string, approve: boolean) => request(`/staff/governance/proposals/${proposal}/vote`, { json: { approve } }),
};

/** The binary formats of `crates/types`, field by field in the same order. */
import { array, blob, bool, fixed, list, named, option, struct, sum, text, u32, u64, u8, type Of } from './codec';
import { Change, Contradiction, kemKey, Member, Misdeed, Organisation, organisationId, ORGANISATIONS_MAX, Outcome } from './members';
import { InclusionProof } from './merkle';

export { Change, Class, Genesis, Member, Organisation, Outcome, Parameters } from './members';

const b32 = fixed(32);
const b64 = fixed(64);
const linkKey = blob(1_120);

export const CATEGORY_CODES = {
  demographics: 1,
  problems: 2,
  medications: 3,
  allergies: 4,
  immunizations: 5,
  labs: 6,
  vitals: 7,
  imaging: 8,
  procedures: 9,
  notes: 10,
  claims: 11,
  'mental-health': 12,
  'substance-use': 13,
  reproductive: 14,
  genetic: 15,
  hiv: 16,
} as const;
export type Category = keyof typeof CATEGORY_CODES;
export const CATEGORIES = Object.keys(CATEGORY_CODES) as Category[];
export const isProtected = (category: Category): boolean => CATEGORY_CODES[category] >= 12;
export const Category = named<Category>(CATEGORY_CODES);
export const categoryOfCode = (code: number): Category | undefined => CATEGORIES.find((name) => CATEGORY_CODES[name] === code);

export const PURPOSE_CODES = {
  treatment: 1,
  payment: 2,
  operations: 3,
  research: 4,
  'public-health': 5,
  'patient-request': 6,
  emergency: 7,
} as const;
export type Purpose = keyof typeof PURPOSE_CODES;
export const Purpose = named<Purpose>(PURPOSE_CODES);

// emergency.rs

const GROUND_CODES = { unconscious: 1, 'cannot-consent': 2, 'immediate-danger': 3, other: 4 } as const;
export type EmergencyGround = keyof typeof GROUND_CODES;
export const EmergencyGround = named<EmergencyGround>(GROUND_CODES);

// erasure.rs

const ERASURE_GROUND_CODES = { 'retention-over': 1, 'patient-request': 2, unlawful: 3, 'legal-obligation': 4 } as const;
export type ErasureGround = keyof typeof ERASURE_GROUND_CODES;
export const ErasureGround = named<ErasureGround>(ERASURE_GROUND_CODES);

// proxy.rs

/** Appointments end at whole weeks since 1970. */
export const PROXY_GRAIN_MS = 7 * 24 * 3_600 * 1_000;
export const Act = sum({
  ProxyRead: [1, struct({ versionsRoot: b32, count: u32 })],
  ProxyGrant: [2, struct({ terms: b32, scope: b32, expiryMs: u64 })],
  ProxyRevoke: [3, struct({ grant: b32 })],
} as const);
export type Act = Of<typeof Act>;
const ByProxy = struct({ appointment: b32, mandate: b32 });

// action.rs, transaction.rs

const actions = {
  RegisterPatient: [1, struct({ address: b32 })],
  RegisterPractitioner: [2, struct({ commitment: b32 })],
  Anchor: [3, struct({ organisation: organisationId, batchRoot: b32, sequence: u64, sizeClass: u8 })],
  Grant: [4, struct({ terms: b32, scope: b32, expiryMs: u64 })],
  Revoke: [5, struct({ grant: b32 })],
  Access: [
    6,
    struct({ grant: b32, scopeSalt: b32, purpose: Purpose, versionsRoot: b32, count: u32, practitioner: b32, nonce: fixed(16) }),
  ],
  Dropped: [7, struct({ organisation: organisationId, grant: b32, count: u32 })],
  AnchorLog: [8, struct({ organisation: organisationId, head: b32, entries: u64, sequence: u64 })],
  Propose: [9, struct({ organisation: organisationId, change: Change, nonce: fixed(16) })],
  Vote: [10, struct({ organisation: organisationId, proposal: b32, approve: bool })],
  Accuse: [11, struct({ organisation: organisationId, validator: b32, contradiction: Contradiction })],
  BreakGlass: [
    12,
    struct({
      organisation: organisationId,
      target: b32,
      practitioner: b32,
      ground: EmergencyGround,
      statement: b32,
      beganMs: option(u64),
      nonce: fixed(16),
    }),
  ],
  Review: [13, struct({ organisation: organisationId, event: b32, justified: bool, reviewer: b32, statement: b32 })],
  StartRecovery: [14, struct({ organisation: organisationId, recovery: b32, number: u32, device: b32 })],
  CancelRecovery: [15, struct({ recovery: b32, number: u32 })],
  OrderErasure: [
    16,
    struct({ organisation: organisationId, versionsRoot: b32, count: u32, ground: ErasureGround, nonce: fixed(16) }),
  ],
  Erased: [17, struct({ organisation: organisationId, erasure: b32, versions: u32, copies: u32 })],
  Appoint: [18, struct({ mandate: b32, proxy: b32, shares: bool, expiryMs: u64 })],
  EndAppointment: [19, struct({ appointment: b32 })],
  ProxyAct: [20, struct({ appointment: b32, number: u32, act: Act })],
} as const;

export const Action = sum(actions);
export type Action = Of<typeof Action>;
export type ActionKind = Action['kind'];
export type AccessAction = Extract<Action, { kind: 'Access' }>;
export type BreakGlassAction = Extract<Action, { kind: 'BreakGlass' }>;
export type ProposeAction = Extract<Action, { kind: 'Propose' }>;

/** The actions without their tags, as `Access::id`, `BreakGlass::id` and `Propose::id` hash them. */
export const AccessBody = actions.Access[1];
export const BreakGlassBody = actions.BreakGlass[1];
export const ProposeBody = actions.Propose[1];

export const TransactionBody = struct({ network: b32, signer: b32, validUntil: u64, action: Action });
export const Transaction = struct({ network: b32, signer: b32, validUntil: u64, action: Action, signature: b64 });
export type Transaction = Of<typeof Transaction>;

// block.rs, proof.rs

export const Header = struct({
  version: u8,
  network: b32,
  height: u64,
  timeMs: u64,
  parent: b32,
  epoch: u64,
  view: u64,
  parentView: u64,
  leader: b32,
  transactionsRoot: b32,
  transactions: u32,
  receiptsRoot: b32,
  stateRoot: b32,
  syncRoot: b32,
  syncStart: u64,
  syncEnd: u64,
  nextValidators: b32,
});
export type Header = Of<typeof Header>;

export const Block = struct({ header: Header, transactions: list(Transaction, 8_192) });
export type Block = Of<typeof Block>;
export const CertifiedHeader = struct({ headers: list(Header, 256), certificate: blob(32 * 1024) });
export type CertifiedHeader = Of<typeof CertifiedHeader>;
export const CertifiedHeaders = list(CertifiedHeader, 256);
/** A change of the validators: the last block of an epoch, and those who vote in the next, ascending. */
export const Handover = struct({ block: CertifiedHeader, validators: list(b32, ORGANISATIONS_MAX) });
export type Handover = Of<typeof Handover>;
export const Handovers = list(Handover, 4_096);

// state.rs

export const GrantEntry = struct({ terms: b32, scope: b32, expiryMs: u64, height: u64, revoked: option(u64), accesses: u32, byProxy: option(ByProxy) });
export type GrantEntry = Of<typeof GrantEntry>;
export const AccessEntry = struct({
  grant: b32,
  organisation: organisationId,
  purpose: Purpose,
  versionsRoot: b32,
  count: u32,
  practitioner: b32,
  height: u64,
  timeMs: u64,
});
export type AccessEntry = Of<typeof AccessEntry>;
export const DroppedEntry = struct({ count: u32, height: u64 });
export const PatientEntry = struct({ organisation: organisationId, height: u64 });
export type PatientEntry = Of<typeof PatientEntry>;
export const AnchorEntry = struct({ batchRoot: b32, sizeClass: u8, height: u64, timeMs: u64 });
export type AnchorEntry = Of<typeof AnchorEntry>;
export const OrganisationEntry = struct({ organisation: Organisation, slot: u8, since: u64 });
export type OrganisationEntry = Of<typeof OrganisationEntry>;
export const RosterPage = struct({ slots: list(option(Member), 32) });
export const OpenProposals = struct({ made: u64, open: list(b32, 64) });
const ballot = fixed(ORGANISATIONS_MAX / 8);
export const ProposalEntry = struct({
  number: u64,
  change: Change,
  proposer: organisationId,
  height: u64,
  closesMs: u64,
  approvals: ballot,
  refusals: ballot,
  outcome: Outcome,
  decided: option(u64),
});
export type ProposalEntry = Of<typeof ProposalEntry>;
export const EmergencyEntry = struct({
  number: u64,
  organisation: organisationId,
  target: b32,
  practitioner: b32,
  ground: EmergencyGround,
  statement: b32,
  beganMs: option(u64),
  height: u64,
  timeMs: u64,
  accessUntilMs: u64,
  reviewDueMs: u64,
});
export type EmergencyEntry = Of<typeof EmergencyEntry>;

export const ReviewEntry = struct({
  justified: bool,
  reviewer: b32,
  statement: b32,
  late: bool,
  height: u64,
  timeMs: u64,
});
export type ReviewEntry = Of<typeof ReviewEntry>;

export const RecoveryEntry = struct({
  organisation: organisationId,
  device: b32,
  height: u64,
  timeMs: u64,
  readyMs: u64,
  cancelled: option(u64),
});
export type RecoveryEntry = Of<typeof RecoveryEntry>;

export const AppointmentEntry = struct({
  mandate: b32,
  proxy: b32,
  shares: bool,
  expiryMs: u64,
  height: u64,
  timeMs: u64,
  ended: option(u64),
  acts: u32,
});
export type AppointmentEntry = Of<typeof AppointmentEntry>;
export const ActEntry = struct({ act: Act, height: u64, timeMs: u64 });
export type ActEntry = Of<typeof ActEntry>;

export const FaultEntry = struct({
  number: u64,
  organisation: organisationId,
  validator: b32,
  misdeed: Misdeed,
  epoch: u64,
  view: u64,
  accuser: organisationId,
  height: u64,
  timeMs: u64,
});
export const PractitionerCredential = struct({
  organisation: organisationId,
  practitioner: text(64),
  name: text(128),
  role: text(64),
  salt: b32,
});
export type PractitionerCredential = Of<typeof PractitionerCredential>;

// vault/package.rs

export const PackageHeader = struct({
  suite: u8,
  compartment: b32,
  epoch: u32,
  version: b32,
  content: named({ fhir: 1, deleted: 2 }),
  keyCommitment: b32,
});
export type PackageHeader = Of<typeof PackageHeader>;
const SEALED_MAX = 64 * 1024 * 1024;
export const SealedPackage = struct({ header: PackageHeader, ciphertext: blob(SEALED_MAX) });
export type SealedPackage = Of<typeof SealedPackage>;

// proof.rs

/** Most anchors that are asked for and proven at once. */
export const ANCHORS_PER_PROOF_MAX = 64;
export const BatchId = struct({ organisation: organisationId, sequence: u64 });
export type BatchId = Of<typeof BatchId>;
export const BatchIds = list(BatchId, ANCHORS_PER_PROOF_MAX);
/** The anchor of a batch, and what shows that it stands in the state after a block, which is beside it. */
export const AnchorProof = struct({ batch: BatchId, entry: AnchorEntry, proof: blob(16 * 1024) });
export type AnchorProof = Of<typeof AnchorProof>;
export const AnchorProofs = struct({ anchors: list(AnchorProof, ANCHORS_PER_PROOF_MAX), block: CertifiedHeader });
export type AnchorProofs = Of<typeof AnchorProofs>;
export const RecordProof = struct({
  package: PackageHeader,
  ciphertextDigest: b32,
  plaintextDigest: b32,
  r: b64,
  batchPath: InclusionProof,
  anchor: AnchorProof,
  block: CertifiedHeader,
});
export type RecordProof = Of<typeof RecordProof>;

// vault/proxy.rs

export const Mandate = struct({
  network: b32,
  appointment: b32,
  source: organisationId,
  owner: b32,
  proxy: b32,
  kemKey,
  shares: bool,
  asks: bool,
  expiryMs: u64,
  compartments: list(b32, 64),
  salt: b32,
});
export type Mandate = Of<typeof Mandate>;
export const SignedMandate = struct({ mandate: Mandate, key: b32, signature: b64 });
export type SignedMandate = Of<typeof SignedMandate>;
export const ProxyKeys = struct({
  keys: list(struct({ compartment: b32, epoch: u32, predecessor: option(b32), category: Category, key: b32 }), 4_096),
});
export const GuardianAnswer = struct({ mandate: SignedMandate, patient: text(64), name: text(256) });

// vault/terms.rs

export const SealedEnvelope = struct({ encapsulation: linkKey, ciphertext: blob(SEALED_MAX), sender: b32, signature: b64 });
export type SealedEnvelope = Of<typeof SealedEnvelope>;

export const Terms = struct({
  network: b32,
  grant: b32,
  source: organisationId,
  grantee: organisationId,
  owner: b32,
  purpose: Purpose,
  notBeforeMs: u64,
  expiryMs: u64,
  compartments: list(b32, 64),
  future: bool,
  practitioner: option(b32),
  scopeSalt: b32,
});
export type Terms = Of<typeof Terms>;
export const COMPARTMENTS_PER_GRANT_MAX = 64;

export const CompartmentKey = struct({ compartment: b32, category: Category, key: b32 });
export type CompartmentKey = Of<typeof CompartmentKey>;
/** The owner's consent to the terms, by the pairwise key: a one-time key alone proves nothing. */
export const Consent = struct({ key: b32, signature: b64, mandate: option(SignedMandate) });
export type Consent = Of<typeof Consent>;
export const Letter = struct({ terms: Terms, termsSalt: b32, consent: Consent, keys: list(CompartmentKey, 64), patient: text(64) });
export type Letter = Of<typeof Letter>;
export const SourceNotice = struct({ terms: Terms, termsSalt: b32, consent: Consent });

// vault/compartment.rs

const linkFields = { network: b32, source: organisationId, owner: b32, number: u32, encapsulation: linkKey };
export const PatientLinkBody = struct(linkFields);
export const PatientLink = struct({ ...linkFields, signature: b64 });
export type PatientLink = Of<typeof PatientLink>;

export const CompartmentStatement = struct({
  network: b32,
  compartment: b32,
  source: organisationId,
  epoch: u32,
  predecessor: option(b32),
  owner: option(b32),
  link: u32,
  wrapped: blob(49),
  revision: u32,
});
export type CompartmentStatement = Of<typeof CompartmentStatement>;
export const CompartmentRecord = struct({ statement: CompartmentStatement, signature: b64 });
export type CompartmentRecord = Of<typeof CompartmentRecord>;

// vault/request.rs

export const VERSIONS_PER_REQUEST_MAX = 4_096;
/** While a batch moves to other custodians, one may keep two generations of its shares. */
const SHARES_PER_RELEASE_MAX = 2 * VERSIONS_PER_REQUEST_MAX;
const PatientAskCodec = named({ directory: 1, versions: 2, release: 3, shares: 4, 'access-log': 5 });
export const PatientRequestBody = struct({
  network: b32,
  audience: organisationId,
  ask: PatientAskCodec,
  patient: b32,
  kemKey,
  timeMs: u64,
  nonce: fixed(16),
  versions: list(b32, VERSIONS_PER_REQUEST_MAX),
});
export type PatientRequestBody = Of<typeof PatientRequestBody>;
export type PatientAsk = PatientRequestBody['ask'];
export const PatientRequest = struct({ body: PatientRequestBody, signature: b64 });
export type PatientRequest = Of<typeof PatientRequest>;

export const ProxyRequestBody = struct({
  audience: organisationId,
  ask: PatientAskCodec,
  mandate: SignedMandate,
  act: option(u32),
  timeMs: u64,
  nonce: fixed(16),
  versions: list(b32, VERSIONS_PER_REQUEST_MAX),
});
export type ProxyRequestBody = Of<typeof ProxyRequestBody>;
export const ProxyRequest = struct({ body: ProxyRequestBody, signature: b64 });
export type ProxyRequest = Of<typeof ProxyRequest>;

export const Directory = struct({ links: list(PatientLink, 256), compartments: list(CompartmentRecord, 4_096) });
export type Directory = Of<typeof Directory>;
export const VersionList = struct({ versions: list(struct({ compartment: b32, version: b32 }), 1_000_000) });
export const ReleasedShares = list(struct({ version: b32, index: u8, value: b32 }), SHARES_PER_RELEASE_MAX);
export const ReleasedVersion = struct({ package: SealedPackage, source: organisationId, sequence: u64, path: InclusionProof });
export type ReleasedVersion = Of<typeof ReleasedVersion>;
export const Release = struct({ shares: SealedEnvelope, versions: list(ReleasedVersion, VERSIONS_PER_REQUEST_MAX) });

const enrolmentFields = { network: b32, organisation: organisationId, invite: text(64), patient: b32, kemKey };
export const EnrolmentBody = struct(enrolmentFields);
export const EnrolmentRequest = struct({ ...enrolmentFields, signature: b64 });
const caseFields = { network: b32, organisation: organisationId, patient: b32, kemKey, timeMs: u64, nonce: fixed(16), text: text(24 * 1024), mandate: option(SignedMandate) };
export const CaseLetterBody = struct(caseFields);
export type CaseLetterBody = Of<typeof CaseLetterBody>;
export const CaseLetter = struct({ ...caseFields, signature: b64 });
// vault/recovery.rs

export const RecoveryShare = struct({ recovery: b32, counter: u32, index: u8, value: b32 });
export type RecoveryShare = Of<typeof RecoveryShare>;
const depositFields = { network: b32, organisation: organisationId, patient: b32, kemKey, timeMs: u64, nonce: fixed(16), share: option(RecoveryShare) };
export const RecoveryDepositBody = struct(depositFields);
export type RecoveryDepositBody = Of<typeof RecoveryDepositBody>;
const rekeyFields = { network: b32, organisation: organisationId, old: b32, new: b32, kemKey, timeMs: u64, nonce: fixed(16) };
/** What the old key signs, and what the new one does. */
export const RekeyByOld = struct(rekeyFields);
export const RekeyByNew = struct({ ...rekeyFields, oldSignature: b64 });
export const RecoveryLetter = sum({
  RecoveryDeposit: [1, struct({ ...depositFields, signature: b64 })],
  RecoveryAsk: [2, struct({ network: b32, organisation: organisationId, code: text(64), kemKey })],
  Rekey: [3, struct({ ...rekeyFields, oldSignature: b64, newSignature: b64 })],
} as const);
export type RecoveryLetter = Of<typeof RecoveryLetter>;

export const EnrolmentAnswer = struct({ patient: text(64), name: text(256), directory: Directory });

export const ShareCommitments = array(b32, 3);

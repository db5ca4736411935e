/** Organisations, parameters, and changes of both (`organisation.rs`, `genesis.rs`, `membership.rs`, `governance.rs`). */
import { blob, bool, fixed, list, named, struct, sum, text, u32, u64, type Of } from './codec';

const b32 = fixed(32);
export const organisationId = text(32);
export const kemKey = blob(1_216);
/** Most organisations in one network. */
export const ORGANISATIONS_MAX = 256;

export const Class = named({ provider: 1, payer: 2, research: 3, manufacturer: 4, distributor: 5, pharmacy: 6, regulator: 7 });
export type Class = Of<typeof Class>;

export const Organisation = struct({
  id: organisationId,
  name: text(128),
  class: Class,
  validator: bool,
  custodian: bool,
  nodeKey: b32,
  kemKey,
  tlsCertificate: b32,
  ledgerAddress: text(128),
  peerUrl: text(256),
  portalUrl: text(256),
});
export type Organisation = Of<typeof Organisation>;

/** A member in a few bytes. */
export const Member = struct({ id: organisationId, nodeKey: b32, class: Class, validator: bool, custodian: bool, tlsCertificate: b32 });
export type Member = Of<typeof Member>;

export const Parameters = struct({
  transactionLifetimeBlocksMax: u64,
  grantPeriodMsMax: u64,
  blockTransactionsMax: u32,
  epochBlocks: u32,
  votingPeriodMs: u64,
  blocksRetained: u64,
  protocol: u32,
});
export type Parameters = Of<typeof Parameters>;

export const Genesis = struct({ name: text(64), timeMs: u64, parameters: Parameters, organisations: list(Organisation, ORGANISATIONS_MAX) });
export type Genesis = Of<typeof Genesis>;

const accepted = struct({ organisation: Organisation, acceptance: fixed(64) });

/** A change to vote on. */
export const Change = sum({
  Admit: [1, accepted],
  Update: [2, accepted],
  SetClass: [3, struct({ organisation: organisationId, class: Class })],
  SetDuties: [4, struct({ organisation: organisationId, validator: bool, custodian: bool })],
  Remove: [5, struct({ organisation: organisationId })],
  SetParameters: [6, struct({ parameters: Parameters })],
} as const);
export type Change = Of<typeof Change>;

/** What a validator did that no honest one does (`contradiction.rs`). */
export const Misdeed = named({ 'two-notarizes': 1, 'two-finalizes': 2, 'nullify-and-finalize': 3 });
export type Misdeed = Of<typeof Misdeed>;
const signedVote = struct({ parentView: u64, block: b32, signature: fixed(64) });
export const Contradiction = struct({ misdeed: Misdeed, epoch: u64, view: u64, first: signedVote, second: signedVote });

export const Outcome = named({ open: 1, executed: 2, refused: 3, lapsed: 4, failed: 5 });
export type Outcome = Of<typeof Outcome>;

/**
 * Granting: one-time key -> entry on the ledger, final -> letter to the grantee, notice to the source.
 * Each step is noted in the profile before the next, so what a closed phone interrupts is finished at the next visit.
 */
import { ledger, relay, submitAndWait } from '../../api/ledger';
import { PlainError } from '../../api/http';
import { addressOf, consentTo, encode, fromHex, grantIdOf, label, scopeCommitment, signTransaction, stateKey, termsCommitment, toHex } from '../../crypto';
import * as f from '../../crypto/formats';
import { hpkeInfo, sealEnvelope } from '../../crypto/hpke';
import type { OpenCompartment } from './directory';
import { grantKeys, type PairwiseKeys } from './keys';
import type { Surroundings } from './network';
import type { GrantRecord, Profile } from './profile';
import type { RecordItem } from './sync';

/** How long a request may wait to be taken up, in blocks. */
const VALID_BLOCKS = 2_000;

export interface ShareOrder {
  grantee: string;
  categories: f.Category[];
  purpose: f.Purpose;
  expiryMs: number;
  future: boolean;
}

export interface Granting {
  around: Surroundings;
  root: Uint8Array;
  profile: Profile;
  keysOf(organisation: string): Promise<PairwiseKeys>;
  compartmentsOf(source: string): Map<string, OpenCompartment>;
}

/** The compartments that an order names at one source. Terms reach the epochs before those that they name, so where all are too many, the newest of each category stand for them (ADR 0007). */
export function chosen(compartments: Map<string, OpenCompartment>, categories: f.Category[]): OpenCompartment[] {
  const all = [...compartments.values()]
    .filter((compartment) => categories.includes(compartment.category))
    .sort((a, b) => b.epoch - a.epoch);
  if (all.length <= f.COMPARTMENTS_PER_GRANT_MAX) return all;
  return all.filter((one, at) => all.findIndex((other) => other.category === one.category) === at);
}

export function termsOf(granting: Granting, grant: GrantRecord, owner: Uint8Array<ArrayBuffer>): f.Terms {
  const keys = grantKeys(granting.root, grant.source, grant.counter);
  return {
    network: granting.around.network.id,
    grant: grantIdOf(keys.publicKey),
    source: grant.source,
    grantee: grant.grantee,
    owner,
    purpose: grant.purpose,
    notBeforeMs: grant.notBeforeMs,
    expiryMs: grant.expiryMs,
    compartments: grant.compartments.map(fromHex),
    future: grant.future,
    practitioner: null,
    scopeSalt: keys.scopeSalt,
  };
}

/** The first counter that neither the profile nor the ledger has seen. */
async function freeCounter(granting: Granting, source: string): Promise<number> {
  const used = granting.profile.grants.filter((grant) => grant.source === source).map((grant) => grant.counter);
  for (let counter = Math.max(-1, ...used) + 1; ; counter++) {
    const id = grantIdOf(grantKeys(granting.root, source, counter).publicKey);
    if ((await ledger.state(f.GrantEntry, stateKey.grant(id))) === null) return counter;
  }
}

/** One grant per source that has something to give. Nothing is sent yet. */
export async function plan(granting: Granting, order: ShareOrder, nowMs: number): Promise<GrantRecord[]> {
  if (!granting.profile.organisations.some((one) => one.id === order.grantee)) {
    throw new PlainError('This organisation does not know you yet. Ask there for an invitation first.');
  }
  const share = toHex(crypto.getRandomValues(new Uint8Array(8)));
  const grants: GrantRecord[] = [];
  for (const { id: source } of granting.profile.organisations) {
    const compartments = chosen(granting.compartmentsOf(source), order.categories);
    if (source === order.grantee || compartments.length === 0) continue;
    const counter = await freeCounter(granting, source);
    grants.push({
      id: toHex(grantIdOf(grantKeys(granting.root, source, counter).publicKey)),
      share,
      source,
      counter,
      grantee: order.grantee,
      categories: order.categories.filter((category) => compartments.some((one) => one.category === category)),
      purpose: order.purpose,
      notBeforeMs: nowMs,
      expiryMs: order.expiryMs,
      future: order.future,
      compartments: compartments.map((one) => toHex(one.id)),
      createdMs: nowMs,
      state: 'made',
      letterSent: false,
      noticeSent: false,
    });
  }
  if (grants.length === 0) throw new PlainError('There is nothing in these categories to share yet.');
  return grants;
}

/** Takes a grant as far as it goes; every step may be repeated. `save` runs after each. */
export async function complete(granting: Granting, grant: GrantRecord, save: (grant: GrantRecord) => Promise<void>): Promise<GrantRecord> {
  const keys = grantKeys(granting.root, grant.source, grant.counter);
  const owner = addressOf((await granting.keysOf(grant.source)).publicKey);
  const terms = termsOf(granting, grant, owner);
  let now = grant;
  const step = async (change: Partial<GrantRecord>) => {
    now = { ...now, ...change };
    await save(now);
  };
  if (now.state === 'made') {
    const transaction = await submitGrant(granting, terms, keys);
    await step({ state: 'active', transaction });
  }
  if (now.state === 'active' && !now.letterSent) {
    await sendLetter(granting, now, terms, keys);
    await step({ letterSent: true });
  }
  if (now.state === 'active' && !now.noticeSent) {
    await sendNotice(granting, now, terms, keys);
    await step({ noticeSent: true });
  }
  return now;
}

async function submitGrant(granting: Granting, terms: f.Terms, keys: ReturnType<typeof grantKeys>): Promise<string | undefined> {
  const known = await ledger.state(f.GrantEntry, stateKey.grant(terms.grant));
  if (known) return undefined;
  const head = await ledger.head();
  const { id } = await submitAndWait(
    signTransaction(granting.around.network.id, keys.seed, head.height + VALID_BLOCKS, {
      kind: 'Grant',
      terms: termsCommitment(terms, keys.termsSalt),
      scope: scopeCommitment(terms.grantee, terms.purpose, keys.scopeSalt),
      expiryMs: terms.expiryMs,
    }),
  );
  return id;
}

const kemKeyOf = (granting: Granting, organisation: string): Uint8Array => granting.around.network.byId.get(organisation)!.kemKey;

async function sendLetter(granting: Granting, grant: GrantRecord, terms: f.Terms, keys: ReturnType<typeof grantKeys>) {
  const compartments = granting.compartmentsOf(grant.source);
  const letter = {
    terms,
    termsSalt: keys.termsSalt,
    consent: consentTo(terms, (await granting.keysOf(grant.source)).seed),
    keys: grant.compartments.flatMap((id) => {
      const one = compartments.get(id);
      return one ? [{ compartment: one.id, category: one.category, key: one.key }] : [];
    }),
    patient: granting.profile.organisations.find((one) => one.id === grant.grantee)?.patient ?? '',
  };
  const info = hpkeInfo(label.hpkeLetter, granting.around.network.id);
  const sealed = await sealEnvelope(kemKeyOf(granting, grant.grantee), info, encode(f.Letter, letter), keys.seed);
  await relay.letter(grant.grantee, sealed);
}

async function sendNotice(granting: Granting, grant: GrantRecord, terms: f.Terms, keys: ReturnType<typeof grantKeys>) {
  const consent = consentTo(terms, (await granting.keysOf(grant.source)).seed);
  const notice = { terms, termsSalt: keys.termsSalt, consent };
  const info = hpkeInfo(label.hpkeSourceNotice, granting.around.network.id);
  const sealed = await sealEnvelope(kemKeyOf(granting, grant.source), info, encode(f.SourceNotice, notice), keys.seed);
  await relay.letter(grant.source, sealed);
}

export async function revoke(granting: Granting, grant: GrantRecord): Promise<void> {
  const keys = grantKeys(granting.root, grant.source, grant.counter);
  const id = grantIdOf(keys.publicKey);
  const entry = await ledger.state(f.GrantEntry, stateKey.grant(id));
  if (!entry || entry.revoked !== null) return;
  const head = await ledger.head();
  await submitAndWait(
    signTransaction(granting.around.network.id, keys.seed, head.height + VALID_BLOCKS, { kind: 'Revoke', grant: id }),
  );
}

/** What there is to share, by category, without the source that would receive it. */
export function shareable(all: Map<string, Map<string, OpenCompartment>>, records: RecordItem[], grantee: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [source, compartments] of all) {
    if (source === grantee) continue;
    for (const { category } of compartments.values()) {
      const found = records.filter((one) => one.category === category && one.source === source && one.content === 'fhir');
      counts.set(category, Math.max(counts.get(category) ?? 0, found.length));
    }
  }
  return counts;
}

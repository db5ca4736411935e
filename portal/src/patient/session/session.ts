/**
 * One person's session. The root lives in this module's memory while unlocked and nowhere else; five idle minutes
 * drop it. Views read snapshots through `useSession`; actions are methods of `session`.
 */
import { account, type Slot } from '../../api/account';
import { ApiError, isOnline, plainWords, PlainError } from '../../api/http';
import { createPasskey, prfOf, askPasskey } from '../../api/webauthn';
import { fromBase64, label, randomBytes, toBase64, toHex } from '../../crypto';
import { dateOf } from '../../ui/fhir/describe';
import type { Verdict } from '../../verify/messages';
import type { AccountingFile } from '../../api/accounting';
import type { CaseBody } from '../../api/cases';
import { allApps, type AppAsk } from './apps';
import type { Choice, LocationAsk } from './location';
import type { RegistrationAsk, Registrations } from './registrations';
import { allCases, askCases, type CaseAnswers, type CaseAsk } from './cases';
import { readAccesses } from './accesses';
import type { OpenCompartment } from './directory';
import { enrol, type Invite } from './enrol';
import { withResource } from './evidence';
import { notRegistered } from './keyCheck';
import * as granting from './grants';
import { Links, type LinkAsk, type Linking } from './links';
import { openUnder, pairwiseKeys, sealUnder, type PairwiseKeys } from './keys';
import { surroundings, type Surroundings } from './network';
import { emptyProfile, higher, loadBackup, mergeProfiles, saveBackup, type FormerKeys, type GrantRecord, type Profile } from './profile';
import { Proxies } from './proxies';
import * as recovering from './recovering';
import type { RecoveryAttempt } from './recovering';
import { askerOf } from './requests';
import type { Part } from './recovery';
import * as replacing from './replacing';
import { newRecoveryCode, recoveryCodeText, recoveryLocator } from './recoveryCode';
import { CLOSED, type Snapshot } from './snapshot';
import { Stops } from './stops';
import { device, LocalCopy, tabMemory } from './store';
import { Anchors, batchOf, currentRecords, syncSource, type RecordItem, type StoredRecord } from './sync';
import { verdictsOf } from './verdicts';

export type { Snapshot, SyncState } from './snapshot';
export const IDLE_LOCK_MS = 5 * 60_000;
/** How long before it locks that is said, so that whoever reads slowly can prevent it. */
export const LOCK_WARNING_MS = 60_000;

const NOTHING_READ = { accesses: [], requests: [], silent: [], gaps: [], numbers: {} };
const UNKNOWN_CODE = 'No record belongs to this code here. Check the code, and that this is the address where you signed up.';

/** Under which this device remembers the passkey that it was opened with last. */
export const CREDENTIAL = 'credential';

interface KeptSlots {
  slots: Slot[];
}

class Session {
  private snapshot: Snapshot = tabMemory.opened() ? { ...CLOSED, phase: 'locked' } : CLOSED;
  private readonly listeners = new Set<() => void>();
  private root: Uint8Array | null = null;
  private local: LocalCopy | null = null;
  private keys = new Map<string, Promise<PairwiseKeys>>();
  private compartments = new Map<string, Map<string, OpenCompartment>>();
  private anchors = new Anchors();
  private work = new AbortController();
  private idle: ReturnType<typeof setTimeout> | undefined;
  private readings = 0;
  private prepared: replacing.Prepared | null = null;
  readonly proxies = new Proxies({ granting: () => this.granting(), save: (profile) => this.save(profile), get: () => this.snapshot.proxies, logged: () => this.snapshot.accesses?.accesses ?? [], set: (change) => this.root && this.set({ proxies: { ...this.snapshot.proxies, ...change } }) });
  readonly links = new Links(() => this.linking());
  readonly stops = new Stops({
    profile: () => (this.root ? this.snapshot.profile : null),
    save: (profile) => this.save(profile),
    granting: () => this.granting(),
    changeGrant: (grant) => this.changeGrant(grant),
    get: () => this.snapshot.stopping,
    set: (stopping) => this.set({ stopping }),
  });

  get = (): Snapshot => this.snapshot;
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  private set(change: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...change };
    for (const listener of this.listeners) listener();
  }

  // Opening and closing.

  private sealSlot = async (kind: Slot['kind'], secret: Uint8Array, root: Uint8Array): Promise<Slot> => ({
    kind,
    sealed: toBase64(await sealUnder(kind === 'passkey' ? label.passkeySlot : label.recoverySlot, secret, root)),
  });

  private async openSlots(slots: Slot[], kind: Slot['kind'], secret: Uint8Array): Promise<Uint8Array> {
    for (const slot of slots.filter((one) => one.kind === kind)) {
      const use = kind === 'passkey' ? label.passkeySlot : label.recoverySlot;
      const root = await openUnder(use, secret, fromBase64(slot.sealed)).catch(() => null);
      if (root?.length === 32) return root;
    }
    throw new PlainError('This passkey does not open your record here. Try another one, or use your recovery code.');
  }

  /** Makes an account. Gives the recovery code to print; with a passkey if there is one that can keep a secret. */
  async signUp(withPasskey: boolean, name?: string): Promise<void> {
    const start = await account.registerStart(name);
    const root = randomBytes(32);
    const code = newRecoveryCode();
    const slots = [await this.sealSlot('recovery', code, root)];
    let credential = null;
    if (withPasskey) {
      const made = await createPasskey(start.options, true);
      if (!made.prf) throw new PlainError('This passkey cannot keep your record locked. Please go on with a recovery code only.');
      credential = made.credential;
      slots.push({ ...(await this.sealSlot('passkey', made.prf, root)), id: made.credential.id });
    }
    await account.registerFinish({ session: start.session, credential, slots, recoveryLocator: recoveryLocator(code) });
    await device.set('slots', { slots } satisfies KeptSlots);
    if (credential) await device.set(CREDENTIAL, credential.id);
    await this.open(root, recoveryCodeText(code), true);
  }

  async signInWithPasskey(): Promise<void> {
    const start = await account.signinStart().catch((error: unknown) => {
      if (error instanceof ApiError && error.problem === 'offline') return null;
      throw error;
    });
    if (!start) return this.openOffline();
    const { credential, prf } = await askPasskey(start.options, true);
    if (!prf) throw new PlainError('This passkey or browser cannot unlock your record. Please use your recovery code.');
    const { slots } = await account.signinFinish(start.session, credential);
    const root = await this.openSlots(slots, 'passkey', prf);
    await device.set('slots', { slots } satisfies KeptSlots);
    await device.set(CREDENTIAL, credential.id);
    await this.open(root);
  }

  /** Without a connection: the passkey opens the slot kept on this device, and the local copy is shown. */
  private async openOffline(): Promise<void> {
    const kept = await device.get<KeptSlots>('slots');
    const prf = kept ? await prfOf() : null;
    if (!kept || !prf) throw new ApiError('offline');
    await this.open(await this.openSlots(kept.slots, 'passkey', prf));
  }

  async signInWithCode(code: Uint8Array): Promise<void> {
    const { sealed } = await account.recovery(recoveryLocator(code)).catch((error: unknown) => {
      if (error instanceof ApiError && error.problem === 'not-found') {
        throw new PlainError(UNKNOWN_CODE);
      }
      throw error;
    });
    // A node answers an unknown code with a decoy, so that codes cannot be tried out: it does not open.
    const root = await this.openSlots([{ kind: 'recovery', sealed }], 'recovery', code).catch(() => null);
    if (!root) throw new PlainError(UNKNOWN_CODE);
    await this.open(root);
  }

  private async open(root: Uint8Array, freshCode: string | null = null, isNew = false): Promise<void> {
    this.root = root;
    this.local = new LocalCopy(root);
    this.set({ ...CLOSED, phase: 'opening', freshCode });
    const around = await surroundings();
    const network = toHex(around.network.id);
    const [kept] = await this.local.all<Profile>('profile');
    const saved = isNew ? null : await loadBackup(root).catch(() => null);
    const profile = [kept, saved].filter((one) => !!one).reduce(mergeProfiles, emptyProfile(network));
    this.anchors.load(await this.local.all<string>('anchors'));
    const records = (await this.local.all<StoredRecord[]>('records')).flat().flatMap(withResource);
    const verdicts = Object.assign({}, ...(await this.local.all<Record<string, Verdict>>('verdicts'))) as Record<string, Verdict>;
    for (const record of records) record.verdict = verdicts[record.key];
    this.set({ phase: 'open', around, profile, records });
    tabMemory.setOpened(true);
    this.touch();
    void this.refresh();
  }

  /** Any use of the page counts as not idle. */
  touch = (): void => {
    if (!this.root) return;
    clearTimeout(this.idle);
    if (this.snapshot.lockingSoon) this.set({ lockingSoon: false });
    this.idle = setTimeout(() => {
      this.set({ lockingSoon: true });
      this.idle = setTimeout(() => this.lock(), LOCK_WARNING_MS);
    }, IDLE_LOCK_MS - LOCK_WARNING_MS);
  };

  lock = (): void => {
    if (!this.root) return;
    this.close();
    this.set({ ...CLOSED, phase: 'locked' });
  };

  async signOut(): Promise<void> {
    this.close();
    this.set(CLOSED);
    tabMemory.setOpened(false);
    await account.signout().catch(() => undefined);
  }

  private close(): void {
    this.stops.close();
    this.work.abort();
    this.work = new AbortController();
    clearTimeout(this.idle);
    this.proxies.close();
    this.root?.fill(0);
    this.root = null;
    this.local = null;
    this.keys = new Map();
    this.compartments = new Map();
    this.anchors = new Anchors();
  }

  private unlocked(): { root: Uint8Array; local: LocalCopy; around: Surroundings; profile: Profile } {
    const { around, profile } = this.snapshot;
    if (!this.root || !this.local || !around || !profile) throw new PlainError('Your record is locked. Please unlock it first.');
    return { root: this.root, local: this.local, around, profile };
  }

  private keysOf = (organisation: string): Promise<PairwiseKeys> => {
    const { root } = this.unlocked();
    const known = this.keys.get(organisation) ?? pairwiseKeys(root, organisation);
    this.keys.set(organisation, known);
    return known;
  };

  private async save(profile: Profile): Promise<void> {
    const { root, local } = this.unlocked();
    this.set({ profile });
    await local.put('profile', 'one', profile);
    const merged = await saveBackup(root, profile);
    if (this.root === root) this.set({ profile: mergeProfiles(merged, this.snapshot.profile ?? merged) });
  }

  private changeGrant = async (grant: GrantRecord): Promise<void> => {
    const { profile } = this.unlocked();
    const others = profile.grants.filter((one) => one.id !== grant.id);
    await this.save({ ...profile, grants: [...others, grant] });
  };

  // Reading.

  /** The work that a refresh is part of; what signing out ended holds up nobody. */
  private refreshing: AbortSignal | null = null;

  /** Brings everything up to date, without a word unless something fails if `quietly`. Errors end in the snapshot, in plain words. */
  refresh = async (quietly = false): Promise<void> => {
    const { signal } = this.work;
    if (!this.root || this.refreshing === signal) return;
    this.refreshing = signal;
    await this.bringUpToDate(quietly && this.snapshot.sync.state === 'done').finally(() => {
      if (this.refreshing === signal) this.refreshing = null;
    });
  };

  private async bringUpToDate(quietly: boolean): Promise<void> {
    const { signal } = this.work;
    const { profile } = this.unlocked();
    const silent: string[] = [];
    let missing = 0;
    if (!quietly) this.set({ sync: { state: 'working', done: 0, total: 0, silent, missing } });
    try {
      await this.goOnReplacing();
      await this.stops.finish();
      for (const { id } of profile.organisations) {
        try {
          missing += await this.syncOne(id, signal);
        } catch (error) {
          if (signal.aborted) return;
          silent.push(id);
          if (silent.length === profile.organisations.length) throw error;
        }
      }
      this.set({ sync: { state: 'done', done: 0, total: 0, silent, missing, atMs: Date.now() } });
      await this.checkKeys();
      await this.checkRecoveries();
      await this.verifyNew();
      await this.finishGrants();
      await this.proxies.goOn();
      await this.refreshAccesses();
    } catch (error) {
      if (!signal.aborted) this.set({ sync: { ...this.snapshot.sync, state: 'failed', silent, message: plainWords(error) } });
    }
  }

  private async syncOne(source: string, signal: AbortSignal): Promise<number> {
    const { around, local } = this.unlocked();
    const known = new Set(this.snapshot.records.flatMap((record) => (record.source === source ? [record.key] : [])));
    const answer = await syncSource({
      around,
      source,
      asker: askerOf(around.network, await this.keysOf(source)),
      known,
      signal,
      onProgress: (progress) => this.set({ sync: { ...this.snapshot.sync, ...progress } }),
      onRecords: async (records) => {
        if (signal.aborted || records.length === 0) return;
        await local.put('records', records[0]!.key, records);
        this.set({ records: [...this.snapshot.records, ...records.flatMap(withResource)] });
      },
    });
    this.compartments.set(source, answer.compartments);
    if (!signal.aborted && answer.gone.length > 0) await this.forget(new Set(answer.gone));
    return answer.missing;
  }

  /** What was erased is on this device no longer either. */
  private async forget(gone: Set<string>): Promise<void> {
    const { local } = this.unlocked();
    const kept = (await local.all<StoredRecord[]>('records')).flat().filter((record) => !gone.has(record.key));
    await local.drop('records');
    if (kept.length > 0) await local.put('records', kept[0]!.key, kept);
    this.set({ records: this.snapshot.records.filter((record) => !gone.has(record.key)) });
  }

  /** At every start, on every device: is it still this person's key that the network has? */
  private async checkKeys(): Promise<void> {
    const { around, profile } = this.unlocked();
    const keysGone = await notRegistered(around, profile, this.keysOf);
    if (this.root) this.set({ keysGone });
  }

  /** At every start, on every device: does somebody recover the root? */
  private async checkRecoveries(): Promise<void> {
    const { root, around, profile } = this.unlocked();
    try {
      const all = await recovering.findAttempts(root, around, profile.recovery);
      const own = new Set(this.snapshot.profile?.ownRecoveries);
      const recoveries = all.filter((one) => !one.cancelled && !own.has(recovering.attemptName(one)));
      if (this.root) this.set({ recoveries, recoveriesUnchecked: false });
    } catch {
      if (this.root) this.set({ recoveriesUnchecked: true });
    }
  }

  /** Checks, in the worker, every record that has no good verdict yet. */
  private async verifyNew(): Promise<void> {
    const { around, local } = this.unlocked();
    const open = this.snapshot.records.filter((record) => !record.verdict?.ok);
    if (open.length === 0) return;
    const answer = await verdictsOf(around, this.anchors, open, (key, bytes) => local.put('anchors', key, bytes));
    await local.put('verdicts', open[0]!.key, answer);
    this.set({
      records: this.snapshot.records.map((record) => (answer[record.key] ? { ...record, verdict: answer[record.key] } : record)),
    });
  }

  /** Checks one record again, from the proof alone. */
  async verifyAgain(key: string): Promise<Verdict> {
    const { around } = this.unlocked();
    const record = this.snapshot.records.find((one) => one.key === key);
    if (!record) throw new PlainError('This record is not here.');
    const verdict = (await verdictsOf(around, this.anchors, [record]))[key]!;
    this.set({ records: this.snapshot.records.map((one) => (one.key === key ? { ...one, verdict } : one)) });
    return verdict;
  }

  anchorOf = (record: RecordItem) => this.anchors.get(batchOf(record));

  async refreshAccesses(): Promise<void> {
    const { around, profile } = this.unlocked();
    const known = this.snapshot.accesses;
    const reading = ++this.readings;
    // Of two that run at once, the one that began later knows more.
    const isNewest = () => this.root && this.readings === reading;
    this.set({ accesses: { ...NOTHING_READ, ...known, state: 'loading' } });
    try {
      const report = await readAccesses(around, profile, this.keysOf);
      if (isNewest()) this.set({ accesses: { ...report, state: 'ready' } });
    } catch {
      if (isNewest()) this.set({ accesses: { ...NOTHING_READ, ...known, state: 'failed' } });
    }
  }

  // Joining and sharing.

  async join(invite: Invite): Promise<string> {
    const { around } = this.unlocked();
    const membership = await enrol(around, invite, await this.keysOf(invite.organisation));
    const { profile } = this.unlocked();
    const others = profile.organisations.filter((one) => one.id !== membership.id);
    await this.save({ ...profile, organisations: [...others, membership] });
    void this.refresh();
    return membership.name;
  }

  /** What there is to share, by category, without the source that would receive it. */
  shareable(grantee: string): Map<string, number> {
    return granting.shareable(this.compartments, this.snapshot.records, grantee);
  }

  private granting(): granting.Granting {
    const { root, around, profile } = this.unlocked();
    return { root, around, profile, keysOf: this.keysOf, compartmentsOf: (source) => this.compartments.get(source) ?? new Map() };
  }

  async share(order: granting.ShareOrder, onStep: (done: number, total: number) => void): Promise<void> {
    const planned = await granting.plan(this.granting(), order, Date.now());
    const { profile } = this.unlocked();
    await this.save({ ...profile, grants: [...profile.grants, ...planned] });
    onStep(0, planned.length);
    for (const [at, grant] of planned.entries()) {
      await granting.complete(this.granting(), grant, this.changeGrant);
      onStep(at + 1, planned.length);
    }
  }

  /** Finishes what an earlier visit left half done. */
  private async finishGrants(): Promise<void> {
    const { profile } = this.unlocked();
    const open = profile.grants.filter(
      (grant) => grant.state !== 'revoked' && grant.expiryMs > Date.now() && !(grant.letterSent && grant.noticeSent),
    );
    for (const grant of open) await granting.complete(this.granting(), grant, this.changeGrant).catch(() => undefined);
  }

  /** What was asked of every organisation by the person's rights, newest first. */
  cases = async () => allCases(this.unlocked().profile, (organisation) => this.askCase(organisation, { ask: 'list' }));

  async askCase(organisation: string, what: CaseAsk): Promise<CaseBody[]> {
    return (await this.askCases(organisation, what)).cases;
  }

  /** The file by which anyone can check an erasure, without trusting the organisation. */
  async erasureDossier(organisation: string, id: string): Promise<unknown> {
    return (await this.askCases(organisation, { ask: 'dossier', case: id })).dossier;
  }

  /** Everyone who looked at what an organisation keeps, signed by it. */
  async signedList(organisation: string, before?: number): Promise<AccountingFile> {
    const { accounting } = await this.askCases(organisation, { ask: 'accounting', ...(before && { before }) });
    if (!accounting) throw new PlainError('No list came. Please try again later.');
    return accounting;
  }

  /** The apps that may read, at every organisation. */
  apps = async () => allApps(this.unlocked().profile, (organisation) => this.askCases(organisation, { ask: 'apps' }));

  private linking(): Linking {
    const { around, profile } = this.unlocked();
    const own = around.organisations.find((one) => one.portalUrl && new URL(one.portalUrl).origin === window.location.origin)?.id;
    const keeper = profile.organisations.find(({ id }) => id === own) ?? profile.organisations[0];
    if (!keeper) throw new PlainError('A link needs a hospital or practice that keeps it. Join one first.');
    return {
      profile: () => this.unlocked().profile,
      save: (changed) => this.save(changed),
      ask: (organisation, what) => this.askCases(organisation, what),
      keeper: () => keeper.id,
      chosen: (categories) =>
        currentRecords(this.snapshot.records)
          .filter(({ category }) => categories.includes(category))
          .sort((a, b) => (dateOf(b.resource) ?? '').localeCompare(dateOf(a.resource) ?? ''))
          .map(({ resource, category, source }) => ({ resource, category, source: around.organisations.find(({ id }) => id === source)?.name ?? source })),
    };
  }

  /** Whether the person may be found there; with `found`, from now on. */
  async location(organisation: string, found?: boolean): Promise<Choice> {
    const { location } = await this.askCases(organisation, { ask: 'location', ...(found !== undefined && { found }) });
    if (!location) throw new PlainError('The organisation did not say whether you may be found there.');
    return location;
  }

  /** The person's registrations there, after what was asked is done. */
  async registrations(organisation: string, what: RegistrationAsk): Promise<Registrations> {
    const { registrations = [], offer = null } = await this.askCases(organisation, what);
    return { registrations, offer };
  }

  async askCases(organisation: string, what: CaseAsk | AppAsk | LinkAsk | LocationAsk | RegistrationAsk): Promise<CaseAnswers> {
    const { around } = this.unlocked();
    return askCases(around.network, organisation, await this.keysOf(organisation), what);
  }

  async answerRequest(id: string): Promise<void> {
    const { profile } = this.unlocked();
    await this.save({ ...profile, answered: [...profile.answered, id] });
  }

  /** What the list shows has been looked at; what comes later has not. */
  async markSeen(): Promise<void> {
    const { profile } = this.unlocked();
    const { accesses = [], numbers = {} } = this.snapshot.accesses ?? {};
    const seenMs = accesses.reduce((newest, { timeMs }) => Math.max(newest, timeMs), profile.seenMs);
    const seenNumbers = higher(profile.seenNumbers, numbers);
    const isMore = Object.entries(numbers).some(([organisation, number]) => number > (profile.seenNumbers?.[organisation] ?? 0));
    if (seenMs > profile.seenMs || isMore) await this.save({ ...profile, seenMs, seenNumbers }).catch(() => undefined);
  }

  // Replacing all keys.

  /** A new recovery code to be printed before anything changes. */
  prepareReplace(): string {
    this.prepared = { root: randomBytes(32), code: newRecoveryCode() };
    return recoveryCodeText(this.prepared.code);
  }

  async replaceKeys(withPasskey: boolean): Promise<void> {
    const { root, profile, local } = this.unlocked();
    if (!this.prepared) throw new PlainError('Please begin again.');
    const { root: next } = this.prepared;
    await this.proxies.endAll();
    const fresh = replacing.profileAfter(profile, root);
    // On this device first: what follows can be interrupted.
    await new LocalCopy(next).put('profile', 'one', fresh);
    const { slots, credential } = await replacing.replaceAccount(this.prepared, withPasskey, this.sealSlot);
    this.prepared = null;
    await device.set('slots', { slots } satisfies KeptSlots);
    await device.set(CREDENTIAL, credential ?? undefined);
    await saveBackup(next, fresh).catch(() => undefined);
    await local.clear();
    this.close();
    await this.open(next);
  }

  private async goOnReplacing(): Promise<void> {
    const { former } = this.unlocked().profile;
    const note = (state: FormerKeys) => this.save({ ...this.unlocked().profile, former: state });
    if (former) await replacing.goOn(former, this.granting(), note);
  }

  // Settings.

  codeIsKept = (): void => this.set({ freshCode: null });

  async addPasskey(): Promise<void> {
    const { root } = this.unlocked();
    const start = await account.passkeyStart();
    const made = await createPasskey(start.options, true);
    if (!made.prf) throw new PlainError('This passkey cannot keep your record locked, so it was not added.');
    const slot = { ...(await this.sealSlot('passkey', made.prf, root)), id: made.credential.id };
    await account.passkeyFinish(start.session, made.credential, slot);
    await device.set(CREDENTIAL, made.credential.id);
  }

  async nameDevice(id: string, name: string): Promise<void> {
    const { profile } = this.unlocked();
    await this.save({ ...profile, deviceNames: { ...profile.deviceNames, [id]: { name: name.trim().slice(0, 64), atMs: Date.now() } } });
  }

  // Recovery from shares.

  private recovering(): recovering.Recovering {
    const save = (change: Pick<Profile, 'recovery'>) => this.save({ ...this.unlocked().profile, ...change });
    return { ...this.unlocked(), keysOf: this.keysOf, save };
  }

  async setUpRecovery(organisations: string[]): Promise<void> {
    this.set({ freshPapers: await recovering.setUp(this.recovering(), organisations) });
  }

  papersAreKept = (): void => this.set({ freshPapers: null });

  async takeBackRecovery(): Promise<void> {
    await recovering.takeBack(this.recovering());
  }

  async cancelRecovery(attempt: RecoveryAttempt): Promise<void> {
    const { root, around } = this.unlocked();
    await recovering.cancel(root, around, attempt);
    await this.checkRecoveries();
  }

  /** The person says of attempts that they were their own. */
  async ownRecoveries(names: string[]): Promise<void> {
    const { profile } = this.unlocked();
    await this.save({ ...profile, ownRecoveries: [...(profile.ownRecoveries ?? []), ...names] });
    this.set({ recoveries: this.snapshot.recoveries.filter((one) => !names.includes(recovering.attemptName(one))) });
  }

  /** Opens the record with two parts of the root, and makes a new recovery code: the old one may be in other hands. */
  async recover(parts: Part[], attempts: string[]): Promise<void> {
    await this.open(await recovering.openWith(parts));
    await this.newCode();
    if (attempts.length > 0) await this.ownRecoveries(attempts);
  }

  async newCode(): Promise<void> {
    const { root } = this.unlocked();
    const code = newRecoveryCode();
    await account.replaceRecovery(await this.sealSlot('recovery', code, root), recoveryLocator(code));
    this.set({ freshCode: recoveryCodeText(code) });
  }

  async deleteLocalCopy(): Promise<void> {
    const { local } = this.unlocked();
    await local.clear();
    this.anchors = new Anchors();
    this.set({ records: [] });
  }

  get online(): boolean {
    return isOnline();
  }
}

export const session = new Session();

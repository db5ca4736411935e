/** What a session knows and does about people who act for one another. */
import { PlainError, plainWords } from '../../api/http';
import { fromHex } from '../../crypto';
import * as acting from './acting';
import * as appointing from './appointing';
import type { CaseAsk } from './cases';
import type { Invite } from './enrol';
import type { Granting } from './grants';
import { isEnding, type ActingRecord, type AppointmentRecord, type Profile } from './profile';
import { Anchors, type RecordItem } from './sync';
import { verdictsOf, type Verdicts } from './verdicts';

export const END_UNDO_MS = 6_000;

/** What views see of it. */
export interface ProxiesView {
  /** Who answered an invitation and waits to be confirmed, by code: their name, and the number to compare. */
  answers: Record<string, { name: string; check: string }>;
  /** What was done for the person, newest first. */
  done: appointing.Done[];
  /** Appointments that are about to be ended, with the time at which that is sent. */
  ending: Record<string, number>;
  failure: string | null;
}

export const NO_PROXIES: ProxiesView = { answers: {}, done: [], ending: {}, failure: null };

/** What a desk's code gave. */
export interface Accepted {
  /** The child's, at the organisation. */
  name: string;
  /** It was to be the same child as another, who has another name. */
  apart?: { code: string; from: string; name: string };
}

interface Ground {
  granting(): Granting;
  save(profile: Profile): Promise<void>;
  get(): ProxiesView;
  /** What organisations' own logs name of appointments. */
  logged(): appointing.Logged[];
  set(change: Partial<ProxiesView>): void;
}

export class Proxies {
  private readonly answers = new Map<string, appointing.Answer>();
  private running: Promise<void> | null = null;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly ground: Ground) {}

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.answers.clear();
  }

  private profile = (): Profile => this.ground.granting().profile;
  private appointment(code: string): AppointmentRecord {
    const found = this.profile().appointments?.find((one) => one.code === code);
    if (!found) throw new PlainError('This is not here any more.');
    return found;
  }
  private note = async (record: AppointmentRecord): Promise<void> => {
    const others = (this.profile().appointments ?? []).filter((one) => one.code !== record.code);
    await this.ground.save({ ...this.profile(), appointments: [...others, record] });
  };
  private noteActing = async (record: ActingRecord): Promise<void> => {
    const others = (this.profile().acting ?? []).filter((one) => one.code !== record.code);
    await this.ground.save({ ...this.profile(), acting: [...others, record] });
  };

  // The person whose record it is.

  /** Makes an invitation; its code. */
  async invite(wish: appointing.Wish): Promise<string> {
    const record = await appointing.invite(this.ground.granting(), wish);
    await this.note(record);
    return record.code;
  }

  async confirm(code: string): Promise<void> {
    const answer = this.answers.get(code);
    if (!answer) throw new PlainError('Nobody has answered this invitation yet.');
    await appointing.confirm(this.ground.granting(), this.appointment(code), answer, this.note);
    const { [code]: _gone, ...answers } = this.ground.get().answers;
    this.ground.set({ answers });
  }

  /** Ends an appointment after the undo window. */
  end(code: string): void {
    void this.note({ ...this.appointment(code), endAskedMs: Date.now() }).catch(() => undefined);
    this.timers.set(code, setTimeout(() => void this.sendEnd(code), END_UNDO_MS));
    this.ground.set({ ending: { ...this.ground.get().ending, [code]: Date.now() + END_UNDO_MS } });
  }

  undoEnd(code: string): void {
    clearTimeout(this.timers.get(code));
    this.timers.delete(code);
    this.clearEnding(code);
    void this.note({ ...this.appointment(code), endUndoneMs: Date.now() }).catch(() => undefined);
  }

  private clearEnding(code: string): void {
    const { [code]: _gone, ...ending } = this.ground.get().ending;
    this.ground.set({ ending });
  }

  private async sendEnd(code: string): Promise<void> {
    this.timers.delete(code);
    try {
      await appointing.end(this.ground.granting(), this.appointment(code));
      await this.note({ ...this.appointment(code), state: 'ended', endedMs: Date.now() });
      this.ground.set({ failure: null });
    } catch (error) {
      this.ground.set({ failure: plainWords(error) });
    }
    this.clearEnding(code);
  }

  /** Before the keys are replaced: nobody acts for the person by the old ones, and with the old ones for nobody. */
  async endAll(): Promise<void> {
    const { root, around, profile } = this.ground.granting();
    for (const record of (profile.appointments ?? []).filter((one) => one.state !== 'ended')) await appointing.end(this.ground.granting(), record);
    for (const record of (profile.acting ?? []).filter((one) => !one.ended)) await acting.layDown(root, around, record);
  }

  /** Ends what somebody shared for the person. */
  async stopShared(done: appointing.Done): Promise<void> {
    if (done.grant) await appointing.stop(this.ground.granting(), done.part, done.grant);
    await this.look();
  }

  private async look(): Promise<void> {
    const own = this.profile().appointments ?? [];
    const others = appointing.othersIn(own, this.ground.logged());
    this.ground.set({ done: [...(await appointing.doneForMe(own)), ...(await appointing.doneBefore(others))].sort((a, b) => b.timeMs - a.timeMs) });
  }

  /** At every visit: who answered, what is to be ended, what was done, and what others have confirmed. */
  async goOn(): Promise<void> {
    if (this.running) return this.running;
    this.running = this.goOnOnce().finally(() => (this.running = null));
    return this.running;
  }

  private async goOnOnce(): Promise<void> {
    for (const record of this.profile().appointments ?? []) {
      if (isEnding(record) && this.ground.get().ending[record.code] === undefined) await this.sendEnd(record.code);
      if (record.state === 'invited' && !isEnding(record)) await this.lookForAnswer(record.code);
    }
    const { root, around } = this.ground.granting();
    for (const record of (this.profile().acting ?? []).filter((one) => one.mandates.length === 0 && !one.ended)) {
      const found = await acting.collect(root, around, record).catch(() => null);
      if (found) await this.noteActing(found);
    }
    await this.look();
  }

  private async lookForAnswer(code: string): Promise<void> {
    const answer = await appointing.find<appointing.Answer>(fromHex(code), 'answer').catch(() => null);
    if (!answer) return;
    this.answers.set(code, answer);
    const answers = { ...this.ground.get().answers, [code]: { name: answer.name, check: appointing.checkNumber(answer) } };
    this.ground.set({ answers });
  }

  // The person who acts.

  offer = acting.readOffer;

  /** Accepts an invitation; the number to compare. */
  async accept(code: Uint8Array, offer: appointing.Offer, name: string): Promise<string> {
    const { record, answer } = await acting.accept(this.ground.granting().root, code, offer, name);
    await this.noteActing(record);
    return appointing.checkNumber(answer);
  }

  /** Accepts a desk's code for a child; of `same` the person says it is the same one. Under another name it is kept apart. */
  async acceptAtDesk(invite: Invite, same?: string): Promise<Accepted> {
    const { root, around } = this.ground.granting();
    const known = same === undefined ? undefined : this.acting(same);
    const record = await acting.acceptAtDesk(root, around, invite, known);
    if (!known || acting.sameName(known, record)) {
      await this.noteActing(known ? acting.join(this.acting(known.code), record) : record);
      return { name: record.name };
    }
    await this.noteActing(record);
    return { name: record.name, apart: { code: record.code, from: known.code, name: known.name } };
  }

  /** Two records are of one child after all. */
  async join(from: string, code: string): Promise<void> {
    const record = this.acting(code);
    await this.noteActing(acting.join(this.acting(from), record));
    await this.noteActing({ ...record, ended: true });
  }

  async read(code: string, signal: AbortSignal): Promise<acting.OthersRecord> {
    const { root, around } = this.ground.granting();
    return acting.read(root, around, this.acting(code), signal);
  }

  /** What the proofs of another's records say. */
  verdicts = (records: RecordItem[]): Promise<Verdicts> => verdictsOf(this.ground.granting().around, new Anchors(), records);

  private acting(code: string): ActingRecord {
    const record = this.profile().acting?.find((one) => one.code === code && !one.ended);
    if (!record) throw new PlainError('You do not act for this person.');
    return record;
  }

  async shareFor(code: string, order: acting.SharingOrder): Promise<void> {
    const { root, around } = this.ground.granting();
    const made = await acting.share(root, around, this.acting(code), order);
    const record = this.acting(code);
    await this.noteActing({ ...record, grants: [...(record.grants ?? []), ...made] });
  }

  async stopFor(code: string, id: string): Promise<void> {
    const { root, around } = this.ground.granting();
    const granted = this.acting(code).grants?.find((one) => one.id === id);
    if (granted) await acting.stop(root, around, this.acting(code), granted);
    const record = this.acting(code);
    await this.noteActing({ ...record, grants: record.grants?.map((one) => (one.id === id ? { ...one, stopped: true } : one)) });
  }

  async askFor(code: string, organisation: string, what: CaseAsk): Promise<void> {
    const { root, around } = this.ground.granting();
    await acting.ask(root, around, this.acting(code), organisation, what);
  }

  /** What may be done for this person, besides looking. */
  mayDo(record: ActingRecord): { shares: boolean; asks: boolean } {
    const mandates = acting.mandatesOf(record).map((one) => one.mandate);
    return { shares: mandates.some((one) => one.shares), asks: mandates.some((one) => one.asks) };
  }

  async layDown(code: string): Promise<void> {
    const { root, around } = this.ground.granting();
    const record = this.acting(code);
    await acting.layDown(root, around, record);
    await this.noteActing({ ...record, ended: true });
  }
}

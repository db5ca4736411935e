/** Shares that the person stops: for some seconds it can be taken back, and what a closed page interrupts is sent at the next visit. */
import { plainWords } from '../../api/http';
import * as granting from './grants';
import { isStopping, type GrantRecord, type Profile } from './profile';
import type { Snapshot } from './snapshot';

export const UNDO_MS = 6_000;

/** What stopping needs of a session. */
export interface Stopping {
  /** `null` while it is locked. */
  profile(): Profile | null;
  save(profile: Profile): Promise<void>;
  granting(): granting.Granting;
  changeGrant(grant: GrantRecord): Promise<void>;
  get(): Snapshot['stopping'];
  set(stopping: Snapshot['stopping']): void;
}

export class Stops {
  /** Why the last one did not get through. */
  failure: string | null = null;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly session: Stopping) {}

  /** Stops a share after the undo window. */
  ask(share: string): void {
    void this.note(share, { stopAskedMs: Date.now() });
    this.timers.set(share, setTimeout(() => void this.send(share), UNDO_MS));
    this.session.set({ ...this.session.get(), [share]: Date.now() + UNDO_MS });
  }

  undo(share: string): void {
    clearTimeout(this.timers.get(share));
    this.timers.delete(share);
    this.clear(share);
    void this.note(share, { stopUndoneMs: Date.now() });
  }

  /** Locking waits for nothing, and stopping is not forgotten: what does not get through is sent again at the next visit. */
  close(): void {
    for (const [share, timer] of this.timers) {
      clearTimeout(timer);
      for (const grant of this.grantsOf(share)) void granting.revoke(this.session.granting(), grant).catch(() => undefined);
    }
    this.timers.clear();
  }

  /** Sends what an earlier visit left waiting. */
  async finish(): Promise<void> {
    const shares = new Set((this.session.profile()?.grants ?? []).filter(isStopping).map((grant) => grant.share));
    for (const share of shares) {
      if (this.session.get()[share]) continue;
      this.session.set({ ...this.session.get(), [share]: Date.now() });
      await this.send(share);
    }
  }

  /** Without a connection it is kept on this device. */
  private async note(share: string, change: Partial<GrantRecord>): Promise<void> {
    const profile = this.session.profile();
    if (!profile) return;
    const grants = profile.grants.map((grant) => (grant.share === share ? { ...grant, ...change } : grant));
    await this.session.save({ ...profile, grants }).catch(() => undefined);
  }

  private grantsOf = (share: string) => (this.session.profile()?.grants ?? []).filter((one) => one.share === share && one.state !== 'revoked');

  private clear(share: string): void {
    const { [share]: _gone, ...stopping } = this.session.get();
    this.session.set(stopping);
  }

  private async send(share: string): Promise<void> {
    this.timers.delete(share);
    this.failure = null;
    try {
      for (const grant of this.grantsOf(share)) {
        await granting.revoke(this.session.granting(), grant);
        await this.session.changeGrant({ ...grant, state: 'revoked', revokedMs: Date.now() });
      }
    } catch (error) {
      this.failure = plainWords(error);
    }
    if (this.session.profile()) this.clear(share);
  }
}

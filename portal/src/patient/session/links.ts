/** Links by which the person shows part of the record to people without Salus: made, filled and sealed on this device. */
import { relay } from '../../api/ledger';
import { LINK_BYTES_MAX, type LinkStatus } from '../../api/links';
import { PlainError } from '../../api/http';
import { randomBytes, sha256, toHex, utf8 } from '../../crypto';
import type { Category } from '../../crypto/formats';
import { fromBase64Url, toBase64Url } from '../../links/base64url';
import { documentOf, type Chosen } from '../../links/document';
import { encrypt } from '../../links/jwe';
import type { ShlinkPayload } from '../../links/shlink';
import type { CaseAnswers } from './cases';
import type { LinkRecord, Profile } from './profile';

export type LinkAsk =
  | { ask: 'links' }
  | { ask: 'make-link'; digest: string; bytes: number; untilMs: number; pin: string | null; renews: boolean }
  | { ask: 'renew-link'; link: string; digest: string; bytes: number }
  | { ask: 'end-link'; link: string }
  | { ask: 'health-cards' };

export interface LinkView extends LinkStatus {
  organisation: string;
  /** What this person's devices know of it; a link that other keys made has none. */
  own?: LinkRecord;
}
export interface NewLink {
  label: string;
  categories: Category[];
  untilMs: number;
  pin: string | null;
  renews: boolean;
}

/** What links need of a session. */
export interface Linking {
  profile(): Profile;
  save(profile: Profile): Promise<void>;
  ask(organisation: string, what: LinkAsk): Promise<CaseAnswers>;
  /** Where links are kept: whose page this is, if the person is a patient there. */
  keeper(): string;
  chosen(categories: Category[]): Chosen[];
}

/** Six digits, each as likely as the other. */
export function newPin(): string {
  for (;;) {
    const [number = 0] = new Uint32Array(randomBytes(4).buffer);
    if (number < 4_294_000_000) return String(number % 1_000_000).padStart(6, '0');
  }
}

export const payloadOf = ({ url, key, untilMs, label, pin, renews }: LinkRecord): ShlinkPayload => ({
  url, key, exp: Math.floor(untilMs / 1_000), flag: `${renews ? 'L' : ''}${pin ? 'P' : ''}`, label,
});

export class Links {
  constructor(private readonly session: () => Linking) {}

  private async sealed(key: string, categories: Category[]): Promise<{ file: Uint8Array; digest: string; bytes: number }> {
    const { profile, chosen } = this.session();
    const records = chosen(categories);
    const born = records.find(({ resource }) => resource.resourceType === 'Patient') ?? chosen(['demographics']).find(({ resource }) => resource.resourceType === 'Patient');
    const name = profile().organisations.map((one) => one.name).find(Boolean) ?? '';
    const text = JSON.stringify(documentOf({ name, birthDate: born?.resource.birthDate }, records, Date.now()));
    const file = utf8(await encrypt(fromBase64Url(key), text));
    if (file.length > LINK_BYTES_MAX) throw new PlainError('This is too much for one link. Choose less, or download your record and give the file.');
    return { file, digest: toHex(sha256(file)), bytes: file.length };
  }

  /** The key is in the profile before anything leaves this device: no other copy could open what is kept. */
  async make({ label, categories, untilMs, pin, renews }: NewLink): Promise<LinkRecord> {
    const linking = this.session();
    const organisation = linking.keeper();
    const key = toBase64Url(randomBytes(32));
    const { file, digest, bytes } = await this.sealed(key, categories);
    const { made } = await linking.ask(organisation, { ask: 'make-link', digest, bytes, untilMs, pin, renews });
    if (!made) throw new PlainError('The link was not made. Please try again.');
    const link: LinkRecord = { id: made.link, organisation, url: made.url, key, label, pin, renews, categories, createdMs: Date.now(), untilMs };
    const profile = linking.profile();
    await linking.save({ ...profile, links: [...(profile.links ?? []), link] });
    await relay.deposit(organisation, file);
    return link;
  }

  /** Puts what the record says now into a link that may change. */
  async renew(link: LinkRecord): Promise<void> {
    const { file, digest, bytes } = await this.sealed(link.key, link.categories);
    await this.session().ask(link.organisation, { ask: 'renew-link', link: link.id, digest, bytes });
    await relay.deposit(link.organisation, file);
  }

  async end(organisation: string, id: string): Promise<void> {
    await this.session().ask(organisation, { ask: 'end-link', link: id });
  }

  /** Those of every organisation, newest first, and who did not answer. */
  async all(): Promise<{ links: LinkView[]; silent: string[] }> {
    const { profile, ask } = this.session();
    const own = new Map((profile().links ?? []).map((one) => [one.id, one]));
    const silent: string[] = [];
    const asked = profile().organisations.map(async ({ id }) => {
      try {
        return ((await ask(id, { ask: 'links' })).links ?? []).map((one): LinkView => ({ ...one, organisation: id, own: own.get(one.id) }));
      } catch {
        silent.push(id);
        return [];
      }
    });
    return { links: (await Promise.all(asked)).flat().sort((a, b) => b.madeMs - a.madeMs), silent };
  }

  /** The health cards of every organisation that has some to give. */
  async cards(): Promise<{ cards: { organisation: string; jws: string }[]; silent: string[] }> {
    const { profile, ask } = this.session();
    const silent: string[] = [];
    const asked = profile().organisations.map(async ({ id }) => {
      try {
        return ((await ask(id, { ask: 'health-cards' })).cards ?? []).map((jws) => ({ organisation: id, jws }));
      } catch {
        silent.push(id);
        return [];
      }
    });
    return { cards: (await Promise.all(asked)).flat(), silent };
  }
}


/** Links and health cards at the mock organisations, with the rules of a node that a page can notice. */
import { deflateRawSync } from 'node:zlib';
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { LinkStatus } from '../api/links';
import type { LinkAsk } from '../patient/session/links';
import { refuse, token, type Answer } from './answer';

interface Kept {
  who: string;
  address: string;
  pin: string | null;
  file: string | null;
  status: LinkStatus;
}
const WRONG_PINS_MAX = 10;
const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class MockLinks {
  private readonly kept: Kept[] = [];
  private readonly awaited = new Map<string, Kept>();
  private readonly places = new Map<string, Kept>();
  private readonly keys: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(private readonly origin: () => string) {}

  /** `null`: the letter is about something else. */
  letter(who: string, asked: unknown): { links?: LinkStatus[]; made?: { link: string; url: string } | null; cards?: string[] } | null {
    const ask = asked as LinkAsk;
    const mine = () => this.kept.filter((one) => one.who === who).map(({ status }) => status).toReversed();
    const find = (id: string) => this.kept.find((one) => one.who === who && one.status.id === id) ?? refuse(404, 'not-found', 'there is no such link, or it is over');
    switch (ask.ask) {
      case 'links': return { links: mine() };
      case 'make-link': {
        const made = this.make(who, ask);
        return { links: mine(), made };
      }
      case 'renew-link': {
        this.awaited.set(ask.digest, find(ask.link));
        return { links: mine() };
      }
      case 'end-link': {
        this.end(find(ask.link), 'patient');
        return { links: mine() };
      }
      case 'health-cards': return { cards: [this.card()] };
      default: return null;
    }
  }

  private make(who: string, ask: LinkAsk & { ask: 'make-link' }): { link: string; url: string } {
    const [id, address, now] = [token() + token(), token(), Date.now()];
    const status: LinkStatus = { id, state: 'awaited', madeMs: now, untilMs: ask.untilMs, endedMs: null, updatedMs: null, bytes: 0, pin: ask.pin !== null, wrongPinsLeft: WRONG_PINS_MAX, renews: ask.renews, opened: 0, openings: [] };
    const made: Kept = { who, address, pin: ask.pin, file: null, status };
    this.kept.push(made);
    this.awaited.set(ask.digest, made);
    return { link: id, url: `${this.origin()}/links/${address}` };
  }

  private end(link: Kept, state: LinkStatus['state']): void {
    link.file = null;
    Object.assign(link.status, { state, endedMs: Date.now() });
  }

  deposit(body: Buffer): Answer {
    const digest = createHash('sha256').update(body).digest('hex');
    const link = this.awaited.get(digest) ?? refuse(404, 'not-found', 'nobody announced this');
    this.awaited.delete(digest);
    link.file = body.toString('utf8');
    Object.assign(link.status, { state: 'open', updatedMs: Date.now(), bytes: body.length });
    return { status: 204 };
  }

  open(address: string, body: Buffer): Answer {
    const { recipient, passcode, embeddedLengthMax = 0 } = JSON.parse(body.toString('utf8')) as { recipient: string; passcode?: string; embeddedLengthMax?: number };
    const link = this.kept.find((one) => one.address === address && one.status.state === 'open');
    if (!link?.file) return refuse(404, 'not-found', 'there is no such link, or it is over');
    if (link.pin !== null && link.pin !== passcode) {
      link.status.wrongPinsLeft -= passcode === undefined ? 0 : 1;
      if (link.status.wrongPinsLeft === 0) this.end(link, 'wrong-pins');
      return { status: 401, json: { error: 'sign-in', message: 'the PIN is missing or wrong', remainingAttempts: link.status.wrongPinsLeft } };
    }
    link.status.opened += 1;
    link.status.openings.unshift({ timeMs: Date.now(), recipient });
    const place = token();
    this.places.set(place, link);
    const where = link.file.length <= embeddedLengthMax ? { embedded: link.file } : { location: `${this.origin()}/links/files/${place}` };
    return { json: { status: link.status.renews ? 'can-change' : 'finalized', files: [{ contentType: 'application/fhir+json', lastUpdated: new Date(link.status.updatedMs ?? 0).toISOString(), ...where }] } };
  }

  file(place: string): Answer {
    return { bytes: Buffer.from(this.places.get(place)?.file ?? refuse(404, 'not-found', 'there is no such link, or it is over')) };
  }

  private card(): string {
    const entry = [
      { fullUrl: 'resource:0', resource: { resourceType: 'Patient', name: [{ family: 'Berger', given: ['Anna'] }], birthDate: '1980-05-01' } },
      { fullUrl: 'resource:1', resource: { resourceType: 'Immunization', status: 'completed', vaccineCode: { coding: [{ system: 'http://hl7.org/fhir/sid/cvx', code: '140' }] }, patient: { reference: 'resource:0' }, occurrenceDateTime: '2024-10-01' } },
    ];
    const payload = { iss: this.origin(), nbf: Math.floor(Date.now() / 1_000), vc: { type: ['https://smarthealth.cards#health-card', 'https://smarthealth.cards#immunization'], credentialSubject: { fhirVersion: '4.0.1', fhirBundle: { resourceType: 'Bundle', type: 'collection', entry } } } };
    const signed = `${base64url({ zip: 'DEF', alg: 'ES256', kid: 'mock' })}.${deflateRawSync(JSON.stringify(payload)).toString('base64url')}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: this.keys.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }
}

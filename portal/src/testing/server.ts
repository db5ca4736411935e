/**
 * A node that is not one: it serves `dist` and answers `docs/protocol/api.md` from memory, with the real formats and
 * cryptography, for developing and testing the portal. It checks no passkey signatures and keeps nothing.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { consentIsByOwner, credentialCommitment, decodeCanonical, emergencyId, emergencyTarget, encode, fromHex, hash, randomBytes, scopeCommitment, sha256, signTransaction, termsCommitment, toBase64, toHex, utf8, wordsCommitment, type Bytes } from '../crypto';
import * as f from '../crypto/formats';
import { hpkeInfo, openEnvelope } from '../crypto/hpke';
import { label } from '../crypto/labels';
import { MockChain, Rejected } from './chain';
import type { AccountingFile } from '../api/accounting';
import type { Resource } from '../api/fhirTypes';
import type { Registrations } from '../patient/session/registrations';
import type { Choice } from '../patient/session/location';
import type { CaseAsk } from '../patient/session/cases';
import type { AskedChange, Change, Governance, Proposal } from '../api/staff';
import { awayHistory, homeHistory, mockGovernance, mockPatients, type MockPatient } from './data';
import { MockApps } from './apps';
import { MockFeeds } from './feeds';
import { MockLinks } from './links';
import { MockAccounts } from './accounts';
import { cookieOf, refuse, Refusal, token, type Answer } from './answer';
import { MockCases, survey } from './cases';
import { MockProxies } from './proxies';
import { MockRecovery } from './recovery';
import { MockVault, type Holding } from './vault';

const DIST = new URL('../../dist/', import.meta.url).pathname;
const CSP = JSON.parse(readFileSync(new URL('../../csp.json', import.meta.url), 'utf8')) as { headers: Record<string, string> };
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json' };

interface Grant {
  letter: f.Letter;
  source: Holding | undefined;
  patient: string;
}
interface Chart {
  id: string;
  patient: string;
  imported: number;
}

interface MockEmergency {
  id: string;
  chart: string;
  patient: string;
  ground: f.EmergencyGround;
  reason: string;
  event: string;
  source: string;
  timeMs: number;
  by: { name: string; role: string };
  resources: Resource[];
  review?: { justified: boolean; words: string; name: string };
}

type Handler = (match: string[], body: Buffer, request: IncomingMessage, url: URL) => Promise<Answer> | Answer;


export interface MockOptions {
  todayMs?: number;
  /** FHIR of further patients at the first hospital. */
  more?: MockPatient[];
}

export class MockNode {
  private readonly accounts = new MockAccounts();
  private readonly staffSessions = new Map<string, { name: string; role: string; credential: f.PractitionerCredential }>();
  private readonly staffCredentials = new Map<string, { name: string; role: string; credential: f.PractitionerCredential }>();
  private readonly invites = new Map<string, Holding>();
  private readonly charts = new Map<string, Chart>();
  private readonly grants: Grant[] = [];
  private readonly logs: { organisation: string; patient: string; entry: Record<string, unknown> }[] = [];
  private readonly emergencies: MockEmergency[] = [];
  private readonly requests: { patient: string; request: Record<string, unknown> }[] = [];
  private readonly patientsB: MockPatient[];
  /** The organisation whose clinicians sign in here. */
  private readonly home = 'hospital-b';
  readonly vault: MockVault;
  private readonly governance: Governance;
  private readonly cases = new MockCases();
  private readonly feeds = new MockFeeds();
  /** As the page that asked last sees it. */
  private origin = 'http://localhost';
  private readonly links = new MockLinks(() => this.origin);
  private readonly apps = new MockApps(this.home, () => this.chain.organisation(this.home).info.name);
  readonly recoveries: MockRecovery;
  readonly proxies: MockProxies;
  /** Set by tests: routes that fail for a while. */
  readonly broken = new Set<string>();

  private constructor(readonly chain: MockChain, todayMs: number) {
    this.vault = new MockVault(chain);
    this.proxies = new MockProxies(chain, this.vault);
    this.recoveries = new MockRecovery(chain, (old, fresh, kemKey) => this.vault.rekey(old, fresh, kemKey));
    this.patientsB = mockPatients('b', todayMs, awayHistory);
    const members = chain.organisations.map(({ info: { id, name, class: kind, validator, custodian } }) => ({ id, name, class: kind, validator, custodian, since: 0, own: id === this.home }));
    this.governance = mockGovernance(members, todayMs);
  }

  static async start(options: MockOptions = {}): Promise<MockNode> {
    const todayMs = options.todayMs ?? Date.now();
    const node = new MockNode(await MockChain.start(todayMs), todayMs);
    const [atA, atB] = [[...mockPatients('a', todayMs, homeHistory), ...(options.more ?? [])], node.patientsB];
    for (const [at, patient] of atA.entries()) {
      if (at < 2 || at >= 6) node.invites.set(`hospital-a.WELCOME-${at + 1}`, await node.vault.add('hospital-a', patient));
    }
    for (const at of [0, 1]) node.invites.set(`hospital-b.WELCOME-${at + 1}`, await node.vault.add('hospital-b', atB[at]!));
    node.logs.push({ organisation: 'hospital-a', patient: 'a-1', entry: { timeMs: todayMs - 6 * 86_400_000, action: 'chart-opened', name: 'Dr. Maria Lang', role: 'Family doctor', purpose: 'treatment', reason: 'Appointment today', categories: ['labs', 'medications'] } });
    return node;
  }

  // Routing.

  private readonly routes: [string, RegExp, Handler][] = [
    ['GET', /^\/ledger\/genesis$/, () => ({ bytes: encode(f.Genesis, this.chain.genesis) })],
    ['GET', /^\/ledger\/organisations$/, () => ({ json: this.chain.organisations.map(({ info }) => ({ id: info.id, name: info.name, class: info.class, validator: info.validator, custodian: info.custodian, portalUrl: '', nodeKey: toHex(info.nodeKey), kemKey: toBase64(info.kemKey) })) })],
    ['GET', /^\/ledger\/head$/, () => ({ json: { height: this.chain.head().height, timeMs: this.chain.head().timeMs, digest: '' } })],
    ['POST', /^\/ledger\/transactions$/, (_m, body) => ({ status: 202, json: { id: this.chain.submit(decodeCanonical(f.Transaction, body)) } })],
    ['GET', /^\/ledger\/transactions\/(\w+)$/, ([, id]) => this.status(id!)],
    ['POST', /^\/ledger\/anchors$/, (_m, body) => ({ bytes: encode(f.AnchorProofs, this.chain.proveAnchors(decodeCanonical(f.BatchIds, body))) })],
    ['GET', /^\/ledger\/state\/(\w+)$/, ([, key]) => ({ bytes: this.chain.state.get(key!) ?? refuse(404, 'absent', 'nothing is there') })],
    ['GET', /^\/ledger\/state\/(\w+)\/proof$/, ([, key]) => this.stateProof(fromHex(key!))],
    ['GET', /^\/ledger\/headers$/, (_m, _b, _r, url) => this.headers(url)],
    ['POST', /^\/relay\/([\w-]+)\/patient$/, ([, id], body) => this.patient(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/enrol$/, ([, id], body) => this.enrol(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/mailbox$/, ([, id], body) => this.mailbox(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/case$/, ([, id], body) => this.caseLetter(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/deposit$/, (_m, body) => this.links.deposit(body)],
    ['POST', /^\/links\/([\w-]+)$/, ([, address], body) => this.links.open(address!, body)],
    ['GET', /^\/links\/files\/([\w-]+)$/, ([, place]) => this.links.file(place!)],
    ['POST', /^\/relay\/([\w-]+)\/recovery$/, ([, id], body) => this.recoveryLetter(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/proxy$/, ([, id], body) => this.proxied(id!, body)],
    ['POST', /^\/relay\/([\w-]+)\/guardian$/, ([, id], body) => this.guardian(id!, body)],
    ['POST', /^\/account\/letters$/, (_m, body, request) => (this.accounts.signedIn(request), this.proxies.leave(body))],
    ['POST', /^\/account\/letters\/read$/, (_m, body, request) => (this.accounts.signedIn(request), this.proxies.letter(body))],
    ['PUT', /^\/account\/shares$/, (_m, body, request) => this.accounts.keepShares(body, request)],
    ['DELETE', /^\/account\/shares$/, (_m, _b, request) => this.accounts.dropShares(request)],
    ['GET', /^\/account$/, (_m, _b, request) => this.accounts.info(request)],
    ['POST', /^\/account\/(?:register|passkeys)\/start$/, () => this.accounts.creation()],
    ['POST', /^\/account\/register\/finish$/, (_m, body, request) => this.accounts.register(body, request)],
    ['POST', /^\/account\/signin\/start$/, () => this.accounts.assertion()],
    ['POST', /^\/account\/signin\/finish$/, (_m, body) => this.accounts.signin(body)],
    ['POST', /^\/account\/recovery$/, (_m, body) => this.accounts.recovery(body)],
    ['PUT', /^\/account\/recovery$/, (_m, body, request) => this.accounts.replaceRecovery(body, request)],
    ['POST', /^\/account\/passkeys\/finish$/, (_m, body, request) => this.accounts.addPasskey(body, request)],
    ['DELETE', /^\/account\/passkeys\/(.+)$/, ([, id], _b, request) => this.accounts.removePasskey(decodeURIComponent(id!), request)],
    ['PUT', /^\/account\/backup$/, (_m, body, request) => ((this.accounts.signedIn(request).backup = body), { status: 204 })],
    ['GET', /^\/account\/backup$/, (_m, _b, request) => ({ bytes: this.accounts.signedIn(request).backup ?? refuse(404, 'absent', 'no backup yet') })],
    ['POST', /^\/account\/signout$/, () => ({ status: 204, cookie: 'salus_patient=; Max-Age=0; Path=/' })],
    ['POST', /^\/staff\/join\/start$/, (_m, body) => this.joinStart(body)],
    ['POST', /^\/staff\/join\/finish$/, (_m, body) => this.joinFinish(body)],
    ['POST', /^\/staff\/signin\/start$/, () => this.accounts.assertion()],
    ['POST', /^\/staff\/signin\/finish$/, (_m, body) => this.staffSignin(body)],
    ['POST', /^\/staff\/signout$/, () => ({ status: 204, cookie: 'salus_staff=; Max-Age=0; Path=/' })],
    ['GET', /^\/staff\/me$/, (_m, _b, request) => this.me(request)],
    ['POST', /^\/staff\/patients\/search$/, (_m, body, request) => this.patients(request, JSON.parse(body.toString()).search ?? '')],
    ['POST', /^\/staff\/charts$/, (_m, body, request) => this.openChart(body, request)],
    ['POST', /^\/staff\/charts\/(\w+)\/shared$/, ([, id], _b, request) => this.fetchShared(id!, request)],
    ['POST', /^\/staff\/charts\/\w+\/elsewhere$/, (_m, _b, request) => (this.staff(request), { json: { asked: [{ organisation: 'hospital-a', state: 'holds' }] } })],
    ['POST', /^\/staff\/emergency$/, (_m, body, request) => this.beginEmergency(body, request)],
    ['GET', /^\/staff\/emergency\/(\w+)$/, ([, id], _b, request) => this.emergency(id!, request)],
    ['GET', /^\/staff\/emergencies$/, (_m, _b, request) => this.emergencyList(request)],
    ['POST', /^\/staff\/emergencies\/(\w+)\/review$/, ([, id], body, request) => this.reviewEmergency(id!, body, request)],
    ['POST', /^\/staff\/requests$/, (_m, body, request) => this.ask(body, request)],
    ['POST', /^\/staff\/invites$/, () => ({ json: { code: 'WELCOME-1', link: 'http://localhost/join#hospital-b.WELCOME-1', expires: new Date(Date.now() + 86_400_000).toISOString() } })],
    ['POST', /^\/staff\/recoveries$/, (_m, body, request) => this.giveCode(body, request)],
    ['POST', /^\/staff\/guardians$/, (_m, body, request) => this.giveGuardianCode(body, request)],
    ['POST', /^\/staff\/guardians\/end$/, (_m, _b, request) => (this.staff(request), { status: 204 })],
    ['GET', /^\/staff\/network$/, () => this.network()],
    ['GET', /^\/staff\/custody$/, () => this.custody()],
    ['GET', /^\/staff\/blocks$/, () => this.blockRows()],
    ['GET', /^\/staff\/access-events$/, () => this.accessEvents()],
    ['GET', /^\/staff\/log$/, () => ({ json: this.logs.filter((one) => one.organisation === this.home).map(({ entry }) => ({ ...entry, practitioner: entry.name, action: String(entry.action) })).toReversed() })],
    ['GET', /^\/staff\/cases$/, (_m, _b, request) => (this.staff(request), { json: { cases: this.cases.of(this.home), nowMs: Date.now() } })],
    ['GET', /^\/staff\/cases\/\w+\/survey/, (_m, _b, request) => (this.staff(request), { json: survey })],
    ['POST', /^\/staff\/accountings$/, (_m, body, request) => (this.staff(request), { json: this.listOf(this.home, { id: (JSON.parse(body.toString()) as { patient: string }).patient }) })],
    ['POST', /^\/staff\/cases\/(\w+)\/(answer|extend|lift)$/, ([, id, step], body, request) => (this.staff(request), this.cases.step(id!, step!, JSON.parse(body.toString())), { status: 204 })],
    ['GET', /^\/smart\/authorize$/, (_m, _b, _r, url) => this.apps.authorize(url)],
    ['GET', /^\/smart\/requests\/(\w+)$/, ([, id]) => this.apps.request(id!)],
    ['POST', /^\/smart\/requests\/(\w+)\/refuse$/, ([, id]) => this.apps.refused(id!)],
    ['GET', /^\/mock-app$/, () => ({ html: '<!doctype html><html lang="en"><title>My Diary</title><main><h1>My Diary</h1></main></html>' })],
    ['GET', /^\/staff\/apps$/, (_m, _b, request) => (this.staff(request), this.apps.desk())],
    ['POST', /^\/staff\/apps\/(\w+)\/(approve|refuse|end)$/, ([, id, step], _b, request) => (this.staff(request), this.apps.decide(id!, step!))],
    ['GET', /^\/staff\/imports$/, (_m, _b, request) => (this.staff(request), { json: { files: [], urls: [], imports: [] } })],
    ['GET', /^\/staff\/feeds$/, (_m, _b, request) => (this.staff(request), this.feeds.list())],
    ['GET', /^\/staff\/feeds\/[\w-]+\/letters$/, (_m, _b, request) => (this.staff(request), this.feeds.letters())],
    ['GET', /^\/staff\/feeds\/[\w-]+\/letters\/(\d+)$/, ([, number], _b, request) => (this.staff(request), this.feeds.look(number!))],
    ['POST', /^\/staff\/feeds\/[\w-]+(?:\/letters\/\d+)?\/replay$/, (_m, _b, request) => (this.staff(request), this.feeds.replay())],
    ['POST', /^\/staff\/feeds\/[\w-]+\/letters\/(\d+)\/restore$/, ([, number], _b, request) => (this.staff(request), this.feeds.restore(number!))],
    ['POST', /^\/staff\/feeds\/[\w-]+\/letters\/(\d+)\/discard$/, ([, number], _b, request) => (this.staff(request), this.feeds.discard(number!))],
    ['GET', /^\/staff\/launches$/, (_m, _b, request) => (this.staff(request), this.apps.launchable())],
    ['GET', /^\/staff\/governance$/, (_m, _b, request, url) => this.governed(request, url)],
    ['POST', /^\/staff\/governance\/proposals$/, (_m, body, request) => this.propose(body, request)],
    ['POST', /^\/staff\/governance\/proposals\/(\w+)\/vote$/, ([, id], body, request) => this.vote(id!, body, request)],
    ['GET', /^\/fhir\/CodeSystem\/\$lookup$/, (_m, _b, request) => (this.staff(request), { json: { resourceType: 'Parameters', parameter: [{ name: 'display', valueString: 'A finding that only the node knows' }] } })],
    ['GET', /^\/fhir\/Patient\/([\w-]+)\/\$everything$/, ([, id], _b, request, url) => this.everything(id!, request, url)],
  ];

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = url.pathname;
    const isApi = /^\/(ledger|links|relay|account|staff|fhir|smart|mock-app)(\/|$)/.test(path);
    if (!isApi) return this.file(path, response);
    this.origin = `http://${request.headers.host ?? 'localhost'}`;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    try {
      if ([...this.broken].some((start) => path.startsWith(start))) refuse(503, 'unavailable', 'This is not available at the moment. Please try again in a few minutes.');
      for (const [method, pattern, handler] of this.routes) {
        const match = method === request.method ? pattern.exec(path) : null;
        if (match) return send(response, await handler([...match], Buffer.concat(chunks), request, url));
      }
      refuse(404, 'not-found', 'There is no such address.');
    } catch (error) {
      const known = error instanceof Refusal ? error : error instanceof Rejected ? new Refusal(409, 'rejected', error.message) : new Refusal(500, 'broken', '');
      if (known.status === 500) console.error(error);
      send(response, { status: known.status, json: { error: known.code, message: known.message } });
    }
  }

  private file(path: string, response: ServerResponse): void {
    const wanted = join(DIST, normalize(path));
    const found = extname(path) !== '' && wanted.startsWith(DIST) && existsSync(wanted) ? wanted : null;
    if (!found && extname(path) !== '') return send(response, { status: 404, json: { error: 'not-found', message: '' } });
    const name = found ?? join(DIST, 'index.html');
    response.writeHead(200, { ...CSP.headers, 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' });
    response.end(readFileSync(name));
  }

  // Ledger.

  private status(id: string): Answer {
    const place = this.chain.places.get(id);
    return { json: place ? { status: 'final', height: place.height, entry: place.entry } : { status: 'unknown' } };
  }
  private stateProof(key: Bytes): Answer {
    const { block, value, proof } = this.chain.proveState(key);
    return { json: { height: block.headers[0]!.height, proof: toBase64(proof), ...(value ? { value: toBase64(value) } : {}) } };
  }
  private headers(url: URL): Answer {
    const from = Number(url.searchParams.get('from'));
    const found = this.chain.blocks.slice(from, from + Number(url.searchParams.get('count') ?? 1));
    return { bytes: encode(f.CertifiedHeaders, found.map((one) => one.certified)) };
  }

  // Relay.

  private async patient(id: string, body: Buffer): Promise<Answer> {
    const request = decodeCanonical(f.PatientRequest, body);
    const answer = await this.vault.answer(id, request, (holding) => this.logOf(id, holding));
    return { bytes: answer ?? refuse(403, 'refused', 'This request was refused.') };
  }
  private logOf(organisation: string, holding: Holding): unknown {
    const mine = (patient: string) => patient === holding.patient.id;
    return {
      entries: this.logs.filter((one) => one.organisation === organisation && mine(one.patient)).map((one, at) => ({ ...one.entry, number: at + 1 })),
      requests: this.requests.filter((one) => organisation === this.home && mine(one.patient)).map((one) => one.request),
    };
  }
  private async enrol(id: string, body: Buffer): Promise<Answer> {
    const answer = await this.vault.enrol(id, decodeCanonical(f.SealedEnvelope, body), this.invites);
    if (!answer) return refuse(404, 'invite', 'This invitation is not valid any more. Please ask for a new one.');
    return { bytes: encode(f.SealedEnvelope, answer) };
  }
  private async mailbox(id: string, body: Buffer): Promise<Answer> {
    const envelope = decodeCanonical(f.SealedEnvelope, body);
    const { kem } = this.chain.organisation(id);
    const opened = await openEnvelope(kem, hpkeInfo(label.hpkeLetter, this.chain.id), envelope, envelope.sender).catch(() => null);
    if (!opened) {
      const notice = await openEnvelope(kem, hpkeInfo(label.hpkeSourceNotice, this.chain.id), envelope, envelope.sender);
      decodeCanonical(f.SourceNotice, notice);
      return { status: 202, json: {} };
    }
    const letter = decodeCanonical(f.Letter, opened);
    if (!consentIsByOwner(letter.terms, letter.consent)) return refuse(422, 'consent', 'the owner does not consent');
    const entry = this.chain.grantEntry(letter.terms.grant);
    if (!entry || toHex(entry.terms) !== toHex(termsCommitment(letter.terms, letter.termsSalt))) return refuse(422, 'terms', 'the terms do not match');
    if (toHex(entry.scope) !== toHex(scopeCommitment(id, letter.terms.purpose, letter.terms.scopeSalt))) return refuse(422, 'scope', 'the scope does not match');
    this.grants.push({ letter, source: this.vault.ownerOf(letter.terms.owner), patient: letter.patient });
    return { status: 202, json: {} };
  }

  private readonly findable = new Map<string, boolean>();
  private located(who: string, ask: unknown): { cases: []; location: Choice } | null {
    const { ask: what, found } = ask as { ask: string; found?: boolean };
    if (what !== 'location') return null;
    if (found !== undefined) this.findable.set(who, found);
    const chosen = this.findable.get(who) ?? null;
    return { cases: [], location: { found: chosen ?? true, chosen, offered: true } };
  }

  private readonly joined = new Map<string, number>();
  private registered(who: string, patient: { id: string; name: string }, ask: unknown): ({ cases: [] } & Registrations) | null {
    const { ask: what } = ask as { ask: string };
    if (!what.endsWith('registration') && what !== 'registrations') return null;
    if (what === 'merge-registration') this.joined.set(who, Date.now());
    if (what === 'part-registration') this.joined.delete(who);
    const mergedMs = this.joined.get(who);
    const other = mergedMs === undefined ? [] : [{ id: 'other', name: patient.name, mergedMs, partUntilMs: mergedMs + 30 * 86_400_000 }];
    return { cases: [], registrations: [{ id: patient.id, name: patient.name, mergedMs: null, partUntilMs: null }, ...other], offer: what === 'offer-registration' ? { code: 'hospital-a.7GMX2K9QW4TR5B8N', expires: new Date(Date.now() + 3_600_000).toISOString() } : null };
  }

  private async caseLetter(id: string, body: Buffer): Promise<Answer> {
    const answer = await this.vault.caseLetter(id, decodeCanonical(f.SealedEnvelope, body), (holding, ask) => {
      const who = `${id}/${holding.patient.id}`;
      const answer = this.apps.letter(who, ask) ?? this.links.letter(who, ask) ?? this.located(who, ask) ?? this.registered(who, holding.patient, ask) ?? this.cases.letter(id, holding.patient, ask);
      return (ask as CaseAsk).ask === 'accounting' ? { ...answer, accounting: this.listOf(id, holding.patient) } : answer;
    });
    return { bytes: answer ? encode(f.SealedEnvelope, answer) : refuse(401, 'sign-in', 'the letter is not signed by the person that it names') };
  }

  /** As an organisation's list; its proofs are none. */
  private listOf(organisation: string, patient: { id: string }): AccountingFile {
    this.logs.push({ organisation, patient: patient.id, entry: { timeMs: Date.now(), action: 'accounting', name: 'this organisation', role: 'system', reason: '', categories: [] } });
    const mine = this.logs.filter((one) => one.organisation === organisation && one.patient === patient.id);
    const entries = mine.map(({ entry }, at) => ({
      number: at + 1,
      timeMs: Number(entry.timeMs),
      says: { side: entry.by ? 'disclosure' as const : 'use' as const, who: `${String(entry.name)} (${String(entry.role)})`, at: String(entry.by ?? organisation), what: String(entry.action), why: String(entry.reason) },
    }));
    const name = this.chain.organisation(organisation).info.name;
    return { statement: { organisation, name, madeMs: Date.now(), proven: ['No number is missing.'], stated: ['That everything was noted.'], entries, grants: [] } };
  }

  private async recoveryLetter(id: string, body: Buffer): Promise<Answer> {
    const answer = await this.recoveries.answer(id, decodeCanonical(f.SealedEnvelope, body));
    return { bytes: answer ? encode(f.SealedEnvelope, answer) : refuse(410, 'gone', 'this code is unknown, too old, or in use on another device; ask at the desk') };
  }
  private async proxied(id: string, body: Buffer): Promise<Answer> {
    return { bytes: (await this.proxies.answer(id, decodeCanonical(f.ProxyRequest, body))) ?? refuse(403, 'refused', 'This request was refused.') };
  }
  private async guardian(id: string, body: Buffer): Promise<Answer> {
    const answer = await this.proxies.guardian(id, decodeCanonical(f.SealedEnvelope, body));
    return { bytes: answer ? encode(f.SealedEnvelope, answer) : refuse(410, 'gone', 'this code is unknown, used or too old; ask for a new one') };
  }
  /** A child that both hospitals know, with a history at each; a code of each desk. */
  async childOfTwo(name: string): Promise<string[]> {
    const born = new Date(this.chain.nowMs() - 7 * 365 * 86_400_000).toISOString().slice(0, 10);
    const codes: string[] = [];
    for (const [home, history] of [['a', homeHistory], ['b', awayHistory]] as const) {
      const child: MockPatient = { ...mockPatients(`${home}-child`, this.chain.nowMs(), history)[0]!, name, birthDate: born };
      this.proxies.giveCode(await this.vault.add(`hospital-${home}`, child), 'ROBINLINDT234567');
      codes.push(`hospital-${home}.ROBINLINDT234567`);
    }
    return codes;
  }
  private giveGuardianCode(body: Buffer, request: IncomingMessage): Answer {
    this.staff(request);
    const { patient } = JSON.parse(body.toString()) as { patient: string };
    const holding = this.vault.holdings.find((one) => one.source === this.home && one.patient.id === patient);
    if (!holding || Date.parse(holding.patient.birthDate) < Date.now() - 18 * 365 * 86_400_000) return refuse(409, 'conflict', 'this patient is of age: nobody is appointed for them here');
    const code = token().slice(0, 16).toUpperCase();
    this.proxies.giveCode(holding, code);
    return { json: { code: `${this.home}.${code}`, link: `http://localhost/act#${this.home}.${code}`, expires: new Date(Date.now() + 7 * 86_400_000).toISOString() } };
  }
  private giveCode(body: Buffer, request: IncomingMessage): Answer {
    this.staff(request);
    const { patient } = JSON.parse(body.toString()) as { patient: string };
    const enrolled = [...this.vault.enrolments.values()].find(({ holding }) => holding.source === this.home && holding.patient.id === patient);
    if (!enrolled) return refuse(409, 'conflict', 'this patient has left no recovery share here; invite them anew instead');
    const code = token().slice(0, 16).toUpperCase();
    this.recoveries.giveCode(this.home, enrolled.patientKey, code);
    return { json: { code: `${this.home}.${code}`, link: `http://localhost/recover/shares#${this.home}.${code}`, expires: new Date(Date.now() + 86_400_000).toISOString() } };
  }

  // Staff.

  private joinStart(body: Buffer): Answer {
    const { code } = JSON.parse(body.toString());
    if (!/^(DOCTOR|STEWARD)/.test(code)) refuse(404, 'code', 'This joining code is not valid any more. Please ask for a new one.');
    return this.accounts.creation('Staff');
  }
  private joinFinish(body: Buffer): Answer {
    const { code, session, credential } = JSON.parse(body.toString());
    this.accounts.spend(session, credential);
    const role = /^DOCTOR/.test(code) ? 'clinician' : 'steward';
    const name = role === 'clinician' ? 'Dr. Bo Lind' : 'Sam Okoro';
    const member = { name, role, credential: { organisation: this.home, practitioner: 'bo', name, role: 'Heart specialist', salt: hash('mock/salt', utf8(name)) } };
    this.staffCredentials.set(credential.id, member);
    return { status: 204, cookie: this.staffSession(member) };
  }
  private staffSession(member: { name: string; role: string; credential: f.PractitionerCredential }): string {
    const id = token();
    this.staffSessions.set(id, member);
    return `salus_staff=${id}; HttpOnly; SameSite=Strict; Path=/`;
  }
  private staffSignin(body: Buffer): Answer {
    const { session, credential } = JSON.parse(body.toString());
    this.accounts.spend(session, credential);
    const member = this.staffCredentials.get(credential.id);
    if (!member) return refuse(404, 'unknown', 'This passkey does not belong to anybody who works here.');
    return { status: 204, cookie: this.staffSession(member) };
  }
  private staff(request: IncomingMessage) {
    return this.staffSessions.get(cookieOf(request, 'salus_staff') ?? '') ?? refuse(401, 'signed-out', 'Please sign in.');
  }
  private me(request: IncomingMessage): Answer {
    const { name, role } = this.staff(request);
    return { json: { id: 'bo', name, role, organisation: this.home } };
  }
  private patients(request: IncomingMessage, search: string): Answer {
    this.staff(request);
    const found = this.patientsB.filter((one) => `${one.name} ${one.birthDate}`.toLowerCase().includes(search.toLowerCase()));
    return { json: found.map(({ id, name, birthDate, sex }) => ({ id, name, birthDate, sex, shared: this.liveGrants(id).length > 0 })) };
  }
  private liveGrants(patient: string): Grant[] {
    return this.grants.filter((one) => {
      const entry = this.chain.grantEntry(one.letter.terms.grant);
      return one.patient === patient && entry !== null && entry.revoked === null && entry.expiryMs > Date.now();
    });
  }
  private sources(patient: string): unknown[] {
    const shared = this.liveGrants(patient).map(({ letter: { terms, keys } }) => ({
      organisation: terms.source, state: 'shared', grant: toHex(terms.grant), categories: [...new Set(keys.map((key) => key.category))], expires: new Date(terms.expiryMs).toISOString(),
    }));
    return [{ organisation: this.home, state: 'own' }, ...shared, ...(shared.length === 0 ? [{ organisation: 'hospital-a', state: 'none' }] : [])];
  }
  private openChart(body: Buffer, request: IncomingMessage): Answer {
    const member = this.staff(request);
    const { patient, reason, purpose } = JSON.parse(body.toString());
    const chart: Chart = { id: token(), patient, imported: 0 };
    this.charts.set(chart.id, chart);
    this.logs.push({ organisation: this.home, patient, entry: { timeMs: Date.now(), action: 'chart-opened', name: member.name, role: member.credential.role, purpose, reason, categories: [] } });
    return { json: { chart: chart.id, patient, sources: this.sources(patient) } };
  }
  private sharedResources(patient: string) {
    return this.liveGrants(patient).flatMap(({ letter, source }) => {
      const categories = new Set(letter.keys.map((key) => key.category));
      return (source?.patient.records ?? []).filter((one) => categories.has(one.category)).map((one) => ({ grant: letter.terms.grant, ...one }));
    });
  }
  private fetchShared(id: string, request: IncomingMessage): Answer {
    const member = this.staff(request);
    const chart = this.charts.get(id) ?? refuse(404, 'chart', 'Please open the chart again.');
    const resources = this.sharedResources(chart.patient);
    const fresh = resources.length - chart.imported;
    if (fresh > 0) {
      for (const { letter } of this.liveGrants(chart.patient)) this.access(chart.patient, letter, member, resources.length);
      chart.imported = resources.length;
    }
    return { json: { imported: fresh, alreadyHeld: resources.length - fresh, sources: this.sources(chart.patient) } };
  }
  private access(patient: string, { terms }: f.Letter, member: { name: string; credential: f.PractitionerCredential }, count: number): void {
    const { seed } = this.chain.organisation(this.home);
    const action: f.AccessAction = { kind: 'Access', grant: terms.grant, scopeSalt: terms.scopeSalt, purpose: terms.purpose, versionsRoot: sha256(utf8('versions')), count, practitioner: credentialCommitment(member.credential), nonce: randomBytes(16) };
    const id = this.chain.submit(signTransaction(this.chain.id, seed, 1_000_000, action));
    const entry = this.chain.places.get(id)!.entry;
    const access = this.chain.blocks[this.chain.places.get(id)!.height]!.block.transactions[0]!;
    const accessId = access.action.kind === 'Access' ? hash('salus/access/v1', access.signer, encode(f.AccessBody, access.action)) : fromHex(entry);
    this.logs.push({ organisation: this.home, patient, entry: { timeMs: Date.now(), action: 'shared-read', name: member.name, role: member.credential.role, credential: toHex(encode(f.PractitionerCredential, member.credential)), purpose: terms.purpose, reason: 'Appointment today', count, accesses: [toHex(accessId)] } });
  }
  private beginEmergency(body: Buffer, request: IncomingMessage): Answer {
    const member = this.staff(request);
    const { patient, ground, reason } = JSON.parse(body.toString()) as { patient: string; ground: f.EmergencyGround; reason: string };
    const { json: { chart } } = this.openChart(Buffer.from(JSON.stringify({ patient, reason, purpose: 'emergency' })), request) as { json: { chart: string } };
    const person = this.patientsB.find((one) => one.id === patient);
    const there = this.vault.holdings.find((one) => one.source === 'hospital-a' && one.patient.name === person?.name)?.patient;
    const [salt, compartment, wordsSalt] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const source = there ? 'hospital-a' : this.home;
    const action: f.BreakGlassAction = { kind: 'BreakGlass', organisation: this.home, target: emergencyTarget(salt, source, compartment), practitioner: credentialCommitment(member.credential), ground, statement: wordsCommitment(wordsSalt, reason), beganMs: there ? null : Date.now(), nonce: randomBytes(16) };
    this.chain.submit(signTransaction(this.chain.id, this.chain.organisation(this.home).seed, 1_000_000, action));
    const event = toHex(emergencyId(action));
    const begun = { id: token(), chart, patient, ground, reason, event, source, timeMs: Date.now(), by: member, resources: there?.records.filter((one) => !f.isProtected(one.category)).map((one) => one.resource) ?? [] };
    this.emergencies.push(begun);
    if (there) {
      const evidence = { event, salt: toHex(salt), compartment: toHex(compartment), credential: toHex(encode(f.PractitionerCredential, member.credential)), words: { text: reason, salt: toHex(wordsSalt) } };
      this.logs.push({ organisation: source, patient: there.id, entry: { timeMs: Date.now(), action: 'break-glass', by: this.home, name: member.name, role: member.credential.role, purpose: 'emergency', reason, categories: [], emergency: evidence } });
    }
    return { json: { ...this.shownEmergency(begun), silent: [] } };
  }
  private shownEmergency({ id, chart, patient, timeMs, event, source, resources }: MockEmergency) {
    const kept = new Set(['Patient', 'AllergyIntolerance', 'MedicationRequest', 'Condition', 'Immunization', 'Device']);
    const summary = { resourceType: 'Bundle', type: 'collection', entry: resources.filter((one) => kept.has(one.resourceType)).map((resource) => ({ resource })) };
    const sources = source === this.home ? [] : [{ organisation: source, state: 'opened', event, madeMs: timeMs, summary }];
    return { id, chart, patient, untilMs: timeMs + 4 * 3_600_000, sources };
  }
  private emergency(id: string, request: IncomingMessage): Answer {
    this.staff(request);
    return { json: this.shownEmergency(this.emergencies.find((one) => one.id === id) ?? refuse(403, 'forbidden', 'There is no such emergency of yours.')) };
  }
  private emergencyList(request: IncomingMessage): Answer {
    this.staff(request);
    const dueMs = (one: MockEmergency) => one.timeMs + 72 * 3_600_000;
    const state = (one: MockEmergency) => (one.review ? 'reviewed' : 'open');
    const own = this.emergencies.map((one, number) => ({
      id: one.id, timeMs: one.timeMs, untilMs: one.timeMs + 4 * 3_600_000, dueMs: dueMs(one), state: state(one), mayReview: !one.review, name: one.by.name, role: one.by.role, ground: one.ground, reason: one.reason,
      events: [{ event: one.event, organisation: one.source, number }], review: one.review ?? null,
    }));
    const network = this.emergencies.map((one, number) => ({ event: one.event, number, organisation: this.home, timeMs: one.timeMs, ground: one.ground, dueMs: dueMs(one), state: state(one), justified: one.review?.justified ?? null }));
    return { json: { own: own.toReversed(), network: network.toReversed() } };
  }
  private reviewEmergency(id: string, body: Buffer, request: IncomingMessage): Answer {
    const { name, credential } = this.staff(request);
    const found = this.emergencies.find((one) => one.id === id) ?? refuse(404, 'not-found', 'There is no such emergency here.');
    if (found.review) refuse(409, 'conflict', 'It was reviewed already.');
    const { justified, words } = JSON.parse(body.toString()) as { justified: boolean; words: string };
    const action = { kind: 'Review', organisation: this.home, event: fromHex(found.event), justified, reviewer: credentialCommitment(credential), statement: wordsCommitment(randomBytes(32), words) } as const;
    this.chain.submit(signTransaction(this.chain.id, this.chain.organisation(this.home).seed, 1_000_000, action));
    found.review = { justified, words, name };
    return { status: 204 };
  }
  private ask(body: Buffer, request: IncomingMessage): Answer {
    const member = this.staff(request);
    const { patient, categories, reason, days } = JSON.parse(body.toString());
    this.requests.push({ patient, request: { id: token(), timeMs: Date.now(), name: member.name, role: member.credential.role, reason, categories, days, purpose: 'treatment' } });
    return { status: 201, json: {} };
  }
  private everything(id: string, request: IncomingMessage, url: URL): Answer {
    this.staff(request);
    const chart = this.charts.get(String(request.headers['x-salus-chart'] ?? ''));
    if (chart?.patient !== id) return refuse(403, 'chart', 'Open the chart first.');
    const own = this.patientsB.find((one) => one.id === id)!.records.map((one) => one.resource);
    const label = (grant: Bytes) => [{ system: 'https://salus.network/fhir/share', code: 'shared' }, { system: 'https://salus.network/fhir/share', code: toHex(grant) }];
    const shared = chart.imported > 0 ? this.sharedResources(id).map(({ grant, resource }) => ({ ...resource, id: `sx-${resource.id}`, meta: { ...resource.meta, security: label(grant) } })) : [];
    const all = [...own, ...shared];
    const [from, size] = [Number(url.searchParams.get('_from') ?? 0), 60];
    const link = from + size < all.length ? [{ relation: 'next', url: `http://elsewhere/fhir/Patient/${id}/$everything?_from=${from + size}` }] : [];
    return { json: { resourceType: 'Bundle', type: 'searchset', link, entry: all.slice(from, from + size).map((resource) => ({ resource })) } };
  }
  private network(): Answer {
    this.chain.idle();
    const { height, timeMs } = this.chain.head();
    const organisations = this.chain.organisations.map(({ info }, at) => ({
      organisation: info.id, name: info.name, height: height - (at % 2), lag: at % 2, peers: 3, reachable: info.id !== 'insurer',
      ...(info.id === this.home ? { queues: { stored: 2, sealed: 5, anchored: 1_284, anchorLagMs: 1_900 }, moves: { moved: 3, toMove: 1, late: 0, receipts: 8, receiptsOwed: { regulator: 1 }, faults: {} } } : {}),
    }));
    return { json: { head: { height, timeMs }, organisations } };
  }
  private custody(): Answer {
    const answers = (change: object) => ({ passed: 1_436, failed: 0, unanswered: 3, passedMs: Date.now() - 48_000, failedMs: 0, lost: 0, ...change });
    return {
      json: {
        challenges: { 'hospital-a': answers({}), 'hospital-b': answers({}), regulator: answers({ passed: 1_310, failed: 2, unanswered: 127, failedMs: Date.now() - 300_000, lost: 1 }) },
        repaired: 4,
        kept: { batches: 212, damaged: 0, unchecked: 1, oldestCheckMs: Date.now() - 20 * 3_600_000, everDamaged: 1, tablesDamaged: false },
        audit: { timeMs: Date.now() - 1_500_000, releases: 96, mismatches: 0, first: [] },
        moves: { moved: 3, toMove: 1, late: 0, receipts: 8, receiptsOwed: { regulator: 1 }, faults: {} },
      },
    };
  }
  private blockRows(): Answer {
    const names = new Map(this.chain.organisations.map(({ info }) => [toHex(info.nodeKey), info.name]));
    const rows = this.chain.blocks.toReversed().slice(0, 50).map(({ block: { header, transactions } }) => {
      const actions: Record<string, number> = {};
      for (const { action } of transactions) actions[action.kind] = (actions[action.kind] ?? 0) + 1;
      return { height: header.height, timeMs: header.timeMs, transactions: transactions.length, leader: names.get(toHex(header.leader)), actions };
    });
    return { json: rows };
  }
  private accessEvents(): Answer {
    const rows = this.chain.blocks.flatMap(({ block: { header, transactions } }) =>
      transactions.flatMap(({ action, signer }) => (action.kind === 'Access' ? [{ id: toHex(hash('x', signer, action.nonce)), organisation: this.home, purpose: action.purpose, count: action.count, height: header.height, timeMs: header.timeMs, grant: toHex(action.grant) }] : [])),
    );
    return { json: rows.toReversed() };
  }

  // Governance. Epochs do not end here.

  private governed(request: IncomingMessage, url: URL): Answer {
    this.staff(request);
    const before = Number(url.searchParams.get('before') ?? Infinity);
    const { proposals, network } = this.governance;
    network.timeMs = Date.now();
    network.height = Math.min(network.lastHeight, network.height + 1);
    return { json: { ...this.governance, proposals: proposals.filter((one) => one.number < before).slice(0, 50) } };
  }
  private propose(body: Buffer, request: IncomingMessage): Answer {
    this.staff(request);
    const { change } = JSON.parse(body.toString()) as { change: AskedChange };
    const { proposals, parameters, network } = this.governance;
    if (proposals.filter((one) => one.proposer === this.home && one.outcome === 'open').length >= 8) refuse(409, 'conflict', 'there are too many open proposals');
    const number = (proposals[0]?.number ?? -1) + 1;
    const made: Proposal = { id: token(), number, proposer: this.home, height: network.height, closesMs: Date.now() + parameters.votingPeriodMs, outcome: 'open', decided: null, votes: { for: [this.home], against: [] }, needed: 3, accepted: false, own: 'for', change: this.shown(change) };
    proposals.unshift(made);
    return { status: 201, json: { id: made.id } };
  }
  private shown(change: AskedChange): Change {
    const { parameters } = this.governance;
    if (change.kind === 'setParameters') {
      const fields = (Object.keys(parameters) as (keyof typeof parameters)[]).filter((field) => parameters[field] !== change.parameters[field]);
      return { ...change, differences: fields.map((field) => ({ field, from: parameters[field], to: change.parameters[field] })) };
    }
    if (change.kind !== 'admit' && change.kind !== 'update') return change;
    const { organisation } = change.application as { organisation: (Change & { kind: 'admit' })['organisation'] };
    if (change.kind === 'admit') return { kind: 'admit', organisation };
    return { kind: 'update', organisation: organisation.id, differences: [{ field: 'name', from: '', to: organisation.name }] };
  }
  private vote(id: string, body: Buffer, request: IncomingMessage): Answer {
    this.staff(request);
    const { approve } = JSON.parse(body.toString()) as { approve: boolean };
    const proposal = this.governance.proposals.find((one) => one.id === id) ?? refuse(404, 'not-found', 'there is no such proposal');
    if (proposal.outcome !== 'open' || proposal.closesMs <= Date.now()) refuse(409, 'conflict', 'no votes are taken on this proposal any more');
    if (proposal.own) refuse(409, 'conflict', 'the vote exists already');
    proposal.own = approve ? 'for' : 'against';
    proposal.votes[proposal.own].push(this.home);
    proposal.accepted = proposal.votes.for.length >= proposal.needed;
    return { status: 204 };
  }

  listen(port: number): Promise<Server> {
    const server = createServer((request, response) => void this.handle(request, response));
    return new Promise((resolve) => server.listen(port, () => resolve(server)));
  }
}

function send(response: ServerResponse, answer: Answer): void {
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  if (answer.cookie) headers['set-cookie'] = answer.cookie;
  if (answer.location) {
    response.writeHead(answer.status ?? 303, { ...headers, location: answer.location });
    response.end();
  } else if (answer.html) {
    response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' });
    response.end(answer.html);
  } else if (answer.bytes) {
    response.writeHead(answer.status ?? 200, { ...headers, 'content-type': 'application/octet-stream' });
    response.end(answer.bytes);
  } else {
    response.writeHead(answer.status ?? 200, { ...headers, 'content-type': 'application/json' });
    response.end(answer.json === undefined ? '' : JSON.stringify(answer.json));
  }
}


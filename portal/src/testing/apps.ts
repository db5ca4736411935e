/** Apps at the mock organisation whose portal this is: one that is approved, one that waits. */
import type { AllowedApp, AppRequest, RegisteredApp } from '../api/apps';
import { CATEGORIES } from '../crypto/formats';
import type { AppAsk } from '../patient/session/apps';
import { refuse, token, type Answer } from './answer';

interface Waiting {
  state: string;
  of: AppRequest;
}

const registered = (id: string, name: string, state: RegisteredApp['state']): RegisteredApp => ({
  id, name, state, receivedMs: Date.now() - 86_400_000, decidedMs: null, confidential: false, site: 'https://diary.example/', launchUrl: 'https://diary.example/launch', redirects: ['/mock-app'], scope: 'launch/patient offline_access patient/*.rs',
});

export class MockApps {
  private readonly all = [registered('diary', 'My Diary', 'approved'), registered('steps', 'Step Counter', 'waiting')];
  private readonly waiting = new Map<string, Waiting>();
  private readonly allowed: { patient: string; app: AllowedApp }[] = [];

  constructor(private readonly organisation: string, private readonly organisationName: () => string) {}

  authorize(url: URL): Answer {
    const field = (name: string) => url.searchParams.get(name) ?? '';
    const app = this.all.find((one) => one.id === field('client_id') && one.state === 'approved');
    if (!app || !app.redirects.includes(field('redirect_uri'))) return refuse(400, 'invalid', 'This app is not known here.');
    const id = token();
    const scope = field('scope');
    const of = { organisation: this.organisation, organisationName: this.organisationName(), client: app.id, name: app.name, site: app.site, redirect: field('redirect_uri'), challenge: field('code_challenge'), scope, categories: [...CATEGORIES], stays: scope.includes('offline_access'), identity: scope.includes('openid'), launch: false };
    this.waiting.set(id, { state: field('state'), of });
    return { status: 303, location: `/allow/${id}` };
  }
  private find = (id: string): Waiting => this.waiting.get(id) ?? refuse(410, 'gone', 'This request is over; go back to the app and begin again.');
  request = (id: string): Answer => ({ json: this.find(id).of });
  refused(id: string): Answer {
    const { of, state } = this.find(id);
    this.waiting.delete(id);
    return { json: { redirect: `${of.redirect}?error=access_denied&state=${state}` } };
  }

  /** `null`: the letter is about something else. */
  letter(patient: string, asked: unknown): { apps: AllowedApp[]; redirect?: string } | null {
    const ask = asked as AppAsk;
    const mine = () => this.allowed.filter((one) => one.patient === patient).map(({ app }) => app).toReversed();
    if (ask.ask === 'apps') return { apps: mine() };
    if (ask.ask === 'stop-app') {
      const found = mine().find((app) => app.id === ask.app);
      if (found) Object.assign(found, { state: 'ended', ended: { why: 'stopped', timeMs: Date.now() } });
      return { apps: mine() };
    }
    if (ask.ask !== 'allow-app') return null;
    const { of, state } = this.find(ask.request);
    if (of.client !== ask.client || of.challenge !== ask.challenge || of.redirect !== ask.redirect || of.scope !== ask.scope) refuse(400, 'invalid', 'this is not what the app asked for');
    this.waiting.delete(ask.request);
    const app: AllowedApp = { id: token(), client: of.client, name: of.name, categories: ask.categories, madeMs: Date.now(), untilMs: ask.untilMs, usedMs: Date.now(), state: 'allowed', ended: null };
    this.allowed.push({ patient, app });
    return { apps: mine(), redirect: `${of.redirect}?code=${token()}&state=${state}` };
  }

  desk = (): Answer => ({ json: this.all });
  decide(id: string, step: string): Answer {
    const found = this.all.find((one) => one.id === id) ?? refuse(404, 'not-found', 'there is no such app');
    const to = { approve: 'approved', refuse: 'refused', end: 'ended' } as const;
    Object.assign(found, { state: to[step as keyof typeof to], decidedMs: Date.now() });
    return { status: 204 };
  }
  launchable = (): Answer => ({ json: this.all.filter((one) => one.state === 'approved').map(({ id, name }) => ({ id, name })) });
}

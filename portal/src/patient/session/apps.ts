/** What the person says about apps: a letter like those about their rights, signed on this device. */
import type { AllowedApp, AppRequest } from '../../api/apps';
import type { Category } from '../../crypto/formats';
import type { CaseAnswers } from './cases';
import type { Profile } from './profile';

export type AppAsk =
  | { ask: 'apps' }
  | { ask: 'stop-app'; app: string }
  | { ask: 'allow-app'; request: string; client: string; redirect: string; challenge: string; scope: string; categories: Category[]; untilMs: number };

/** The letter that allows exactly what the page showed. */
export const allowing = (id: string, of: AppRequest, categories: Category[], untilMs: number): AppAsk => ({
  ask: 'allow-app', request: id, client: of.client, redirect: of.redirect, challenge: of.challenge, scope: of.scope, categories, untilMs,
});

/** The apps at every organisation of a profile, newest first, and who did not answer. */
export async function allApps(profile: Profile, ask: (organisation: string) => Promise<CaseAnswers>): Promise<{ apps: { organisation: string; app: AllowedApp }[]; silent: string[] }> {
  const silent: string[] = [];
  const asked = profile.organisations.map(async ({ id }) => {
    try {
      return ((await ask(id)).apps ?? []).map((app) => ({ organisation: id, app }));
    } catch {
      silent.push(id);
      return [];
    }
  });
  const apps = (await Promise.all(asked)).flat().sort((a, b) => b.app.madeMs - a.app.madeMs);
  return { apps, silent };
}

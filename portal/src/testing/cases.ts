/** Requests by patients' rights at the mock organisations. */
import type { CaseAnswer, CaseBody, ErasureSurvey } from '../api/cases';
import type { CaseAsk } from '../patient/session/cases';

interface Kept {
  organisation: string;
  patient: string;
  name: string;
  body: CaseBody;
}

const DAY_MS = 86_400_000;

/** What every erasure at the mock organisations concerns. */
export const survey: ErasureSurvey = {
  dueCount: 2,
  due: [{ type: 'Observation', id: 'old1', category: 'labs' }, { type: 'Claim', id: 'old2', category: 'claims' }],
  keptCount: 1,
  kept: [{ type: 'Observation', id: 'new', category: 'labs', untilMs: Date.UTC(2033, 3, 5), ground: 'Medical records are to be kept for ten years after treatment.' }],
  messages: 1,
};

export class MockCases {
  private readonly kept: Kept[] = [];

  of = (organisation: string) => this.kept.filter((one) => one.organisation === organisation).map(({ name, body }) => ({ ...body, name })).toReversed();

  private find(id: string): CaseBody {
    const found = this.kept.find((one) => one.body.id === id);
    if (!found) throw new Error('no such case');
    return found.body;
  }

  letter(organisation: string, patient: { id: string; name: string }, asked: unknown): { cases: CaseBody[] } {
    this.carryOut(organisation, patient, asked as CaseAsk);
    return { cases: this.kept.filter((one) => one.organisation === organisation && one.patient === patient.id).map((one) => one.body).toReversed() };
  }

  private carryOut(organisation: string, patient: { id: string; name: string }, ask: CaseAsk): void {
    const now = Date.now();
    const open = (body: Partial<CaseBody> & Pick<CaseBody, 'kind'>, days: number) =>
      this.kept.push({ organisation, patient: patient.id, name: patient.name, body: { id: `case${this.kept.length}`, state: 'open', receivedMs: now, dueMs: now + days * DAY_MS, extended: null, disagreement: null, ...body } });
    switch (ask.ask) {
      case 'list': return;
      case 'amend': return void open({ kind: 'amendment', record: ask.record, wrong: ask.wrong, right: ask.right }, 60);
      case 'erase': return void open({ kind: 'erasure', scope: ask.scope, reason: ask.reason }, 30);
      case 'dossier': return;
      case 'accounting': return;
      case 'restrict': return void open({ kind: 'restriction', reason: ask.reason }, 30);
      case 'disagree': return void Object.assign(this.find(ask.case), { disagreement: ask.statement });
      default: return void Object.assign(this.find(ask.case), { state: ask.ask === 'lift' ? 'lifted' : 'withdrawn', ended: { why: 'at your wish', timeMs: now } });
    }
  }

  step(id: string, step: string, body: { why?: string } & Partial<CaseAnswer>): void {
    const found = this.find(id);
    const now = Date.now();
    if (step === 'extend') Object.assign(found, { extended: body.why, dueMs: found.dueMs + 30 * DAY_MS });
    else if (step === 'lift') Object.assign(found, { state: 'lifted', ended: { why: body.why, timeMs: now } });
    else if (found.kind === 'erasure' && body.accept) {
      const receipts = ['hospital-a', 'hospital-b', 'regulator'].map((organisation) => ({ organisation, timeMs: now, copies: 0, late: false }));
      Object.assign(found, { state: 'accepted', answer: { ...body, timeMs: now }, erasure: { ground: 'patient-request', step: 'ordered', records: survey.dueCount, kept: survey.kept, keptCount: survey.keptCount, receiptsDueMs: now + 30 * DAY_MS, receipts } });
    } else Object.assign(found, { state: body.accept ? 'accepted' : 'refused', answer: { ...body, timeMs: now } });
  }
}

/** Whether an entry still counts: by what the record itself says. */
import type { CodeableConcept, Resource } from '../../api/fhirTypes';

const codeIn = (concept: CodeableConcept | undefined): string => concept?.coding?.[0]?.code ?? '';

/** Kept, because nothing is erased, but it never was so. */
export const isMistake = (resource: Resource): boolean =>
  resource.status === 'entered-in-error' || codeIn(resource.verificationStatus) === 'entered-in-error';

const isRuledOut = (resource: Resource): boolean => codeIn(resource.verificationStatus) === 'refuted';

const ACTIVE = new Set(['active', 'recurrence', 'relapse']);
const GOING_ON = new Set(['active', 'in-progress', 'intended']);

/** What is there now, and not over. A problem without a state counts: leaving it out could do harm. */
export function isCurrent(resource: Resource): boolean {
  if (isMistake(resource) || isRuledOut(resource)) return false;
  if (resource.resourceType === 'Condition' || resource.resourceType === 'AllergyIntolerance') {
    const state = codeIn(resource.clinicalStatus);
    return state ? ACTIVE.has(state) : !resource.abatementDateTime;
  }
  return GOING_ON.has(resource.status ?? '');
}

const CLINICAL: Record<string, string> = {
  active: 'current',
  recurrence: 'has come back',
  relapse: 'has come back',
  inactive: 'not active now',
  remission: 'not active now',
  resolved: 'over',
};
export const clinicalWord = (resource: Resource): string => CLINICAL[codeIn(resource.clinicalStatus)] ?? '';

const CERTAINTY: Record<string, string> = {
  unconfirmed: 'not confirmed yet',
  provisional: 'not confirmed yet',
  differential: 'one of several possibilities',
  refuted: 'ruled out',
};
export const certaintyWord = (resource: Resource): string => CERTAINTY[codeIn(resource.verificationStatus)] ?? '';

const MEDICINE: Record<string, string> = {
  active: 'current',
  completed: 'ended',
  stopped: 'stopped',
  cancelled: 'cancelled',
  'on-hold': 'paused',
  draft: 'planned',
};
export const medicineWord = (resource: Resource): string => MEDICINE[resource.status ?? ''] ?? '';

const STATES: Record<string, string> = {
  registered: 'not finished',
  partial: 'not finished',
  preliminary: 'first result, may change',
  amended: 'changed later',
  corrected: 'corrected later',
  preparation: 'planned',
  planned: 'planned',
  proposed: 'planned',
  draft: 'planned',
  'not-done': 'not done',
  'on-hold': 'paused',
  'in-progress': 'going on',
  arrived: 'going on',
  active: 'current',
  accepted: 'current',
  stopped: 'stopped',
  revoked: 'stopped',
  cancelled: 'cancelled',
  superseded: 'replaced by a newer one',
  inactive: 'not in use now',
};
/** Of everything else; what is simply finished needs no word. */
export const stateWord = (state: string | undefined): string => STATES[state ?? ''] ?? '';

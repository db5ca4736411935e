/** A change while it is being put together. */
import type { Applicant, AskedChange, Change, Governance, Member, Parameters } from '../../api/staff';
import { PlainError } from '../../api/http';
import { measureOf, readRule, RULE_NAMES, type ParameterName } from './parameters';
import { brokenRule } from './votes';
import { CLASS_WORDS } from './words';

export type Kind = Change['kind'];

export interface Application {
  /** The file as it is: the node checks its signature. */
  file: unknown;
  applicant: Applicant;
}
export interface Draft {
  kind: Kind | null;
  member: string;
  class: Member['class'];
  validator: boolean;
  custodian: boolean;
  /** Rules as written; those left alone are not in it. */
  rules: Partial<Record<ParameterName, string>>;
  application: Application | null;
}
export const EMPTY: Draft = { kind: null, member: '', class: 'provider', validator: false, custodian: false, rules: {}, application: null };

/** Another kind begins anew; another member begins as it is now. */
export const ofKind = (kind: Kind): Draft => ({ ...EMPTY, kind });
export function ofMember(draft: Draft, member: Member | undefined): Draft {
  return member ? { ...draft, member: member.id, class: member.class, validator: member.validator, custodian: member.custodian } : { ...draft, member: '' };
}

export const APPLICATION_BYTES_MAX = 65_536;
const NOT_ONE = 'This file is not an application. It is a JSON file that the organisation’s own node makes.';

/** What a node wrote about its organisation. */
export function readApplication(text: string): Application {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new PlainError(NOT_ONE);
  }
  const of = (file as { organisation?: Partial<Applicant> } | null)?.organisation;
  if (typeof of?.id !== 'string' || typeof of.name !== 'string' || of.id === '' || of.name === '') throw new PlainError(NOT_ONE);
  if (of.class === undefined || !(of.class in CLASS_WORDS)) throw new PlainError(NOT_ONE);
  const { id, name, class: kind, custodian = false, ledgerAddress = '', peerUrl = '', portalUrl = '' } = of;
  return { file, applicant: { id, name, class: kind, custodian, ledgerAddress, peerUrl, portalUrl } };
}

export function parametersOf({ rules }: Draft, now: Parameters): Parameters {
  const then = { ...now };
  for (const name of RULE_NAMES) {
    const read = rules[name] === undefined ? null : readRule(name, rules[name], measureOf(name, now[name]));
    if (read && 'value' in read) then[name] = read.value;
  }
  return then;
}
const misread = ({ rules }: Draft, now: Parameters): boolean => RULE_NAMES.some((name) => rules[name] !== undefined && 'problem' in readRule(name, rules[name], measureOf(name, now[name])));

/** Ready to be proposed, or what is missing. */
export type Drafted = { change: Change; asked: AskedChange } | { missing: string; wrong?: boolean };

function drafted(draft: Draft, { members, parameters }: Governance): Drafted {
  const member = members.find((one) => one.id === draft.member);
  const same = (change: Change & AskedChange): Drafted => ({ change, asked: change });
  switch (draft.kind) {
    case null:
      return { missing: 'Choose what should change.' };
    case 'admit':
    case 'update': {
      if (!draft.application) return { missing: 'Choose the file.' };
      const { file, applicant } = draft.application;
      const asked: AskedChange = { kind: draft.kind, application: file };
      if (draft.kind === 'admit') return { change: { kind: 'admit', organisation: applicant }, asked };
      if (!members.some((one) => one.own && one.id === applicant.id)) return { missing: `This file is from ${applicant.name}. Every organisation proposes updates of its own entry only.`, wrong: true };
      return { change: { kind: 'update', organisation: applicant.id, differences: [] }, asked };
    }
    case 'setParameters': {
      if (misread(draft, parameters)) return { missing: 'One of the values cannot be used: see above.', wrong: true };
      const then = parametersOf(draft, parameters);
      const differences = RULE_NAMES.filter((name) => then[name] !== parameters[name]).map((field) => ({ field, from: parameters[field], to: then[field] }));
      if (differences.length === 0) return { missing: 'Change at least one of the values.' };
      return { change: { kind: 'setParameters', parameters: then, differences }, asked: { kind: 'setParameters', parameters: then } };
    }
    default: {
      if (!member) return { missing: 'Choose a member.' };
      if (draft.kind === 'remove') return same({ kind: 'remove', organisation: member.id });
      if (draft.kind === 'setClass') return draft.class === member.class ? { missing: 'Choose another kind.' } : same({ kind: 'setClass', organisation: member.id, class: draft.class });
      if (draft.validator === member.validator && draft.custodian === member.custodian) return { missing: 'Change at least one duty.' };
      return same({ kind: 'setDuties', organisation: member.id, validator: draft.validator, custodian: draft.custodian });
    }
  }
}

export function finish(draft: Draft, governance: Governance): Drafted {
  const ready = drafted(draft, governance);
  const broken = 'change' in ready ? brokenRule(ready.change, governance.members) : null;
  return broken ? { missing: broken, wrong: true } : ready;
}

import { Checkbox, NativeSelect, Radio, TextInput } from '@mantine/core';
import { useId, useState } from 'react';
import type { Governance, Member } from '../../api/staff';
import { PlainError } from '../../api/http';
import { useAction } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { ApplicantFacts } from '../ChangeDetails/ChangeDetails';
import { APPLICATION_BYTES_MAX, ofMember, readApplication, type Draft, type Kind } from '../governance/draft';
import { measureOf, readRule, RULE_NAMES, RULES, type ParameterName } from '../governance/parameters';
import { mayBeCustodian } from '../governance/votes';
import { capital, CLASS_WORDS } from '../governance/words';
import css from './ChangeFields.module.css';

const KINDS: [Kind, string, string][] = [
  ['admit', 'Admit an organisation', 'With the file that its node made. It first follows, without a seat.'],
  ['setDuties', 'Give or take duties', 'A seat, or custody of sealed copies for others.'],
  ['setParameters', 'Change the rules', 'How long votes are taken, how long grants may last, and more.'],
  ['update', 'Update our own entry', 'A new name, new addresses or keys, with the file that our node made.'],
  ['setClass', 'Correct the kind of a member', 'Hospital, insurer, pharmacy and so on.'],
  ['remove', 'Remove a member', 'Its node is shut out.'],
];

export function KindField({ value, onChange }: { value: Kind | null; onChange: (kind: Kind) => void }) {
  return (
    <Radio.Group value={value} onChange={(kind) => onChange(kind as Kind)} name="kind" aria-label="What should change?">
      <div className={css.choices}>{KINDS.map(([kind, label, description]) => <Radio key={kind} className={css.choice} value={kind} label={label} description={description} />)}</div>
    </Radio.Group>
  );
}

interface Props {
  draft: Draft;
  governance: Governance;
  onChange: (draft: Draft) => void;
}

/** What a kind of change needs to be told. */
export function ChangeFields({ draft, governance, onChange }: Props) {
  switch (draft.kind) {
    case null:
      return null;
    case 'admit':
    case 'update':
      return <ApplicationField key={draft.kind} draft={draft} onChange={onChange} />;
    case 'setParameters':
      return <RuleFields draft={draft} governance={governance} onChange={onChange} />;
    default:
      return <MemberFields draft={draft} governance={governance} onChange={onChange} />;
  }
}

function MemberFields({ draft, governance: { members }, onChange }: Props) {
  const member = members.find((one) => one.id === draft.member);
  const choose = (id: string) => onChange(ofMember(draft, members.find((one) => one.id === id)));
  return (
    <div className={css.fields}>
      <NativeSelect size="md" label="Member" value={draft.member} onChange={(event) => choose(event.currentTarget.value)} data={[{ value: '', label: 'Choose a member' }, ...members.map(({ id, name, own }) => ({ value: id, label: own ? `${name} (your organisation)` : name }))]} />
      {member && draft.kind === 'setDuties' && <DutyFields draft={draft} member={member} onChange={onChange} />}
      {member && draft.kind === 'setClass' && (
        <NativeSelect size="md" label="Kind" value={draft.class} onChange={(event) => onChange({ ...draft, class: event.currentTarget.value as Member['class'] })} data={Object.entries(CLASS_WORDS).map(([value, words]) => ({ value, label: capital(words) }))} />
      )}
    </div>
  );
}

function DutyFields({ draft, member, onChange }: { draft: Draft; member: Member; onChange: Props['onChange'] }) {
  const fit = mayBeCustodian(member.class);
  return (
    <div className={css.choices} role="group" aria-label={`Duties of ${member.name}`}>
      <Checkbox className={css.choice} label="Has a seat" description="Its node helps decide which blocks count." checked={draft.validator} onChange={(event) => onChange({ ...draft, validator: event.currentTarget.checked })} />
      <Checkbox className={css.choice} label="Is a custodian" description={fit ? 'It keeps sealed copies and parts of keys for others.' : `Not open to it as ${CLASS_WORDS[member.class]}.`} checked={draft.custodian} disabled={!fit && !draft.custodian} onChange={(event) => onChange({ ...draft, custodian: event.currentTarget.checked })} />
    </div>
  );
}

function RuleFields({ draft, governance: { parameters }, onChange }: Props) {
  return <div className={css.fields}>{RULE_NAMES.map((name) => <RuleField key={name} name={name} now={parameters[name]} written={draft.rules[name]} onWrite={(text) => onChange({ ...draft, rules: { ...draft.rules, [name]: text } })} />)}</div>;
}

function RuleField({ name, now, written, onWrite }: { name: ParameterName; now: number; written: string | undefined; onWrite: (text: string) => void }) {
  const measure = measureOf(name, now);
  const read = written === undefined ? null : readRule(name, written, measure);
  const { name: label, about } = RULES[name];
  return <TextInput label={`${label}, ${measure.label}`} description={about} inputMode="decimal" autoComplete="off" value={written ?? String(now / measure.size)} onChange={(event) => onWrite(event.currentTarget.value)} error={read && 'problem' in read ? read.problem : null} />;
}

/** The file that an organisation's node made; it leaves this device only with the proposal. */
function ApplicationField({ draft, onChange }: Omit<Props, 'governance'>) {
  const id = useId();
  const [name, setName] = useState('');
  const choose = useAction(async (file: File | undefined) => {
    onChange({ ...draft, application: null });
    setName(file?.name ?? '');
    if (!file) return;
    if (file.size > APPLICATION_BYTES_MAX) throw new PlainError('This file is too large to be an application.');
    onChange({ ...draft, application: readApplication(await file.text()) });
  });
  const { application } = draft;
  return (
    <div className={css.fields}>
      <div className={css.file}>
        <label htmlFor={id}>{draft.kind === 'admit' ? 'Application' : 'Update'}</label>
        <p id={`${id}-hint`} className={css.hint}>{draft.kind === 'admit' ? 'A JSON file, signed by the node of the organisation that wants to be a member.' : 'A JSON file, signed by your own node.'}</p>
        <input id={id} type="file" accept=".json,application/json" aria-describedby={`${id}-hint`} onChange={(event) => void choose.go(event.currentTarget.files?.[0])} />
      </div>
      {choose.error && <ErrorNote title="This file cannot be used" message={choose.error} />}
      {application && <section aria-label={`What ${name} says`}><ApplicantFacts of={application.applicant} /></section>}
    </div>
  );
}

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { staff, type Governance } from '../../api/staff';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { ChangeDetails } from '../ChangeDetails/ChangeDetails';
import { ChangeFields, KindField } from '../ChangeFields/ChangeFields';
import { Consequences } from '../Consequences/Consequences';
import { EMPTY, finish, ofKind, type Drafted } from '../governance/draft';
import { changeTitle } from '../governance/words';
import { ProposeDialog } from '../ProposeDialog/ProposeDialog';
import css from './Propose.module.css';

/** A change is put together, read as the others will read it, and proposed. */
export function Propose() {
  const { value: governance, error, loading, again } = useLoad('governance', () => staff.governance());
  return (
    <Page title="Propose a change" lead="The other members read it and vote. Your organisation’s vote for it is counted at once." back={{ to: '/steward/members', label: 'Members and rules' }}>
      {error && <ErrorNote message={error} onRetry={again} />}
      {loading && <Skeletons rows={4} />}
      {governance && <Form governance={governance} />}
    </Page>
  );
}

function Form({ governance }: { governance: Governance }) {
  const [draft, setDraft] = useState(EMPTY);
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const ready = finish(draft, governance);
  const proposed = (id: string) => void navigate('/steward/members', { state: { proposed: id } });
  return (
    <>
      <Section title="What should change?">
        <KindField value={draft.kind} onChange={(kind) => setDraft(ofKind(kind))} />
      </Section>
      {draft.kind !== null && (
        <Section title={draft.kind === 'setParameters' ? 'Which rules?' : draft.kind === 'admit' || draft.kind === 'update' ? 'Which file?' : 'Which member?'}>
          <Card><ChangeFields draft={draft} governance={governance} onChange={setDraft} /></Card>
        </Section>
      )}
      {draft.kind !== null && (
        <Section title="What the others will read">
          <Card tone="soft"><Preview ready={ready} governance={governance} /></Card>
        </Section>
      )}
      <div><Button size="lg" disabled={!('change' in ready)} onClick={() => setAsking(true)}>Propose</Button></div>
      {asking && 'change' in ready && <ProposeDialog {...ready} governance={governance} onClose={() => setAsking(false)} onProposed={proposed} />}
    </>
  );
}

function Preview({ ready, governance: { members, network } }: { ready: Drafted; governance: Governance }) {
  return (
    <div className={css.preview} role="status">
      {'change' in ready ? (
        <>
          <p className={css.sentence}>{changeTitle(ready.change, members, members)}.</p>
          <ChangeDetails change={ready.change} network={network} />
          <Consequences change={ready.change} members={members} />
        </>
      ) : ready.wrong ? <p className={css.wrong}><Icon name="alert-triangle" size={20} /> {ready.missing}</p> : <p className={css.missing}>{ready.missing}</p>}
    </div>
  );
}

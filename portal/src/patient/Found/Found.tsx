import { Button } from '@mantine/core';
import { useState } from 'react';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { Row } from '../Settings/Row';
import type { Choice } from '../session/location';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';

/** Whether other hospitals may find out where the person has records: a choice at each organisation. */
export function Found() {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  return (
    <Page title="Who may find my records" back={{ to: '/settings', label: 'Settings' }}>
      <Note>When you are treated somewhere new, people there can ask whether other hospitals keep records of you. They hear yes or no, and nothing of what is in them. You see every question under “Who looked”.</Note>
      {profile?.organisations.map(({ id }) => <One key={id} id={id} name={nameOf(id)} />)}
    </Page>
  );
}

function One({ id, name }: { id: string; name: string }) {
  const loaded = useLoad(`location/${id}`, async () => session.location(id));
  const [said, setSaid] = useState<Choice | null>(null);
  const choose = useAction(async (found: boolean) => setSaid(await session.location(id, found)));
  const choice = said ?? loaded.value;
  return (
    <Card>
      {loaded.loading && <Skeletons rows={1} label={`Asking ${name}`} />}
      {loaded.error && <ErrorNote message={loaded.error} onRetry={loaded.again} />}
      {choice && (
        <Row icon="building-hospital" title={name} action={choice.offered && <Button variant="default" loading={choose.busy} onClick={() => void choose.go(!choice.found)}>{choice.found ? 'Do not let me be found' : 'Let me be found'}</Button>}>
          <span role="status">{words(choice)}</span>
        </Row>
      )}
      {choose.error && <ErrorNote message={choose.error} />}
      {choice?.found && <p><Icon name="eye" size={18} /> Whoever asks must treat you, and give their reason.</p>}
    </Card>
  );
}

function words({ found, chosen, offered }: Choice): string {
  if (!offered) return 'Never says whose records it keeps.';
  if (found) return chosen ? 'May say that it keeps records of you, as you chose.' : 'May say that it keeps records of you.';
  if (chosen === false) return 'Does not say that it keeps records of you, as you chose, and does not look for you elsewhere.';
  return chosen ? 'Does not say so while your record may not be used.' : 'Does not say that it keeps records of you, unless you want it.';
}

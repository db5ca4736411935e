import { Button } from '@mantine/core';
import { useState } from 'react';
import { useParams } from 'react-router';
import type { AccountingFile } from '../../api/accounting';
import { timeOfMs } from '../../ui/fhir/dates';
import { useAction } from '../../ui/hooks';
import { ErrorNote } from '../../ui/Note/Note';
import { Page } from '../../ui/Page/Page';
import { SignedListView } from '../../ui/SignedList/SignedListView';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';

const BACK = { to: '/looked', label: 'Who looked' };

/** An organisation's signed list of who looked: to read, to print, to save. */
export function SignedList() {
  const { organisation = '' } = useParams();
  const nameOf = useOrganisationName();
  const [list, setList] = useState<AccountingFile | null>(null);
  const make = useAction(async (before?: number) => setList(await session.signedList(organisation, before)));
  const name = nameOf(organisation);
  if (!list) {
    return (
      <Page title="A signed list" back={BACK} lead={`${name} lists everyone who looked at what it keeps about you, and signs it. You can print it, and give it to anyone who should check it.`}>
        {make.error && <ErrorNote message={make.error} />}
        <Button size="lg" loading={make.busy} onClick={() => void make.go()}>Ask {name} for the list</Button>
      </Page>
    );
  }
  return (
    <Page title="Who looked" back={BACK} lead={`Signed by ${list.statement.name} on ${timeOfMs(list.statement.madeMs)}.`}>
      {make.error && <ErrorNote message={make.error} />}
      <SignedListView list={list} nameOf={nameOf} asking={make.busy} onOlder={(before) => void make.go(before)} />
    </Page>
  );
}

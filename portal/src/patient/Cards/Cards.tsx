import { Button } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { cardDigits, cardFile, readCard } from '../../links/healthCard';
import { shortDay } from '../../ui/fhir/dates';
import { describe } from '../../ui/fhir/describe';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';
import { saveFile } from '../../ui/saveFile';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import css from '../Links/Links.module.css';

const QrCode = lazy(() => import('../../ui/QrCode/QrCode'));

/** Vaccines as cards that a border, a school or an employer can check: signed by whoever gave them. */
export function Cards() {
  const list = useLoad('cards', () => session.links.cards());
  const nameOf = useOrganisationName();
  const { cards = [], silent = [] } = list.value ?? {};
  const kept = [...new Set(cards.map(({ organisation }) => organisation))];
  const save = (organisation: string) => saveFile(`vaccines-${organisation}.smart-health-card`, cardFile(cards.filter((one) => one.organisation === organisation).map(({ jws }) => jws)), 'application/smart-health-card');
  return (
    <Page title="Vaccine cards" back={{ to: '/category/immunizations', label: 'Vaccines' }} lead="Signed by the hospital or practice that gave the vaccine. Anyone with a program for health cards can check them, without asking anybody.">
      {list.loading && <Skeletons rows={3} label="The cards are being made" />}
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {silent.length > 0 && <Note tone="warn" action={<Button variant="default" onClick={list.again}>Try again</Button>}>{silent.map(nameOf).join(', ')} did not answer.</Note>}
      {!list.loading && !list.error && cards.length === 0 && <Empty icon="vaccine" title="No vaccine cards">None of your hospitals has noted a vaccine with its code.</Empty>}
      {kept.map((organisation) => (
        <div key={organisation} className="no-print"><Button variant="default" leftSection={<Icon name="download" size={20} />} onClick={() => save(organisation)}>Save the cards of {nameOf(organisation)}</Button></div>
      ))}
      {cards.map(({ organisation, jws }, at) => <One key={at} number={at + 1} of={cards.length} organisation={nameOf(organisation)} jws={jws} />)}
      <Note>A card shows your name and your date of birth with the vaccines. Show it only to whom you want to show both.</Note>
    </Page>
  );
}

function One({ number, of, organisation, jws }: { number: number; of: number; organisation: string; jws: string }) {
  const digits = cardDigits(jws);
  const given = (readCard(jws)?.resources ?? []).filter(({ resourceType }) => resourceType === 'Immunization').map(describe);
  return (
    <Card className={css.sheet}>
      <h2>{organisation}{of > 1 ? `, card ${number} of ${of}` : ''}</h2>
      <ul className={css.openings}>{given.map((one, at) => <li key={at}>{one.title}{one.date ? `, ${shortDay(one.date)}` : ''}</li>)}</ul>
      {digits ? (
        <Suspense fallback={<Skeletons rows={3} />}><QrCode text="shc:/" digits={digits} label={`Health card ${number} of ${organisation}, to be scanned`} /></Suspense>
      ) : <p>This card is too large for a code. Save it as a file.</p>}
    </Card>
  );
}

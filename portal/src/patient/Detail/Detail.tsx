import { Button } from '@mantine/core';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useParams } from 'react-router';
import { dayOfMs, day, timeOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, dateOf, describe, dosageText, peopleOf, plainConcept, proseOf } from '../../ui/fhir/describe';
import { partsOf, pressureOf, rangeText, readingOf, STANDING_WORDS } from '../../ui/fhir/observation';
import { seriesOf } from '../../ui/fhir/series';
import { conceptText, loinc } from '../../ui/fhir/text';
import { Facts } from '../../ui/Facts/Facts';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import { saveFile } from '../download';
import { recordProofFile } from '../session/proofFile';
import { session } from '../session/session';
import type { RecordItem } from '../session/sync';
import { useOrganisationName, useRecords } from '../session/useSession';
import { Verified } from '../Verified/Verified';
import css from './Detail.module.css';

const Chart = lazy(() => import('../../ui/Chart/Chart'));

/** One entry in plain words, where it comes from, and why it can be trusted. */
export default function Detail() {
  const { key } = useParams();
  const records = useRecords();
  const record = records.find((one) => one.key === key);
  if (!record) {
    return (
      <Page title="Not here" back={{ to: '/', label: 'My record' }}>
        <Empty icon="search" title="This entry is not in your record">It may have been replaced by a newer version.</Empty>
      </Page>
    );
  }
  const described = describe(record.resource);
  const category = CATEGORY_WORDS[record.category];
  return (
    <Page title={described.title} lead={`${described.kind}, ${day(dateOf(record.resource))}`} back={{ to: `/category/${record.category}`, label: category.name }}>
      <Value record={record} />
      <Curve record={record} records={records} />
      <Prose record={record} />
      <About record={record} />
      <Trust record={record} />
    </Page>
  );
}

function Value({ record: { resource } }: { record: RecordItem }) {
  if (resource.resourceType !== 'Observation') return null;
  const pressure = pressureOf(resource);
  const reading = readingOf(resource);
  const parts = pressure ? [pressure.upper, pressure.lower] : reading.text ? [reading] : partsOf(resource);
  if (parts.length === 0) return null;
  return (
    <Card>
      <div className={css.values}>
        {parts.map((part) => (
          <div key={part.name} className={css.value}>
            {parts.length > 1 && <p className={css.partName}>{part.name}</p>}
            <p className={css.number}>{part.text}</p>
            {part.standing !== 'unknown' && <Tag tone={part.standing === 'usual' ? 'accent' : 'warn'} icon={part.standing === 'usual' ? 'check' : 'info-circle'}>{STANDING_WORDS[part.standing]}</Tag>}
            {part.range && <p className={css.range}>Usual: {rangeText(part.range, part.quantity)}{part.range.from === 'common' ? ', as common for adults' : ''}</p>}
          </div>
        ))}
      </div>
      {reading.about && <p className={css.explain}>{reading.about}</p>}
      {parts.some((part) => part.standing !== 'usual' && part.standing !== 'unknown') && <p className={css.explain}>A value outside the usual range is not by itself an illness. Ask the practice if you are unsure.</p>}
    </Card>
  );
}

function Curve({ record, records }: { record: RecordItem; records: RecordItem[] }) {
  const code = record.resource.resourceType === 'Observation' ? loinc(record.resource.code) : undefined;
  const series = useMemo(() => (code ? seriesOf(records.map((one) => one.resource), code) : null), [records, code]);
  if (!series || series.points.length < 2) return null;
  return (
    <Section title="Over time">
      <Card>
        <Suspense fallback={<Skeletons rows={3} label="Drawing the chart" />}>
          <Chart title={series.title} unit={series.unit} points={series.points} series={series.series} />
        </Suspense>
      </Card>
    </Section>
  );
}

function Prose({ record }: { record: RecordItem }) {
  const prose = proseOf(record.resource);
  if (prose.length === 0) return null;
  return (
    <Section title="What was written">
      {prose.map((text, at) => <Card key={at}><p className={css.prose}>{text}</p></Card>)}
    </Section>
  );
}

function About({ record }: { record: RecordItem }) {
  const { resource, source } = record;
  const nameOf = useOrganisationName();
  const end = resource.abatementDateTime ?? resource.period?.end ?? resource.performedPeriod?.end;
  return (
    <Section title="About this entry">
      <Card>
        <Facts
          of={[
            ['From', nameOf(source)],
            ['Date', day(dateOf(resource))],
            ['Until', end ? day(end) : ''],
            ['By', peopleOf(resource).join(', ')],
            ['How to take it', dosageText(resource.dosageInstruction ?? resource.dosage)],
            ['Reason', (resource.reasonCode ?? []).map(plainConcept).join(', ')],
            ['Reaction', (resource.reaction ?? []).flatMap((one) => (one.manifestation ?? []).map(plainConcept)).join(', ')],
            ['Results', resource.result?.map((one) => one.display).filter(Boolean).join(', ')],
            ['Medical name', conceptText(resource.code ?? resource.medicationCodeableConcept ?? resource.vaccineCode)],
            ['Category', <Link key="category" to={`/category/${record.category}`}>{CATEGORY_WORDS[record.category].name}</Link>],
          ]}
        />
      </Card>
    </Section>
  );
}

function Trust({ record }: { record: RecordItem }) {
  const { verdict } = record;
  const nameOf = useOrganisationName();
  const { busy, error, go } = useAction(async () => void (await session.verifyAgain(record.key)));
  return (
    <Section title="Can I trust this?">
      <Card>
        <div className={css.trust}>
          <Verified verdict={verdict} />
          {verdict?.ok ? (
            <p>
              This is exactly what {nameOf(record.source)} filed on {dayOfMs(verdict.timeMs!)}. Not one letter has been changed since.
              Your device has just checked that itself, and {verdict.signers!.length} independent organisations vouch for it.
            </p>
          ) : verdict && verdict.reason !== 'the proof has not arrived yet' ? (
            <Note tone="bad" title="Do not rely on this entry">It could not be confirmed: {verdict.reason}. Please ask {nameOf(record.source)} about it.</Note>
          ) : (
            <p>The proof for this entry has not arrived yet. It usually takes less than a minute.</p>
          )}
        </div>
        {error && <ErrorNote message={error} />}
        <details className={css.details}>
          <summary>For the curious</summary>
          <div className={css.curious}>
            <p>“Verified” means unchanged and from this source. It does not say that what was written is medically right.</p>
            {verdict?.ok && (
              <Facts
                of={[
                  ['Confirmed on', timeOfMs(verdict.timeMs!)],
                  ['Vouched for by', verdict.signers!.map(nameOf).join(', ')],
                  ['Entry', <code key="key">{record.key}</code>],
                  ['Fingerprint', <code key="print">{record.plaintextDigest}</code>],
                  ['Page of the shared record', String(verdict.height)],
                ]}
              />
            )}
            <div className={css.row}>
              <Button variant="default" loading={busy} leftSection={<Icon name="shield-check" size={20} />} onClick={() => void go()}>Check again</Button>
              {verdict?.ok && <Button variant="default" leftSection={<Icon name="download" size={20} />} onClick={() => saveFile('proof.json', recordProofFile(record))}>Save the proof</Button>}
              <Button variant="default" leftSection={<Icon name="file-text" size={20} />} onClick={() => saveFile('record.json', record.text)}>Save the original</Button>
            </div>
          </div>
        </details>
      </Card>
    </Section>
  );
}

import { Button } from '@mantine/core';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useParams } from 'react-router';
import { dayOfMs, day, timeOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS, dateOf, describe, visitOf } from '../../ui/fhir/describe';
import { factsOf, finder } from '../../ui/fhir/facts';
import { seriesOf } from '../../ui/fhir/series';
import { loinc } from '../../ui/fhir/text';
import { Facts } from '../../ui/Facts/Facts';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Note, Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Prose, Values } from '../../ui/RecordDetails/RecordDetails';
import { RecordList, RecordRow } from '../../ui/RecordRow/RecordRow';
import { saveFile } from '../../ui/saveFile';
import { recordProofFile } from '../session/proofFile';
import { session } from '../session/session';
import type { RecordItem } from '../session/sync';
import { useOrganisationName, useRecords } from '../session/useSession';
import { EraseEntry } from '../Erase/Erase';
import { Verified } from '../Verified/Verified';
import { Wrong } from '../Wrong/Wrong';
import css from './Detail.module.css';

const BILLS = new Set(['Claim', 'ExplanationOfBenefit']);
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
    <Page title={described.title} lead={[described.kind, described.date && day(described.date)].filter(Boolean).join(', ')} back={{ to: `/category/${record.category}`, label: category.name }}>
      <Values resource={record.resource} advice />
      <Curve record={record} records={records} />
      <Prose resource={record.resource} />
      <Related record={record} records={records} />
      <About record={record} records={records} />
      <Trust record={record} />
      <Section title="Is something wrong?"><Wrong record={record} /><EraseEntry record={record} /></Section>
    </Page>
  );
}

function Curve({ record, records }: { record: RecordItem; records: RecordItem[] }) {
  const code = record.resource.resourceType === 'Observation' ? loinc(record.resource.code) : undefined;
  const series = useMemo(() => (code ? seriesOf(records.map((one) => one.resource), code) : []), [records, code]);
  if (series.reduce((count, one) => count + one.points.length, 0) < 2) return null;
  return (
    <Section title="Over time">
      {series.map((one) => (
        <Card key={one.unit ?? ''}>
          <Suspense fallback={<Skeletons rows={3} label="Drawing the chart" />}>
            <Chart title={one.title} unit={one.unitWords} note={one.note} points={one.points} series={one.series} />
          </Suspense>
        </Card>
      ))}
    </Section>
  );
}

/** What belongs to this entry: the results of a report, what came of a visit. */
function Related({ record, records }: { record: RecordItem; records: RecordItem[] }) {
  const { resource } = record;
  const related = useMemo(() => {
    const same = records.filter((one) => one.source === record.source && one.key !== record.key);
    if (resource.resourceType === 'Encounter') return same.filter((one) => visitOf(one.resource) === `Encounter/${resource.id}` && !BILLS.has(one.resource.resourceType));
    const find = finder(same.map((one) => one.resource));
    const results = new Set((resource.result ?? []).map(find));
    return same.filter((one) => results.has(one.resource));
  }, [record, records, resource]);
  if (related.length === 0) return null;
  return (
    <Section title={resource.resourceType === 'Encounter' ? 'What came of it' : 'Results'}>
      <RecordList>{related.map((one) => <RecordRow key={one.key} described={describe(one.resource)} to={`/record/${one.key}`} showDate={false} />)}</RecordList>
    </Section>
  );
}

function About({ record, records }: { record: RecordItem; records: RecordItem[] }) {
  const { resource, source } = record;
  const nameOf = useOrganisationName();
  const find = useMemo(() => finder(records.filter((one) => one.source === source).map((one) => one.resource)), [records, source]);
  const date = dateOf(resource);
  return (
    <Section title="About this entry">
      <Card>
        <Facts
          of={[
            ...factsOf(resource, find),
            ['Date', date ? day(date) : ''],
            ['From', nameOf(source)],
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
  const saving = useAction(async () => saveFile('proof.json', await recordProofFile(record)));
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
            <Note tone="bad" title="Do not rely on this entry">It is not exactly what {nameOf(record.source)} filed, or its proof is damaged. Please ask them about it.</Note>
          ) : (
            <p>The proof for this entry has not arrived yet. It usually takes less than a minute.</p>
          )}
        </div>
        {error && <ErrorNote message={error} />}
        <details className={css.details}>
          <summary>For the curious</summary>
          <div className={css.curious}>
            <p>“Verified” means unchanged and from this source. It does not say that what was written is medically right.</p>
            {verdict && !verdict.ok && <Facts of={[['What failed', verdict.reason]]} />}
            {verdict?.ok && (
              <Facts
                of={[
                  ['Confirmed on', timeOfMs(verdict.timeMs!)],
                  ['Vouched for by', verdict.signers!.map(nameOf).join(', ')],
                  ['Entry', <code key="key">{record.key}</code>],
                  ['Fingerprint', <code key="print">{record.plaintextDigest}</code>],
                  ['Page in the shared book of proofs', String(verdict.height)],
                  ['They vouch as of page', String(verdict.certifiedHeight)],
                ]}
              />
            )}
            <div className={css.row}>
              <Button variant="default" loading={busy} leftSection={<Icon name="shield-check" size={20} />} onClick={() => void go()}>Check again</Button>
              {verdict?.ok && <Button variant="default" loading={saving.busy} leftSection={<Icon name="download" size={20} />} onClick={() => void saving.go()}>Save the proof</Button>}
              <Button variant="default" leftSection={<Icon name="file-text" size={20} />} onClick={() => saveFile('record.json', record.text)}>Save the original</Button>
            </div>
          </div>
        </details>
      </Card>
    </Section>
  );
}

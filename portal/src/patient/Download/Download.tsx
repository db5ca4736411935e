import { Button, Progress } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Page, Section } from '../../ui/Page/Page';
import { saveFile } from '../../ui/saveFile';
import { toHex } from '../../crypto';
import { recordProofFile } from '../session/proofFile';
import { session } from '../session/session';
import { useSession } from '../session/useSession';
import css from '../Links/Links.module.css';

/** How often the page says how far it is. */
const SAY_EVERY = 20;

/** The whole record as one file, made on this device. */
export default function Download() {
  const { profile, around, records, sync } = useSession();
  const [progress, setProgress] = useState<[number, number] | null>(null);
  const [saved, setSaved] = useState(false);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const make = useAction(async () => {
    if (!profile || !around) return;
    const abort = (stop.current = new AbortController());
    setSaved(false);
    setProgress([0, records.length]);
    // Long work with a phone on the table is no idleness.
    const awake = setInterval(session.touch, 60_000);
    try {
      const [{ zipOf }, { contentsOf }] = await Promise.all([import('./zip'), import('./contents')]);
      const entries = contentsOf({
        name: profile.organisations.map((one) => one.name).find(Boolean) ?? 'me',
        madeMs: Date.now(),
        network: { id: toHex(around.network.id), name: around.network.name },
        records,
        organisations: around.organisations.filter(({ id }) => profile.organisations.some((one) => one.id === id)),
        proofOf: recordProofFile,
        listOf: (organisation) => session.signedList(organisation),
        onProgress: (done, total) => (done % SAY_EVERY === 0 || done === total) && setProgress([done, total]),
      });
      saveFile('my-health-record.zip', await zipOf(entries, abort.signal), 'application/zip');
      setSaved(true);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      clearInterval(awake);
      setProgress(null);
    }
  });
  return (
    <Page title="Download everything" back={{ to: '/settings', label: 'Settings' }} lead="One file with your whole record, made on this device.">
      <Section title="What is in it">
        <ul className={css.openings}>
          <li>A page to read and to print, which opens without a connection</li>
          <li>Files for other apps and practices (FHIR)</li>
          <li>The proofs that every entry is genuine, and how anyone can check them</li>
          <li>Who looked, signed by each of your hospitals</li>
        </ul>
      </Section>
      <Note tone="warn" title="The file is not locked">Whoever has it can read your record, the extra protected entries too. Keep it safe.</Note>
      {sync.state === 'working' && <Note>Your record is still being opened. Wait a moment, so that nothing is missing.</Note>}
      {make.error && <ErrorNote title="Nothing was saved" message={make.error} />}
      {saved && <Note tone="good" title="Your record is saved">Look for “my-health-record.zip” among your downloads.</Note>}
      {progress && (
        <>
          <Progress value={progress[1] === 0 ? 100 : (100 * progress[0]) / progress[1]} animated striped aria-label="Making the file" />
          <p role="status">{progress[0] < progress[1] ? `${progress[0]} of ${progress[1]} entries` : 'Asking your hospitals who looked …'}</p>
        </>
      )}
      <div className={css.actions}>
        <Button size="lg" loading={make.busy} disabled={records.length === 0 || sync.state === 'working'} leftSection={<Icon name="download" size={20} />} onClick={() => void make.go()}>Download</Button>
        {make.busy && <Button size="lg" variant="default" onClick={() => stop.current?.abort()}>Cancel</Button>}
      </div>
    </Page>
  );
}

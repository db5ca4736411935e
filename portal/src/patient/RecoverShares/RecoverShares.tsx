import { Button, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, Navigate } from 'react-router';
import { timeOfMs } from '../../ui/fhir/dates';
import { useAction, useLoad } from '../../ui/hooks';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { RecoverySheet } from '../RecoverySheet/RecoverySheet';
import { Row } from '../Settings/Row';
import css from '../Recovery/Recovery.module.css';
import { readInvite, type Invite } from '../session/enrol';
import { surroundings } from '../session/network';
import { askShare, newDevice, partOf, readPaper, type AttemptAnswer, type NewDevice, type Part } from '../session/recovery';
import { attemptName } from '../session/recovering';
import { session } from '../session/session';
import { device } from '../session/store';
import { useSession } from '../session/useSession';

/**
 * What a device without a root remembers while it waits: codes of the desk, each with keys made for it alone. So organisations
 * do not see that it is one device, and a new code begins anew where an old attempt was stopped.
 */
type Waiting = (Invite & { device: NewDevice })[];
const WAITING = 'recovering';

interface Asked {
  code: Invite;
  answer: AttemptAnswer | null;
  error: string | null;
}

async function load(): Promise<{ nameOf: Record<string, string>; asked: Asked[] }> {
  const around = await surroundings();
  const nameOf = Object.fromEntries(around.organisations.map(({ id, name }) => [id, name]));
  const waiting = (await device.get<Waiting>(WAITING)) ?? [];
  const ask = async (code: Waiting[0]): Promise<Asked> => {
    try {
      return { code, answer: await askShare(around.network, code.organisation, code.code, code.device), error: null };
    } catch (error) {
      return { code, answer: null, error: error instanceof Error && error.message ? error.message : 'No answer. Please try again later.' };
    }
  };
  return { nameOf, asked: await Promise.all(waiting.map(ask)) };
}

/** A new device puts the key together again: a code from the desk, two days, and a second part. */
export function RecoverShares() {
  const { phase, freshCode } = useSession();
  const state = useLoad('recover-shares', load);
  if (freshCode) return <RecoverySheet />;
  if (phase === 'open' || phase === 'opening') return <Navigate to="/settings" replace />;
  const asked = state.value?.asked ?? [];
  return (
    <Page title="Put your key together again" lead="You need two of your three parts: from a hospital that keeps one, and from paper." back={{ to: '/signin', label: 'Sign in' }}>
      {state.error && <ErrorNote message={state.error} onRetry={state.again} />}
      <Section title="A part from a hospital" hint="Go to its desk with your identity card. You get a code for this device.">
        {asked.length > 0 && (
          <Card>
            {asked.map((one) => <AskedRow key={one.code.organisation} one={one} name={state.value?.nameOf[one.code.organisation] ?? one.code.organisation} />)}
            <div><Button variant="default" loading={state.loading} onClick={state.again}>Look again</Button></div>
          </Card>
        )}
        <AddCode onAdded={state.again} />
      </Section>
      <Finish asked={asked} />
    </Page>
  );
}

function AskedRow({ one: { answer, error }, name }: { one: Asked; name: string }) {
  if (!answer) return <Row icon="alert-triangle" title={name}>{error}</Row>;
  if (answer.state === 'cancelled') return <Row icon="hand-stop" title={`${name}: stopped`}>One of your devices stopped this. If that was not you, somebody else has your key: go to the desk again.</Row>;
  if (answer.state === 'ready') return <Row icon="check" title={`${name}: here`}>This part has arrived on this device.</Row>;
  return <Row icon="clock" title={`${name}: waiting`}>You get this part on {timeOfMs(answer.readyMs)}, on this device and in this browser. Come back to this page then. All your other devices can stop it until then.</Row>;
}

function AddCode({ onAdded }: { onAdded: () => void }) {
  const [typed, setTyped] = useState(() => decodeURIComponent(window.location.hash.slice(1)));
  const code = readInvite(typed);
  const add = useAction(async () => {
    if (!code) return;
    const known = (await device.get<Waiting>(WAITING)) ?? [];
    // First kept, then shown: a key that is lost after the code is bound to it would be of no use.
    await device.set(WAITING, [...known.filter(({ organisation }) => organisation !== code.organisation), { ...code, device: newDevice() }] satisfies Waiting);
    window.history.replaceState(null, '', '/recover/shares');
    setTyped('');
    onAdded();
  });
  return (
    <Card>
      <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void add.go(); }}>
        <TextInput label="Code from the desk" description="Looks like hospital-a.K7Q2-MX9P" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} autoComplete="off" spellCheck={false} error={typed !== '' && !code ? 'This is not a code from the desk. It has the short name of the hospital, a dot, and letters and digits.' : null} />
        {add.error && <ErrorNote message={add.error} />}
        <div><Button type="submit" loading={add.busy} disabled={!code}>Use this code</Button></div>
      </form>
    </Card>
  );
}

const problemOf = (typed: string): string | null => {
  if (typed.trim() === '') return null;
  const read = readPaper(typed);
  if (typeof read !== 'string') return null;
  if (read === 'letter') return 'There is a sign in it that never occurs. Only letters and digits do.';
  if (read === 'check') return 'Something is mistyped. Please compare it with the paper.';
  return `It is too ${read}. It has fourteen groups of four.`;
};

function Finish({ asked }: { asked: Asked[] }) {
  const [papers, setPapers] = useState(['', '']);
  const fetched = asked.flatMap(({ code, answer }) => (answer ? [partOf(code.organisation, answer)] : [])).filter((part) => part !== null);
  const typed = papers.map(readPaper).filter((share) => typeof share !== 'string').map((share): Part => ({ share }));
  const parts = [...fetched, ...typed];
  const open = useAction(async () => {
    const names = asked.flatMap(({ answer }) => (answer ? [attemptName(answer)] : []));
    await session.recover(parts, names);
    await device.set(WAITING, undefined);
  });
  return (
    <Section title="Parts on paper" hint="Fourteen groups of four. Capital letters and dashes do not matter.">
      <Card>
        <form className={css.stack} onSubmit={(event) => { event.preventDefault(); void open.go(); }}>
          {papers.map((paper, at) => (
            <Textarea key={at} label={at === 0 ? 'Part on paper' : 'Another part on paper'} description={at === 1 ? 'If you have two. Then no hospital is needed.' : undefined} rows={3} value={paper} onChange={(event) => { const { value } = event.currentTarget; setPapers(papers.map((one, place) => (place === at ? value : one))); }} error={problemOf(paper)} autoComplete="off" spellCheck={false} classNames={{ input: css.typed }} />
          ))}
          {open.error && <ErrorNote message={open.error} />}
          <Button type="submit" size="lg" loading={open.busy} disabled={parts.length < 2}>Open my record</Button>
          {parts.length < 2 && <p>{parts.length === 1 ? 'One part is here. You need one more.' : 'No part is here yet.'}</p>}
        </form>
      </Card>
      <Note>Never set this up? Then your parts do not exist, and nobody can open this copy. Your hospital still has its own records and can <Link to="/join">invite you again</Link>.</Note>
    </Section>
  );
}

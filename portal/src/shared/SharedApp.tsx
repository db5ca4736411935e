import { Button, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { openLink, WrongPin, type Opened } from '../links/open';
import { readShlink, type ShlinkPayload } from '../links/shlink';
import { dayOfMs } from '../ui/fhir/dates';
import { useAction } from '../ui/hooks';
import { ErrorNote, Note } from '../ui/Note/Note';
import { Page } from '../ui/Page/Page';
import { Content } from './Content';
import css from './SharedApp.module.css';

/** The link is in the fragment, which browsers send to nobody. Opened once, it is taken out of the address; another may come. */
function useLink(): { text: string; round: number } {
  const [link, setLink] = useState(() => ({ text: window.location.hash, round: 0 }));
  useEffect(() => {
    const look = () => window.location.hash !== '' && setLink(({ round }) => ({ text: window.location.hash, round: round + 1 }));
    window.addEventListener('hashchange', look);
    return () => window.removeEventListener('hashchange', look);
  }, []);
  return link;
}

/** Opens a link for somebody without Salus. */
export default function SharedApp() {
  const { text, round } = useLink();
  const payload = readShlink(text);
  return <main className={css.shell}>{payload ? <Asking key={round} of={payload} /> : <NoLink />}</main>;
}

const NoLink = () => (
  <Page title="Open a health link" lead="Somebody showed you a code, or sent you a link? Scan the code with your phone’s camera, or open the link just as it was sent.">
    <Note tone="warn" title="This is not a complete link">Copy all of it, to the last letter, or ask for it again.</Note>
  </Page>
);

function Asking({ of }: { of: ShlinkPayload }) {
  const [recipient, setRecipient] = useState('');
  const [pin, setPin] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [opened, setOpened] = useState<Opened | null>(null);
  const asksPin = of.flag?.includes('P') ?? false;
  const here = new URL(of.url).origin === window.location.origin;
  const [openedMs] = useState(() => Date.now());
  const open = useAction(async () => {
    setWrong(null);
    try {
      setOpened(await openLink(of, recipient.trim(), asksPin ? pin.trim() : undefined));
    } catch (error) {
      if (!(error instanceof WrongPin)) throw error;
      setWrong(error.left > 0 ? `This PIN is wrong. ${error.left === 1 ? 'One try is' : `${error.left} tries are`} left; then the link closes.` : 'This PIN is wrong, and the link is closed now. Ask for a new one.');
    }
  });
  // The address stays out of what a shared computer remembers of the tab.
  useEffect(() => {
    if (opened) window.history.replaceState(null, '', '/shared');
  }, [opened]);
  if (opened) return <Content of={opened} label={of.label} untilMs={of.exp ? of.exp * 1_000 : undefined} />;
  if (!here) return <Elsewhere url={of.url} />;
  if (of.exp && of.exp * 1_000 < openedMs) return <Page title={of.label ?? 'A health link'}><Note tone="warn" title="The time of this link is over">It ended on {dayOfMs(of.exp * 1_000)}. Ask whoever gave it to you for a new one.</Note></Page>;
  return (
    <Page title={of.label ?? 'A health link'} lead="A patient shows you part of a health record. Say who you are: the patient sees your name and the time.">
      <form className={css.form} onSubmit={(event) => { event.preventDefault(); void open.go(); }}>
        <TextInput size="md" label="Your name" description="Such as: Dr. Ada Moreno, Lakeside Practice" value={recipient} maxLength={100} autoComplete="name" required onChange={(event) => setRecipient(event.currentTarget.value)} />
        {asksPin && <TextInput size="md" label="PIN" description="The patient tells it to you" value={pin} maxLength={64} autoComplete="off" required error={wrong !== null} onChange={(event) => setPin(event.currentTarget.value)} />}
        {wrong && <ErrorNote title="Not opened" message={wrong} />}
        {open.error && <ErrorNote title="Not opened" message={open.error} />}
        <div className={css.actions}><Button type="submit" size="lg" loading={open.busy} disabled={recipient.trim() === '' || (asksPin && pin.trim() === '')}>Open</Button></div>
      </form>
    </Page>
  );
}

/** This page may ask its own address only: what is kept elsewhere is opened there. */
const Elsewhere = ({ url }: { url: string }) => (
  <Page title="This link is kept elsewhere">
    <Note tone="warn">It is kept at {new URL(url).host}. Open it with the address just as it was sent to you, or with another program for health links.</Note>
  </Page>
);

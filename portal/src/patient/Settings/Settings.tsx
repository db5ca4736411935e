import { Button, SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { Dialog } from '../../ui/Dialog/Dialog';
import { dayOfMs } from '../../ui/fhir/dates';
import { useAction } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { session } from '../session/session';
import { useRecords, useOrganisationName, useSession } from '../session/useSession';
import { WaysIn } from '../WaysIn/WaysIn';
import { Row } from './Row';
import css from './Settings.module.css';

export function Settings() {
  return (
    <Page title="Settings">
      <Organisations />
      <WaysIn />
      <Helpers />
      <Appearance />
      <Copies />
      <Rights />
      <Leave />
    </Page>
  );
}

function Organisations() {
  const { profile } = useSession();
  const nameOf = useOrganisationName();
  return (
    <Section title="My hospitals and practices">
      <Card>
        {profile?.organisations.map((one) => <Row key={one.id} icon="building-hospital" title={nameOf(one.id)}>Joined {dayOfMs(one.joinedMs)}{one.name ? `, as ${one.name}` : ''}</Row>)}
        <Row icon="users" title="Registered twice?" action={<Button component={Link} to="/settings/twice" variant="default">Make one record of both</Button>}>If a hospital has two records of you.</Row>
        <Row icon="plus" title="Another one" action={<Button component={Link} to="/join" variant="default">Use an invitation</Button>}>Ask at the desk for an invitation.</Row>
      </Card>
    </Section>
  );
}

/** People who act for one another. */
function Helpers() {
  const { proxies, profile } = useSession();
  const waiting = Object.keys(proxies.answers).length;
  const standing = (profile?.appointments ?? []).filter((one) => one.state === 'done').length;
  return (
    <Section title="Acting for one another">
      <Card>
        <Row icon="users" title="People who act for me" action={<Button component={Link} to="/settings/proxies" variant="default">{waiting > 0 ? 'Confirm who answered' : 'Show who acts for me'}</Button>}>{standing === 0 ? 'Let a relative or carer look after your record with you.' : `${standing} now. You see everything they do.`}</Row>
        <Row icon="user" title="People I act for" action={<Button component={Link} to="/acting" variant="default">Show whom I act for</Button>}>A relative who asked you to, or your child.</Row>
      </Card>
    </Section>
  );
}

function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true }); // else Mantine writes a style element through innerHTML
  return (
    <Section title="Appearance">
      <Card>
        <Row icon="sun" title="Light or dark">
          <SegmentedControl className={css.scheme} value={colorScheme} onChange={(value) => setColorScheme(value as 'light' | 'dark' | 'auto')} data={[{ value: 'auto', label: 'As the device' }, { value: 'light', label: 'Light' }, { value: 'dark', label: 'Dark' }]} aria-label="Light or dark" />
        </Row>
      </Card>
    </Section>
  );
}

function Copies() {
  const records = useRecords();
  const [asking, setAsking] = useState(false);
  const [deleted, setDeleted] = useState(false);
  const wipe = useAction(async () => { await session.deleteLocalCopy(); setAsking(false); setDeleted(true); });
  return (
    <Section title="Your data">
      {wipe.error && <ErrorNote message={wipe.error} />}
      {deleted && <Note tone="good">The copy on this device is deleted. “Check again” on your record fetches it anew.</Note>}
      <Card>
        <Row icon="download" title="Download everything" action={<Button component={Link} to="/settings/download" variant="default">Download</Button>}>One file with {records.length} entries: to read, for another app or practice, and with the proofs.</Row>
        <Row icon="printer" title="Print" action={<Button component={Link} to="/" variant="default">Go to my record</Button>}>Use your browser’s print on any page.</Row>
        <Row icon="trash" title="Copy on this device" action={<Button variant="default" onClick={() => setAsking(true)}>Delete</Button>}>A locked copy makes your next visit fast and works without a connection.</Row>
      </Card>
      <Dialog open={asking} title="Delete the copy on this device?" onClose={() => setAsking(false)} confirm={{ label: 'Delete', danger: true, busy: wipe.busy, onConfirm: () => void wipe.go() }}>
        <p>Your record itself is not touched. It is fetched again when you ask for it.</p>
      </Dialog>
    </Section>
  );
}

function Rights() {
  return (
    <Section title="Your rights">
      <Card>
        <Row icon="search" title="Who may find my records" action={<Button component={Link} to="/settings/found" variant="default">Choose</Button>}>Whether hospitals may tell others that they keep records of you.</Row>
        <Row icon="message-circle" title="My requests" action={<Button component={Link} to="/requests" variant="default">Look at them</Button>}>Have a mistake corrected, or have your record kept but not used, or erased.</Row>
      </Card>
    </Section>
  );
}

function Leave() {
  const navigate = useNavigate();
  const leave = useAction(async () => { await session.signOut(); await navigate('/'); });
  return <div><Button variant="default" size="lg" leftSection={<Icon name="logout" size={20} />} loading={leave.busy} onClick={() => void leave.go()}>Sign out</Button></div>;
}

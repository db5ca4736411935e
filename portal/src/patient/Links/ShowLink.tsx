import { Button, CopyButton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { Navigate, useParams } from 'react-router';
import { viewerLink } from '../../links/shlink';
import { dayOfMs } from '../../ui/fhir/dates';
import { Icon } from '../../ui/icons';
import { Skeletons } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { payloadOf } from '../session/links';
import { useSession } from '../session/useSession';
import css from './Links.module.css';

const QrCode = lazy(() => import('../../ui/QrCode/QrCode'));

/** The link itself: to be scanned, copied or printed. */
export function ShowLink() {
  const { id } = useParams();
  const { profile } = useSession();
  const link = profile?.links?.find((one) => one.id === id);
  if (!link) return <Navigate to="/sharing" replace />;
  const address = viewerLink(payloadOf(link));
  return (
    <Page title={link.label} back={{ to: '/sharing', label: 'Sharing' }} lead={`Whoever scans this sees what you chose, until ${dayOfMs(link.untilMs)}.`}>
      <Card className={css.sheet}>
        <Suspense fallback={<Skeletons rows={3} />}><QrCode text={address} label={`Code of the link “${link.label}”, to be scanned with a phone`} /></Suspense>
        <p>Scan it with a phone’s camera, or with another program for health links.</p>
      </Card>
      <div className={`${css.actions} no-print`}>
        <CopyButton value={address}>{({ copied, copy }) => <Button leftSection={<Icon name={copied ? 'check' : 'copy'} size={20} />} onClick={copy}>{copied ? 'Copied' : 'Copy the link'}</Button>}</CopyButton>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      {link.pin && (
        <Section title="The PIN">
          <div className="no-print"><p className={css.pin}>{link.pin}</p></div>
          <p>Tell it apart from the link. It is not printed.</p>
        </Section>
      )}
      <Section title="The link as text"><p className={css.link} data-testid="link">{address}</p></Section>
    </Page>
  );
}

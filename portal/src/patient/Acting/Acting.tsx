import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { Dialog } from '../../ui/Dialog/Dialog';
import { dayOfMs, fromNow } from '../../ui/fhir/dates';
import { useAction, useNow } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote } from '../../ui/Note/Note';
import { Card, Page, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import type { ActingRecord } from '../session/profile';
import { session } from '../session/session';
import { useProxiesLook, useSession } from '../session/useSession';
import css from './Acting.module.css';

/** Everybody for whom this person acts. */
export function Acting() {
  const { profile } = useSession();
  const now = useNow(60_000);
  useProxiesLook();
  const all = (profile?.acting ?? []).filter((one) => !one.ended && one.untilMs > now);
  return (
    <Page title="People I act for" back={{ to: '/settings', label: 'Settings' }} action={<Button component={Link} to="/act" leftSection={<Icon name="plus" size={20} />}>Use an invitation</Button>}>
      {all.length === 0 && <Empty icon="users" title="You act for nobody">When somebody asks you to, they give you an invitation. For your child, ask at the desk of the hospital.</Empty>}
      {all.length > 0 && <Section title="Now">{all.map((one) => <Person key={one.code} record={one} now={now} />)}</Section>}
    </Page>
  );
}

function Person({ record, now }: { record: ActingRecord; now: number }) {
  const [asking, setAsking] = useState(false);
  const lay = useAction(async () => { await session.proxies.layDown(record.code); setAsking(false); });
  const ready = record.mandates.length > 0;
  return (
    <Card>
      <div className={css.head}><h3>{record.name || 'Somebody'}</h3>{ready ? <Tag tone="accent" icon="users">You act for them</Tag> : <Tag icon="clock">Waits for their yes</Tag>}</div>
      <p className={css.soft}>Until {dayOfMs(record.untilMs)} ({fromNow(record.untilMs, now)})</p>
      {lay.error && <ErrorNote message={lay.error} />}
      <div className={css.row}>
        {ready && <Button component={Link} to={`/acting/${record.code}`} size="lg">Open {record.name || 'the'}’s record</Button>}
        <Button variant="default" size="lg" onClick={() => setAsking(true)}>Stop acting for them</Button>
      </div>
      <Dialog open={asking} title={`Stop acting for ${record.name || 'them'}?`} onClose={() => setAsking(false)} confirm={{ label: 'Stop', danger: true, busy: lay.busy, onConfirm: () => void lay.go() }}>
        <p>You cannot open their record any more. They see that you stopped.</p>
      </Dialog>
    </Card>
  );
}

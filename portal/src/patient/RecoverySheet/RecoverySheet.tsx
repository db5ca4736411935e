import { Button, Checkbox } from '@mantine/core';
import { useState } from 'react';
import { dayOfMs } from '../../ui/fhir/dates';
import { Icon } from '../../ui/icons';
import { Card, Page } from '../../ui/Page/Page';
import { session } from '../session/session';
import { useSession } from '../session/useSession';
import css from './RecoverySheet.module.css';

/** The code, large, with how to use it. */
export function CodeCard({ code, madeOn }: { code: string; madeOn: string }) {
  return (
    <Card className={css.sheet}>
      <p className={css.head}>Salus recovery sheet</p>
      <p className={css.code} role="img" aria-label={`Recovery code: ${code.split('-').map((group) => [...group].join(' ')).join(', ')}`}>
        {code.split('-').map((group, at) => <span key={at}>{group}</span>)}
      </p>
      <ol className={css.steps}>
        <li>Open <strong>{window.location.origin}</strong></li>
        <li>Choose “Sign in”, then “Use recovery code”.</li>
        <li>Type the code. Capital letters and dashes do not matter.</li>
      </ol>
      <p className={css.foot}>Made on {madeOn}. Whoever has this sheet can open your record: show it to nobody you would not show your record.</p>
    </Card>
  );
}

/** The code to print or copy by hand. It is shown once. */
export function RecoverySheet() {
  const { freshCode } = useSession();
  const [kept, setKept] = useState(false);
  const [madeMs] = useState(Date.now);
  if (!freshCode) return null;
  return (
    <Page title="Keep your recovery code" lead="If you lose your phone or your passkey stops working, this code is the quick way back. Print it or write it down, and keep it where you keep important papers.">
      <CodeCard code={freshCode} madeOn={dayOfMs(madeMs)} />
      <div className={`${css.actions} no-print`}>
        <Button variant="default" leftSection={<Icon name="printer" size={20} />} onClick={() => window.print()}>Print</Button>
      </div>
      <div className={`${css.confirm} no-print`}>
        <Checkbox label="I have printed the code or written it down" checked={kept} onChange={(event) => setKept(event.currentTarget.checked)} />
        <Button size="lg" disabled={!kept} onClick={session.codeIsKept}>Continue</Button>
      </div>
    </Page>
  );
}

import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { timeOfMs } from '../../ui/fhir/dates';
import { useAction, useNow } from '../../ui/hooks';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { attemptName, type RecoveryAttempt } from '../session/recovering';
import { session } from '../session/session';
import { useOrganisationName, useSession } from '../session/useSession';
import css from './Recovery.module.css';

/** At every start, on every page: somebody is recovering this record. */
export function RecoveryNotice() {
  const { recoveries, recoveriesUnchecked } = useSession();
  if (recoveries.length === 0 && !recoveriesUnchecked) return null;
  return (
    <div className={`${css.notice} no-print`}>
      {recoveries.map((attempt) => <Attempt key={attemptName(attempt)} attempt={attempt} />)}
      {recoveriesUnchecked && <Note tone="warn" title="Not checked whether somebody is recovering your record">This could not be found out just now. Please open your record again later.</Note>}
    </div>
  );
}

function Attempt({ attempt }: { attempt: RecoveryAttempt }) {
  const nameOf = useOrganisationName();
  const now = useNow(60_000);
  const stop = useAction(() => session.cancelRecovery(attempt));
  const own = useAction(() => session.ownRecoveries([attemptName(attempt)]));
  const over = attempt.readyMs <= now;
  const error = stop.error ?? own.error;
  return (
    <Note
      tone="bad"
      title={over ? 'Somebody has recovered a part of your key' : 'Somebody is recovering your record'}
      action={(
        <div className={css.actions}>
          <Button size="lg" color="rose" loading={stop.busy} onClick={() => void stop.go()}>It is not me: stop it</Button>
          <Button size="lg" variant="default" loading={own.busy} onClick={() => void own.go()}>It is me</Button>
        </div>
      )}
    >
      <p>
        It began at {nameOf(attempt.organisation)} on {timeOfMs(attempt.timeMs)}.{' '}
        {over
          ? <>The part could be fetched since {timeOfMs(attempt.readyMs)}. If it was not you, <Link to="/settings/replace">replace your keys</Link> now.</>
          : <>Nothing is given out before {timeOfMs(attempt.readyMs)}. Until then you can stop it here.</>}
      </p>
      {error && <ErrorNote message={error} />}
    </Note>
  );
}

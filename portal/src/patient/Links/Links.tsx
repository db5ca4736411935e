import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import type { LinkState } from '../../api/links';
import { isProtected } from '../../crypto/formats';
import { Dialog } from '../../ui/Dialog/Dialog';
import { Facts } from '../../ui/Facts/Facts';
import { dayOfMs, fromNow, timeOfMs } from '../../ui/fhir/dates';
import { CATEGORY_WORDS } from '../../ui/fhir/describe';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Note } from '../../ui/Note/Note';
import { Card, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import type { LinkView } from '../session/links';
import { session } from '../session/session';
import { useOrganisationName } from '../session/useSession';
import css from './Links.module.css';

const ENDS: Record<Exclude<LinkState, 'open' | 'awaited'>, string> = {
  over: 'Its time was over.',
  patient: 'You ended it.',
  'wrong-pins': 'Ended for your safety: too many wrong PINs were tried.',
  'too-often': 'Ended because it was opened very often.',
  'keys-replaced': 'Ended because your keys were replaced.',
};
/** Past ones that are shown. */
const PAST_MAX = 10;
/** Openings that are shown at first. */
const OPENINGS_MAX = 5;

const nameOfLink = (link: LinkView) => link.own?.label || 'A link';

/** The links by which people without Salus see something, as every hospital lists them. */
export function Links() {
  const list = useLoad('links', () => session.links.all());
  const nameOf = useOrganisationName();
  const all = list.value?.links ?? [];
  const live = all.filter(({ state }) => state === 'open' || state === 'awaited');
  const past = all.filter(({ state }) => state !== 'open' && state !== 'awaited').slice(0, PAST_MAX);
  const silent = list.value?.silent ?? [];
  return (
    <Section title="Links" hint="For people without Salus: whoever has the link, and the PIN, sees what you chose, until it ends.">
      <div><Button component={Link} to="/sharing/link" variant="default" leftSection={<Icon name="plus" size={20} />}>Make a link</Button></div>
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {silent.length > 0 && <Note tone="warn" action={<Button variant="default" onClick={list.again}>Try again</Button>}>{silent.map(nameOf).join(', ')} did not answer. There may be links that are not shown here.</Note>}
      {live.map((link) => <Live key={link.id} link={link} onChanged={list.again} />)}
      {past.map((link) => (
        <Card key={link.id} tone="soft">
          <div className={css.head}><h3>{nameOfLink(link)}</h3><Tag icon="check">Ended {dayOfMs(link.endedMs ?? link.untilMs)}</Tag></div>
          <p className={css.past}>{ENDS[link.state as keyof typeof ENDS]} {openedText(link)}.</p>
        </Card>
      ))}
    </Section>
  );
}

const openedText = ({ opened }: LinkView) => (opened === 0 ? 'Nobody opened it' : opened === 1 ? 'Opened once' : `Opened ${opened} times`);

function Live({ link, onChanged }: { link: LinkView; onChanged: () => void }) {
  const nameOf = useOrganisationName();
  const [asking, setAsking] = useState(false);
  const { own } = link;
  const end = useAction(async () => {
    await session.links.end(link.organisation, link.id);
    setAsking(false);
    onChanged();
  });
  const renew = useAction(async () => {
    if (own) await session.links.renew(own);
    onChanged();
  });
  const fresh = link.updatedMs === null ? 'Nothing is in it yet' : timeOfMs(link.updatedMs);
  return (
    <Card>
      <div className={css.head}><h3>{nameOfLink(link)}</h3><Tag tone="accent" icon="eye">Can be opened</Tag></div>
      <Facts
        of={[
          ['Shows', own ? <span key="what" className={css.tags}>{own.categories.map((category) => <Tag key={category} tone={isProtected(category) ? 'warn' : 'plain'}>{CATEGORY_WORDS[category].name}</Tag>)}</span> : 'Made on a device that this one knows nothing of. If it was not you, end it.'],
          ['Until', `${dayOfMs(link.untilMs)} (${fromNow(link.untilMs)})`],
          ['As of', fresh],
          ['PIN', link.pin ? `Asked for. ${link.wrongPinsLeft} wrong tries are left` : 'None: whoever has the link can open it'],
          ['Kept by', `${nameOf(link.organisation)}, which cannot read it`],
          ['Opened', openedText(link)],
        ]}
      />
      {link.openings.length > 0 && (
        <ul className={css.openings} aria-label="Who opened it">
          {link.openings.slice(0, OPENINGS_MAX).map((one, at) => <li key={at}>{timeOfMs(one.timeMs)}: {one.recipient} <span className={css.past}>(the name that was given)</span></li>)}
        </ul>
      )}
      {renew.error && <ErrorNote message={renew.error} />}
      <div className={css.row}>
        {own && <Button component={Link} to={`/sharing/link/${link.id}`}>Show the link</Button>}
        {own && (link.renews || link.state === 'awaited') && <Button variant="default" loading={renew.busy} leftSection={<Icon name="refresh" size={20} />} onClick={() => void renew.go()}>Bring up to date</Button>}
        <Button variant="default" className={css.danger} leftSection={<Icon name="hand-stop" size={20} />} onClick={() => setAsking(true)}>End {nameOfLink(link)}</Button>
      </div>
      {asking && <Dialog open title="End this link?" onClose={() => setAsking(false)} confirm={{ label: 'End the link', danger: true, busy: end.busy, onConfirm: () => void end.go() }}>
        <p>Nobody can open it any more, at once, and what it holds is deleted. Who has opened it may have kept what was shown.</p>
        {end.error && <ErrorNote message={end.error} />}
      </Dialog>}
    </Card>
  );
}

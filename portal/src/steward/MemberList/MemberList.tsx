import type { Member } from '../../api/staff';
import { Card, Section } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import { capital, CLASS_WORDS } from '../governance/words';
import css from './MemberList.module.css';

export function MemberList({ members }: { members: readonly Member[] }) {
  return (
    <Section title="Members" hint="Each has one vote on proposals. With a seat, a member’s node also helps decide which blocks count. Custodians keep sealed copies and parts of keys for others.">
      <Card>
        <ul className={css.list}>
          {members.map((one) => (
            <li key={one.id} className={css.row}>
              <div className={css.words}>
                <p className={css.name}>{one.name}</p>
                <p className={css.soft}>{capital(CLASS_WORDS[one.class])}, {one.since === 0 ? 'from the beginning' : `since block ${one.since.toLocaleString()}`}</p>
              </div>
              <div className={css.tags}>
                {one.own && <Tag tone="shared">Your organisation</Tag>}
                {one.validator ? <Tag tone="accent" icon="check">Seat</Tag> : <Tag>Follows, no seat</Tag>}
                {one.custodian && <Tag tone="accent" icon="key">Custodian</Tag>}
              </div>
            </li>
          ))}
        </ul>
      </Card>
    </Section>
  );
}

import { TextInput } from '@mantine/core';
import { useDeferredValue, useState } from 'react';
import { Link } from 'react-router';
import { staff, type PatientRow, type StaffMember } from '../../api/staff';
import { ageAt, day, fromNow } from '../../ui/fhir/dates';
import { useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { Empty, ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Page } from '../../ui/Page/Page';
import { Tag } from '../../ui/Tag/Tag';
import css from './Patients.module.css';

export function Patients({ me }: { me: StaffMember }) {
  const [typed, setTyped] = useState('');
  const search = useDeferredValue(typed.trim());
  const list = useLoad(`patients/${search}`, (signal) => staff.patients(search, signal));
  return (
    <Page title="Patients" lead={`Patients of ${me.organisation}`} wide>
      <TextInput aria-label="Search by name or date of birth" placeholder="Search by name or date of birth" leftSection={<Icon name="search" size={20} />} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} type="search" />
      {list.error && <ErrorNote message={list.error} onRetry={list.again} />}
      {list.loading && <Skeletons rows={6} />}
      {list.value?.length === 0 && <Empty icon="users" title={search ? `Nobody found for “${search}”` : 'No patients yet'} />}
      {list.value && list.value.length > 0 && <ul className={css.list}>{list.value.map((row) => <Row key={row.id} row={row} />)}</ul>}
    </Page>
  );
}

function Row({ row }: { row: PatientRow }) {
  const age = ageAt(row.birthDate);
  return (
    <li>
      <Link to={`/clinic/patients/${encodeURIComponent(row.id)}`} state={row} className={css.row}>
        <span className={css.initials} aria-hidden="true">{row.name.split(' ').map((part) => part[0]).slice(0, 2).join('')}</span>
        <span className={css.words}>
          <strong>{row.name.replace(/\d+/g, '')}</strong>
          <span className={css.soft}>{[row.birthDate && `born ${day(row.birthDate)}`, age !== null && `${age} years`, row.sex].filter(Boolean).join(' · ')}</span>
        </span>
        <span className={css.marks}>
          {row.shared && <Tag tone="shared" icon="share">Shares with us</Tag>}
          {row.lastOpened && <span className={css.soft}>opened {fromNow(Date.parse(row.lastOpened))}</span>}
        </span>
        <Icon name="chevron-right" size={20} />
      </Link>
    </li>
  );
}

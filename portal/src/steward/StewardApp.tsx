import { Route, Routes } from 'react-router';
import { ErrorNote, Note, Skeletons } from '../ui/Note/Note';
import { Page } from '../ui/Page/Page';
import { StaffShell, type StaffTab } from '../ui/StaffShell/StaffShell';
import { StaffSignIn } from '../ui/StaffSignIn/StaffSignIn';
import { useStaff } from '../ui/useStaff';
import { Accesses } from './Accesses/Accesses';
import { Apps } from './Apps/Apps';
import { Blocks } from './Blocks/Blocks';
import { Cases } from './Cases/Cases';
import { Custody } from './Custody/Custody';
import { Emergencies } from './Emergencies/Emergencies';
import { Feeds } from './Feeds/Feeds';
import { Imports } from './Imports/Imports';
import { Lists } from './Lists/Lists';
import { Members } from './Members/Members';
import { Overview } from './Overview/Overview';
import { Propose } from './Propose/Propose';
import { RecoveryDesk } from '../ui/RecoveryDesk/RecoveryDesk';

const TABS: StaffTab[] = [
  { to: '/steward', label: 'Network', icon: 'network', end: true },
  { to: '/steward/blocks', label: 'Blocks', icon: 'cube' },
  { to: '/steward/custody', label: 'Custody', icon: 'copy' },
  { to: '/steward/accesses', label: 'Access events', icon: 'eye' },
  { to: '/steward/cases', label: 'Patients’ requests', icon: 'message-circle' },
  { to: '/steward/emergencies', label: 'Emergency access', icon: 'alert-triangle' },
  { to: '/steward/apps', label: 'Apps', icon: 'scan' },
  { to: '/steward/imports', label: 'Read in records', icon: 'file-text' },
  { to: '/steward/feeds', label: 'Feeds', icon: 'share' },
  { to: '/steward/recovery', label: 'Recovery', icon: 'key' },
  { to: '/steward/members', label: 'Members and rules', icon: 'users' },
];

export default function StewardApp() {
  const { value: me, error, loading, again, wrongRole, signOut, nameOf } = useStaff(['steward']);
  return (
    <StaffShell home="/steward" area="Steward" me={me} onSignOut={signOut} tabs={TABS}>
      {loading ? <Page title="Steward"><Skeletons /></Page>
        : error ? <Page title="Steward"><ErrorNote message={error} onRetry={again} /></Page>
        : !me ? <StaffSignIn title="Steward" onDone={again} />
        : wrongRole ? <Page title="Steward"><Note tone="warn" title="These pages are for stewards">You are signed in as a {me.role}. Sign out to sign in as somebody else.</Note></Page>
        : (
          <Routes>
            <Route path="/" element={<Overview />} />
            <Route path="/blocks" element={<Blocks />} />
            <Route path="/custody" element={<Custody nameOf={nameOf} />} />
            <Route path="/accesses" element={<Accesses nameOf={nameOf} />} />
            <Route path="/cases" element={<Cases />} />
            <Route path="/lists" element={<Lists />} />
            <Route path="/emergencies" element={<Emergencies nameOf={nameOf} />} />
            <Route path="/apps" element={<Apps />} />
            <Route path="/imports" element={<Imports />} />
            <Route path="/feeds" element={<Feeds />} />
            <Route path="/recovery" element={<RecoveryDesk />} />
            <Route path="/members" element={<Members />} />
            <Route path="/members/propose" element={<Propose />} />
          </Routes>
        )}
    </StaffShell>
  );
}

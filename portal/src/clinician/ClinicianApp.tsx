import { Route, Routes } from 'react-router';
import { ErrorNote, Note, Skeletons } from '../ui/Note/Note';
import { Page } from '../ui/Page/Page';
import { RecoveryDesk } from '../ui/RecoveryDesk/RecoveryDesk';
import { StaffShell, type StaffTab } from '../ui/StaffShell/StaffShell';
import { StaffSignIn } from '../ui/StaffSignIn/StaffSignIn';
import { useStaff } from '../ui/useStaff';
import { ChartPage } from './ChartPage/ChartPage';
import { Emergency } from './Emergency/Emergency';
import { AllowLaunch } from './Launch/Launch';
import { Patients } from './Patients/Patients';

const TABS: StaffTab[] = [{ to: '/clinic', label: 'Patients', icon: 'users', end: true }];
const RECOVERY: StaffTab = { to: '/clinic/recovery', label: 'Recovery', icon: 'key' };

export default function ClinicianApp() {
  const { value: me, error, loading, again, wrongRole, signOut, nameOf } = useStaff(['clinician', 'clerk']);
  return (
    <StaffShell home="/clinic" area="Clinic" me={me} onSignOut={signOut} tabs={me?.role === 'clerk' ? [...TABS, RECOVERY] : TABS}>
      {loading ? <Page title="Clinic"><Skeletons /></Page>
        : error ? <Page title="Clinic"><ErrorNote message={error} onRetry={again} /></Page>
        : !me ? <StaffSignIn title="Clinic" onDone={again} />
        : wrongRole ? <Page title="Clinic"><Note tone="warn" title="These pages are for clinicians">You are signed in as a {me.role}. Sign out to sign in as somebody else.</Note></Page>
        : (
          <Routes>
            <Route path="/" element={<Patients me={me} />} />
            {me.role === 'clerk' && <Route path="/recovery" element={<RecoveryDesk />} />}
            <Route path="/allow/:request" element={<AllowLaunch />} />
            <Route path="/patients/:patient/emergency" element={<Emergency me={me} nameOf={nameOf} />} />
            <Route path="/patients/:patient" element={<ChartPage me={me} nameOf={nameOf} />} />
          </Routes>
        )}
    </StaffShell>
  );
}

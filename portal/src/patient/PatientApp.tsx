import { lazy, Suspense, type ReactNode } from 'react';
import { Navigate, Route, Routes, useLocation } from 'react-router';
import { Skeletons } from '../ui/Note/Note';
import { Page } from '../ui/Page/Page';
import { Access } from './Access/Access';
import { AllowApp } from './AllowApp/AllowApp';
import { Accept } from './Acting/Accept';
import { Acting } from './Acting/Acting';
import { OthersRecord } from './Acting/OthersRecord';
import { Cards } from './Cards/Cards';
import { Category } from './Category/Category';
import { Home } from './Home/Home';
import { Join } from './Join/Join';
import { NewLink } from './Links/NewLink';
import { ShowLink } from './Links/ShowLink';
import { Recover, SignIn } from './SignIn/SignIn';
import { SignedList } from './SignedList/SignedList';
import { SignUp } from './SignUp/SignUp';
import { Found } from './Found/Found';
import { Twice } from './Twice/Twice';
import { NewProxy } from './Proxies/NewProxy';
import { Proxies } from './Proxies/Proxies';
import { ReplaceKeys } from './ReplaceKeys/ReplaceKeys';
import { Requests } from './Requests/Requests';
import { Recovery } from './Recovery/Recovery';
import { RecoveryNotice } from './Recovery/RecoveryNotice';
import { RecoverShares } from './RecoverShares/RecoverShares';
import { RecoverySheet } from './RecoverySheet/RecoverySheet';
import { Settings } from './Settings/Settings';
import { Shell } from './Shell/Shell';
import { Share } from './Share/Share';
import { Sharing } from './Sharing/Sharing';
import { Welcome } from './Welcome/Welcome';
import { useIdleLock, useLiveRecord, useReconnect, useSession } from './session/useSession';

const Detail = lazy(() => import('./Detail/Detail'));
const Download = lazy(() => import('./Download/Download'));

/** What needs an open record; a locked one asks to be unlocked and comes back to the same place. */
function Opened({ children }: { children: ReactNode }) {
  const { phase, freshCode } = useSession();
  const location = useLocation();
  if (phase === 'opening') return <Opening />;
  if (phase !== 'open') {
    const from = location.pathname + location.hash;
    return from === '/' && phase === 'out' ? <Welcome /> : <Navigate to="/signin" replace state={{ from }} />;
  }
  if (freshCode) return <RecoverySheet />;
  return <><RecoveryNotice />{children}</>;
}

const Opening = () => (
  <Page title="Opening your record" lead="It is being unlocked on this device.">
    <Skeletons rows={5} />
  </Page>
);

export default function PatientApp() {
  useIdleLock();
  useReconnect();
  useLiveRecord();
  return (
    <Shell>
      <Suspense fallback={<Opening />}>
        <Routes>
          <Route path="/" element={<Opened><Home /></Opened>} />
          <Route path="/signin" element={<SignIn />} />
          <Route path="/recover" element={<Recover />} />
          <Route path="/recover/shares" element={<RecoverShares />} />
          <Route path="/signup" element={<SignUp />} />
          <Route path="/join" element={<Join />} />
          <Route path="/category/:category" element={<Opened><Category /></Opened>} />
          <Route path="/record/:key" element={<Opened><Detail /></Opened>} />
          <Route path="/share" element={<Opened><Share /></Opened>} />
          <Route path="/sharing" element={<Opened><Sharing /></Opened>} />
          <Route path="/sharing/link" element={<Opened><NewLink /></Opened>} />
          <Route path="/sharing/link/:id" element={<Opened><ShowLink /></Opened>} />
          <Route path="/cards" element={<Opened><Cards /></Opened>} />
          <Route path="/allow/:request" element={<AllowApp />} />
          <Route path="/looked" element={<Opened><Access /></Opened>} />
          <Route path="/looked/list/:organisation" element={<Opened><SignedList /></Opened>} />
          <Route path="/requests" element={<Opened><Requests /></Opened>} />
          <Route path="/settings" element={<Opened><Settings /></Opened>} />
          <Route path="/settings/download" element={<Opened><Download /></Opened>} />
          <Route path="/settings/replace" element={<Opened><ReplaceKeys /></Opened>} />
          <Route path="/settings/twice" element={<Opened><Twice /></Opened>} />
          <Route path="/settings/found" element={<Opened><Found /></Opened>} />
          <Route path="/settings/proxies" element={<Opened><Proxies /></Opened>} />
          <Route path="/settings/proxies/new" element={<Opened><NewProxy /></Opened>} />
          <Route path="/act" element={<Accept />} />
          <Route path="/acting" element={<Opened><Acting /></Opened>} />
          <Route path="/acting/:code" element={<Opened><OthersRecord /></Opened>} />
          <Route path="/settings/recovery" element={<Opened><Recovery /></Opened>} />
          <Route path="*" element={<Navigate to="/" replace />} />
        </Routes>
      </Suspense>
    </Shell>
  );
}

import { lazy, Suspense } from 'react';
import { Route, Routes } from 'react-router';
import { Skeletons } from './ui/Note/Note';
import { Failsafe } from './ui/Failsafe/Failsafe';

// One bundle per role: a phone fetches the patient's pages only.
const PatientApp = lazy(() => import('./patient/PatientApp'));
const ClinicianApp = lazy(() => import('./clinician/ClinicianApp'));
const SharedApp = lazy(() => import('./shared/SharedApp'));
const StewardApp = lazy(() => import('./steward/StewardApp'));

export function Router() {
  return (
    <Failsafe>
      <Suspense fallback={<Skeletons rows={3} />}>
        <Routes>
          <Route path="/clinic/*" element={<ClinicianApp />} />
          <Route path="/steward/*" element={<StewardApp />} />
          <Route path="/shared" element={<SharedApp />} />
          <Route path="/*" element={<PatientApp />} />
        </Routes>
      </Suspense>
    </Failsafe>
  );
}

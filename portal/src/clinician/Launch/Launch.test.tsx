// @vitest-environment jsdom
import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Route, Routes } from 'react-router';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { apps, type AppRequest } from '../../api/apps';
import { ApiError } from '../../api/http';
import { show } from '../../testing/render';
import { AllowLaunch, LaunchApps } from './Launch';

const ASKED: AppRequest = {
  organisation: 'hospital-a', organisationName: 'St. Anna Hospital', client: 'app-1', name: 'My Diary', site: null, redirect: 'https://diary.example/back', challenge: 'c', scope: 'launch user/Observation.rs', categories: ['labs'], stays: false, identity: false, launch: true,
};
const gone = vi.fn<(url: string) => void>();

beforeEach(() => {
  gone.mockReset();
  vi.stubGlobal('location', { ...window.location, href: 'http://localhost/', assign: gone });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it('an app opens in a tab of its own, bound to the chart', async () => {
  vi.spyOn(apps, 'launchable').mockResolvedValue([{ id: 'app-1', name: 'My Diary' }]);
  const launched = vi.spyOn(apps, 'launch').mockResolvedValue('https://diary.example/launch?launch=1');
  const opened = vi.spyOn(window, 'open').mockReturnValue(null);
  show(<LaunchApps chart="c1" />);
  await userEvent.click(await screen.findByRole('button', { name: 'Open My Diary' }));
  expect(launched).toHaveBeenCalledExactlyOnceWith('c1', 'app-1');
  expect(opened).toHaveBeenCalledExactlyOnceWith('https://diary.example/launch?launch=1', '_blank', 'noopener');
});

it('the app comes back once more, and goes on or does not', async () => {
  vi.spyOn(apps, 'request').mockResolvedValue(ASKED);
  vi.spyOn(apps, 'allowLaunch').mockRejectedValueOnce(new ApiError('forbidden', 'this chart is not open; open it again with a reason')).mockResolvedValue('https://diary.example/back?code=1');
  show(<Routes><Route path="/allow/:request" element={<AllowLaunch />} /></Routes>, '/allow/r1');
  const open = await screen.findByRole('button', { name: 'Open My Diary' });
  await userEvent.click(open);
  expect(await screen.findByText(/this chart is not open/)).toBeTruthy();
  expect(gone).not.toHaveBeenCalled();
  await userEvent.click(open);
  expect(gone).toHaveBeenCalledExactlyOnceWith('https://diary.example/back?code=1');
});

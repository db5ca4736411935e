/** How the journeys find things: by role and name, as a screen reader does. */
import type { Page } from 'playwright-core';

export const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
export const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name, level: 1 });
export const tab = (page: Page, name: string | RegExp) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name });
export const category = (page: Page, name: string | RegExp) => page.getByRole('navigation', { name: 'Categories' }).getByRole('link', { name });

import { cleanup, render } from '@testing-library/react';
import type { ReactNode } from 'react';
import { MemoryRouter } from 'react-router';
import { afterEach } from 'vitest';
import { Provider } from '../ui/Provider/Provider';

afterEach(cleanup);

export const show = (node: ReactNode, at = '/') => render(<Provider><MemoryRouter initialEntries={[at]}>{node}</MemoryRouter></Provider>);

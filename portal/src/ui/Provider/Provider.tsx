import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import type { ReactNode } from 'react';
import { theme } from '../theme';

const scheme = localStorageColorSchemeManager({ key: 'salus-scheme' });

/** Mantine without its `<style>` elements: variables come from the generated sheet (see `scripts/theme-css.ts`). */
export function Provider({ children }: { children: ReactNode }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={scheme} withCssVariables={false} withGlobalClasses={false}>
      {children}
    </MantineProvider>
  );
}

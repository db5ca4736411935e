/**
 * Writes the theme's CSS variables to a file, so that Mantine need not put a `<style>` element into the page: the
 * content security policy allows none.
 */
import { convertCssVariables, defaultCssVariablesResolver } from '@mantine/core';
import { writeFileSync } from 'node:fs';
import { cssVariables, fullTheme } from '../src/ui/theme';

export function themeCss(): string {
  const base = defaultCssVariablesResolver(fullTheme);
  const own = cssVariables(fullTheme);
  const merged = {
    variables: { ...base.variables, ...own.variables },
    light: { ...base.light, ...own.light },
    dark: { ...base.dark, ...own.dark },
  };
  // Colours that nothing uses would double the file.
  const unused = /^--mantine-color-(pink|grape|violet|indigo|cyan|lime|teal|blue|green|orange|yellow|red)-/;
  for (const set of [merged.variables, merged.light, merged.dark] as Record<string, string>[]) {
    for (const name of Object.keys(set)) if (unused.test(name)) delete set[name];
  }
  return `/* Written by scripts/theme-css.ts from src/ui/theme.ts. */\n${convertCssVariables(merged, ':root').replace(/\}(?=\S)/g, '}\n')}\n`;
}

if (process.argv[1]?.endsWith('theme-css.ts')) {
  writeFileSync(new URL('../src/ui/theme.generated.css', import.meta.url), themeCss());
}

/** The look: warm paper, deep green, large quiet type. `scripts/theme-css.ts` turns it into a style sheet. */
import { createTheme, mergeMantineTheme, DEFAULT_THEME, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const salus: MantineColorsTuple = [
  '#e9f5f2', '#d2e8e3', '#a6d2c9', '#75bbad', '#4da596', '#2f8f82', '#1d7a70', '#0f665f', '#0f5c57', '#0a4340',
];
const clay: MantineColorsTuple = [
  '#fdf1ea', '#f8e0d1', '#efc1a3', '#e6a072', '#de844a', '#d87232', '#b95a1f', '#96470f', '#7d3a0c', '#5c2a07',
];
const dark: MantineColorsTuple = [
  '#e0e8e5', '#c3cecb', '#a3b2af', '#7f908d', '#52625f', '#34443f', '#233130', '#182424', '#101a1a', '#0b1313',
];
const rose: MantineColorsTuple = [
  '#fdecee', '#f9d8dc', '#efb0b7', '#e48590', '#da606f', '#cf4657', '#b53244', '#942334', '#7b1b2b', '#5b111e',
];

export const theme = createTheme({
  primaryColor: 'salus',
  primaryShade: { light: 8, dark: 6 },
  colors: { salus, clay, rose, dark },
  fontFamily: "'Atkinson Hyperlegible Next Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace",
  fontSizes: { xs: '0.875rem', sm: '0.9375rem', md: '1.0625rem', lg: '1.1875rem', xl: '1.375rem' },
  lineHeights: { xs: '1.45', sm: '1.5', md: '1.55', lg: '1.5', xl: '1.45' },
  headings: {
    fontWeight: '680',
    sizes: {
      h1: { fontSize: '1.875rem', lineHeight: '1.2' },
      h2: { fontSize: '1.375rem', lineHeight: '1.3' },
      h3: { fontSize: '1.125rem', lineHeight: '1.35' },
    },
  },
  defaultRadius: 'md',
  radius: { sm: '8px', md: '12px', lg: '18px' },
  cursorType: 'pointer',
  autoContrast: true,
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'md' } },
    TextInput: { defaultProps: { size: 'md' } },
    Textarea: { defaultProps: { size: 'md' } },
    Checkbox: { defaultProps: { size: 'md' } },
    Radio: { defaultProps: { size: 'md' } },
  },
});

export const fullTheme = mergeMantineTheme(DEFAULT_THEME, theme);

/** What Mantine's variables do not cover, and its few that are too faint on our paper. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#faf7f1',
    '--mantine-color-text': '#1b2a2a',
    '--mantine-color-dimmed': '#566463',
    '--mantine-color-placeholder': '#6a7776',
    '--mantine-color-error': '#942334',
    '--salus-paper': '#ffffff',
    '--salus-sunken': '#f1ece2',
    '--salus-line': '#e2dccf',
    '--salus-line-strong': '#858f8d',
    '--salus-ink-soft': '#43504f',
    '--salus-accent': '#0f5c57',
    '--salus-accent-soft': '#e3f0ed',
    '--salus-warn': '#7d3a0c',
    '--salus-warn-soft': '#fbeadd',
    '--salus-bad': '#8a1f30',
    '--salus-bad-soft': '#fbe6e9',
    '--salus-shared': '#3d4a8a',
    '--salus-shared-soft': '#e8eaf7',
    '--salus-shadow': '0 1px 2px rgb(60 50 30 / 6%), 0 4px 16px rgb(60 50 30 / 5%)',
  },
  dark: {
    '--mantine-color-body': '#101a1a',
    '--mantine-color-text': '#e9efec',
    '--mantine-color-dimmed': '#a3b2af',
    '--mantine-color-placeholder': '#8b9a98',
    '--mantine-color-error': '#f0a0aa',
    '--salus-paper': '#182424',
    '--salus-sunken': '#0b1313',
    '--salus-line': '#2a3938',
    '--salus-line-strong': '#768583',
    '--salus-ink-soft': '#c0ccc9',
    '--salus-accent': '#7cc7ba',
    '--salus-accent-soft': '#193634',
    '--salus-warn': '#f0b78d',
    '--salus-warn-soft': '#3a2614',
    '--salus-bad': '#f2a6b0',
    '--salus-bad-soft': '#3c1a20',
    '--salus-shared': '#b6bff2',
    '--salus-shared-soft': '#232a4a',
    '--salus-shadow': '0 1px 2px rgb(0 0 0 / 30%)',
  },
});

/** Mantine's theme: one accent colour, greys, dense controls. The colours of data are in charts/colors.ts. */
import { createTheme, type MantineColorsTuple } from '@mantine/core';

const accent: MantineColorsTuple = [
  '#edf5fb',
  '#d9e8f3',
  '#b0d0e7',
  '#84b6da',
  '#60a0d0',
  '#4892c9',
  '#3a82b8',
  '#2f6690',
  '#265778',
  '#1b4560',
];

/** Text, dimmed text, borders and surfaces of the dark scheme, slightly cooler than neutral grey. */
const dark: MantineColorsTuple = [
  '#d5dae0',
  '#b3bac3',
  '#98a3af',
  '#6b7683',
  '#3a424b',
  '#2c333b',
  '#20262c',
  '#14181c',
  '#101317',
  '#0b0e11',
];

export const theme = createTheme({
  primaryColor: 'accent',
  black: '#1a2027',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '18px' },
  primaryShade: 7,
  colors: { accent, dark },
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  defaultRadius: 'sm',
  cursorType: 'pointer',
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '20px', lineHeight: '28px' }, h2: { fontSize: '15px', lineHeight: '22px' } },
  },
});

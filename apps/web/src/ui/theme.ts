import { createTheme } from '@mantine/core';

/** White on the default shade is 3.6:1; on this one it is above the 4.5:1 that WCAG AA asks for, in both schemes. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 8, dark: 8 },
  cursorType: 'pointer',
  defaultRadius: 'md',
  respectReducedMotion: true,
});

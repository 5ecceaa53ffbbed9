/** Backgrounds under white text, each of at least 4.5:1. */
export const solid = {
  good: 'teal.9',
  bad: 'red.9',
  warn: '#9a3c00',
  calm: 'gray.8',
  busy: 'indigo.8',
  mark: 'grape.8',
} as const;
/** Text that warns, readable in both schemes. */
export const dangerText = 'var(--mantine-color-error)';

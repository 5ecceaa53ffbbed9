import type { Vm } from '../api/client.ts';

/** `env=test, team=a`: labels as people type them. */
export const writeLabels = (labels: Vm['labels']): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

/** The labels of such a text; what has no value is a label without one. */
export const readLabels = (text: string): Vm['labels'] =>
  Object.fromEntries(
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
      .map((part) => [part.split('=', 1)[0]!.trim(), part.slice(part.indexOf('=') + 1).trim()]),
  );

import type { Session } from './session.ts';

/** Whether a window can be shown. */
export function hasDisplay({ knobs, paths }: Session): boolean {
  if (knobs.display !== 'auto') return knobs.display === 'present';
  return paths.isWindows || Boolean(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']);
}

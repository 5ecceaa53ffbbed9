/** Leaves room for a date and a number within the 255 bytes that file systems allow. */
const longestName = 120;

/** Names that Windows takes for devices, whatever extension is behind them. */
const devices = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/**
 * A name that is one plain path segment on every file system and needs no quoting in a shell: letters, digits and
 * pictures of any language stay, everything else becomes a hyphen.
 */
export function safeName(name: string): string {
  const kept = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}\p{So}._+@-]+/gu, '-')
    .replace(/-{2,}/g, '-');
  // Dots and hyphens at the ends hide files, look like options, or are dropped by Windows.
  const trimmed = cut(kept.replace(/^[-.]+/, ''), longestName).replace(/[-.]+$/, '');
  if (trimmed === '') return 'vm';
  return devices.test(trimmed) ? `vm-${trimmed}` : trimmed;
}

/** The longest beginning of whole characters that has so many bytes in UTF-8. */
function cut(text: string, bytes: number): string {
  let result = '';
  let length = 0;
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    result += character;
  }
  return result;
}

/** The first of `name`, `name-2`, `name-3`… that is not taken. Names that differ in case alone are the same on some disks. */
export function freeName(name: string, isTaken: (candidate: string) => boolean, extension = ''): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? `${name}${extension}` : `${name}-${number}${extension}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** How names are compared to see whether one is taken. */
export const folded = (name: string): string => name.normalize('NFC').toLowerCase();

/** `2026-11-21_web-1`, from the time of creation in UTC. */
export const folderName = (createdAt: string, name: string): string =>
  `${new Date(createdAt).toISOString().slice(0, 10)}_${safeName(name)}`;

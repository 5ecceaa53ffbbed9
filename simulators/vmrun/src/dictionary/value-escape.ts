import { decodeText } from './text-encoding.ts';

/** A dictionary value as it stands between the quotes: `"`, `|` and control characters become `|XX`. */
export function escapeValue(value: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return value.replace(/["|\u0000-\u001f\u007f]/g, (character) => {
    return `|${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** The value between the quotes, with `|XX` resolved; runs of bytes above 0x7f are read in the file's encoding. */
export function unescapeValue(raw: string, encoding: string): string {
  return raw.replace(/(?:\|[0-9a-fA-F]{2})+/g, (run) => {
    const bytes = Buffer.from(run.replaceAll('|', ''), 'hex');
    return decodeText(bytes, encoding);
  });
}

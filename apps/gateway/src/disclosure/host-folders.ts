import type { Permission } from '@polyvirt/contracts';

/** Who may know where hosts keep their files, and read them: whoever may do something there. This is the one place that decides it. */
export const seesFolders = (viewer: { readonly permissions: ReadonlySet<Permission> } | null): boolean =>
  viewer?.permissions.has('host:files') ?? false;

/** A string of JSON, and a colon where it is the name of a field. */
const token = /"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?/g;
/** Fields that hold a path and nothing else, which may have any character in it. */
const pathFields = new Set(['path', 'files']);
/** Fields whose values begin with a slash and are of ours: places in a body, sources of events, addresses of the API. */
const ownFields = new Set(['pointer', 'source', 'type', 'url']);

/** Between spaces, a word of a path; a folder has up to six. */
const word = '[^/\\s"\'`<>|{}…]+';
const folder = `(?:${word}(?:(?<![,;:]) ${word}){0,5}/)`;
const end = '([^/\\s"\'`<>|{},;)\\]…]*)';
/** Not the path of an address, and not half of a word. */
const posix = new RegExp(`(?:(?<=file://)|(?<![\\w.~%+/<…-]))/(?!/)(?!api/v1/|docs/problems)${folder}+${end}`, 'gu');
const winWord = '[^\\\\/\\s"\'`<>|…]+';
const winFolder = `(?:${winWord}(?:(?<![,;:]) ${winWord}){0,5}[\\\\/]+)`;
const winEnd = '([^\\\\/\\s"\'`<>|,;)\\]…]*)';
const windows = new RegExp(`(?:(?<![A-Za-z0-9])[A-Za-z]:[\\\\/]+|(?<![\\w\\\\])\\\\\\\\)${winFolder}+${winEnd}`, 'gu');
/** `GET /users/{id}` in a sentence is a route. */
const route = /(?:GET|POST|PUT|PATCH|DELETE|HEAD) $/;
const absolute = /^(?:\/|[A-Za-z]:[\\/]|\\\\)/;

/**
 * JSON in which of each absolute path only the last name is left: `…/web-1.qcow2`. What is no path stays to the letter. It is for all
 * that is sent and not for fields that are known, as sentences of hypervisors name files, too.
 */
export function withoutFolders(json: string): string {
  let field = '';
  let pointers: ReadonlySet<string> | undefined;
  return json.replaceAll(token, (text: string, body: string, colon: string | undefined) => {
    if (colon !== undefined) {
      field = body;
      return text;
    }
    if (ownFields.has(field) || !/[/\\]/.test(body)) return text;
    pointers ??= pointersIn(json);
    const value = JSON.parse(`"${body}"`) as string;
    const shown = pathFields.has(field) && absolute.test(value) ? lastOf(value) : sentence(value, pointers);
    return shown === value ? text : JSON.stringify(shown);
  });
}

const lastOf = (path: string): string => `…/${path.split(/[\\/]+/).at(-1)!}`;

/** Places in a body are told in sentences as well. */
const pointersIn = (json: string): ReadonlySet<string> =>
  new Set([...json.matchAll(/"pointer":"((?:[^"\\]|\\.)*)"/g)].map(([, pointer]) => pointer!));

function sentence(text: string, pointers: ReadonlySet<string>): string {
  return text
    .replaceAll(windows, (_, last: string) => `…/${last}`)
    .replaceAll(posix, (path: string, last: string, at: number, whole: string) =>
      pointers.has(path.replace(/[.:]$/, '')) || route.test(whole.slice(0, at)) ? path : `…/${last}`,
    );
}

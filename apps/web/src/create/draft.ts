import type { CreateVmInput } from '../api/client.ts';

/** What has been filled in; kept in this browser until the machine is asked for. Passwords are not kept. */
export interface Draft {
  readonly host: string;
  readonly name: string;
  readonly source: 'image' | 'template' | 'blank';
  readonly image: string;
  readonly template: string;
  readonly cdrom: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly diskGiB: number | '';
  readonly network: string;
  readonly address: string;
  readonly user: string;
  readonly password: string;
  readonly sshKey: string;
  readonly userData: string;
  readonly labels: string;
  readonly start: boolean;
}

export const emptyDraft: Draft = {
  host: '',
  name: '',
  source: 'image',
  image: '',
  template: '',
  cdrom: '',
  cpus: 1,
  memoryMiB: 1024,
  diskGiB: '',
  network: '',
  address: '',
  user: '',
  password: '',
  sshKey: '',
  userData: '',
  labels: '',
  start: true,
};

export const steps = ['where', 'source', 'size', 'network', 'guest', 'confirm'] as const;

/** The step that has the field which a fault points at. */
export function stepOfPointer(pointer: string): number {
  if (/^\/(?:host|name|labels)/.test(pointer)) return 0;
  if (/^\/(?:template|cdrom|disks\/\d+\/image)/.test(pointer)) return 1;
  if (/^\/(?:cpus|memoryMiB|disks)/.test(pointer)) return 2;
  if (pointer.startsWith('/nics')) return 3;
  if (pointer.startsWith('/cloudInit')) return 4;
  return steps.length - 1;
}

/** `web-2` after `web`, `web-3` after that. */
export function nextName(name: string): string {
  const [, base, number] = /^(.*?)(?:-(\d{1,6}))?$/s.exec(name.trim())!;
  return `${base}-${Number(number ?? 1) + 1}`;
}

const kept = 'polyvirt.draft';

export function keptDraft(): Partial<Draft> {
  try {
    return JSON.parse(sessionStorage.getItem(kept) ?? '{}') as Partial<Draft>;
  } catch {
    // A draft of an earlier version is no loss.
    return {};
  }
}

export function keepDraft(draft: Draft | undefined): void {
  if (!draft) sessionStorage.removeItem(kept);
  else sessionStorage.setItem(kept, JSON.stringify({ ...draft, password: '' }));
}

const unkept = { name: '', address: '', password: '', userData: '' } as const;

/** What is kept of a form under a name: all but what is of one machine alone, and what passwords may be in. */
export function queryOfDraft(draft: Draft): URLSearchParams {
  const kept = Object.entries({ ...draft, ...unkept });
  return new URLSearchParams(
    kept.flatMap(([field, value]) => (value === emptyDraft[field as keyof Draft] ? [] : [[field, String(value)]])),
  );
}

/** The form again; a field that there is no more is left out. */
export function draftOfQuery(query: URLSearchParams): Partial<Draft> {
  return Object.fromEntries(
    Object.entries(emptyDraft).flatMap(([field, empty]) => {
      if (field in unkept) return [];
      const text = query.get(field);
      if (text === null) return [[field, empty]];
      if (typeof empty === 'boolean') return [[field, text === 'true']];
      return [[field, typeof empty === 'number' || field === 'diskGiB' ? Number(text) : text]];
    }),
  ) as Partial<Draft>;
}

const quoted = (text: string): string => JSON.stringify(text);

/** cloud-init of the form: what somebody has written themselves goes before it. */
export function userDataOf({ user, password, sshKey, userData }: Draft): string {
  if (userData.trim() !== '') return userData;
  if (user.trim() === '') return '';
  return [
    '#cloud-config',
    'users:',
    `  - name: ${quoted(user.trim())}`,
    '    sudo: ALL=(ALL) NOPASSWD:ALL',
    '    shell: /bin/sh',
    ...(password === '' ? [] : ['    lock_passwd: false', `    plain_text_passwd: ${quoted(password)}`]),
    ...(sshKey.trim() === '' ? [] : ['    ssh_authorized_keys:', `      - ${quoted(sshKey.trim())}`]),
    ...(password === '' ? [] : ['ssh_pwauth: true']),
    '',
  ].join('\n');
}

/** Exactly what is sent. */
export function bodyOf(draft: Draft): CreateVmInput {
  const { host, name, source, image, template, cdrom, cpus, memoryMiB, diskGiB, network, address, labels, start } =
    draft;
  const size = diskGiB === '' ? {} : { sizeGiB: diskGiB };
  const userData = userDataOf(draft);
  const pairs = labels
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => [part.split('=', 1)[0]!.trim(), part.includes('=') ? part.slice(part.indexOf('=') + 1).trim() : '']);
  return {
    host,
    name: name.trim(),
    cpus,
    memoryMiB,
    ...(source === 'template' && template !== '' && { template }),
    ...(source === 'image' && image !== '' && { disks: [{ image, ...size }] }),
    ...(source === 'blank' && { disks: [{ ...size }] }),
    ...(cdrom !== '' && { cdrom }),
    ...(network !== '' && { nics: [{ network, address: address.trim() === '' ? 'auto' : address.trim() }] }),
    ...(userData !== '' && { cloudInit: { userData } }),
    ...(pairs.length > 0 && { labels: Object.fromEntries(pairs) as Record<string, string> }),
    start,
  } as CreateVmInput;
}

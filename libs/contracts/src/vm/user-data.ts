import { ProblemError } from '../problem/problem.ts';
import type { HostLimits } from '../host/host.ts';
import { jinjaHeader, userDataHeaders } from './user-data-headers.ts';
import { bytesOf, type CloudInit } from './vm-create.ts';

/** cloud-init looks for the header of a MIME message so far into the text. */
const mimeWithin = 4_096;

/** Whether cloud-init knows the kind of a text; one that it does not know is ignored by the guest. */
export function isKnownUserData(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower.slice(0, mimeWithin).includes('mime-version:') || /^\s*content-type:\s*multipart\//.test(lower))
    return true;
  const body = lower.trimStart().replace(jinjaHeader, '').trimStart();
  // What JavaScript takes for white space and cloud-init does not.
  return !lower.startsWith('\uFEFF') && userDataHeaders.some((header) => body.startsWith(header));
}

/** What the author of user data should know. */
export function userDataNotes(cloudInit: CloudInit | undefined): string[] {
  if (!cloudInit || isKnownUserData(cloudInit.userData)) return [];
  return [
    'The user data begins with no header that cloud-init knows, so the guest ignores it. Its first line has to be #cloud-config, #! and an interpreter, #include, ## template: jinja or the like.',
  ];
}

/** Throws `invalid-input` for user data that the host cannot take. */
export function requireUserData(cloudInit: CloudInit | undefined, limits: HostLimits | undefined): void {
  const most = limits?.userDataBytes;
  if (!cloudInit || most === undefined) return;
  const bytes = bytesOf(cloudInit.userData);
  if (bytes <= most) return;
  const detail = `The user data has ${count(bytes)} bytes in UTF-8; this host takes at most ${count(most)}.`;
  throw new ProblemError('invalid-input', detail, { errors: [{ pointer: '/cloudInit/userData', detail }] });
}

const count = (value: number): string => value.toLocaleString('en-US');

/** Whether a request comes from a page of this gateway, or from a program that names no origin. */
export function isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    // `null`, as from a sandboxed frame, is nobody's origin.
    return false;
  }
}

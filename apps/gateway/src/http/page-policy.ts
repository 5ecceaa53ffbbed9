import { randomBytes } from 'node:crypto';

/** What stands in a page for the nonce of each answer. */
export const noncePlaceholder = '__NONCE__';

/**
 * A page and its policy. Scripts, styles and data come from this gateway alone; a style element needs the nonce, which
 * libraries that insert one are given.
 */
export function withPolicy(page: string): { html: string; policy: string } {
  const nonce = randomBytes(16).toString('base64');
  return { html: page.replaceAll(noncePlaceholder, nonce), policy: pagePolicy(nonce) };
}

const pagePolicy = (nonce: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');

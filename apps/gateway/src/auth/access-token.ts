export const jwtAlgorithm = 'HS256';
export const jwtIssuer = 'polyvirt';
export const jwtAudience = 'polyvirt-api';
export const accessTokenSeconds = 15 * 60;

export interface AccessClaims {
  /** Id of the user. */
  sub: string;
  /** Id of the session. */
  sid: string;
  exp: number;
}

/** The name of the key that a token says it is signed with; nothing of it has been verified. */
export function kidOf(token: string): string | undefined {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0]!, 'base64url').toString()) as { kid?: unknown } | null;
    return typeof header?.kid === 'string' ? header.kid : undefined;
  } catch {
    // What is no token at all is refused by whoever verifies it.
    return undefined;
  }
}

/** Whatever carries a credential in the way of a request. */
export interface Bearing {
  readonly headers: { readonly authorization?: string | undefined };
}

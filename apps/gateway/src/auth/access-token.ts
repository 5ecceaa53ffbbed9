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

/** Whatever carries a credential in the way of a request. */
export interface Bearing {
  readonly headers: { readonly authorization?: string | undefined };
}

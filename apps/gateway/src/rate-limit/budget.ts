/** The part of a principal that says whose budget it uses up. */
export interface Spender {
  readonly userId: string;
  readonly token?: unknown;
}

/**
 * Whose requests, streams and connections count together. Programs with tokens of a user have a budget of their own, so that one
 * that runs wild, or a token that was stolen, does not keep its owner out.
 */
export const budgetOf = ({ userId, token }: Spender): string =>
  token === undefined ? `user ${userId}` : `tokens of ${userId}`;

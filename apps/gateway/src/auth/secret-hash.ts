import { createHash } from 'node:crypto';

/** What the database keeps of a secret that was drawn at random: nobody guesses that, so it needs neither salt nor time. */
export const secretHash = (secret: string): string => createHash('sha256').update(secret).digest('hex');

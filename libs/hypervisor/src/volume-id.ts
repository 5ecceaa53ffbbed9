import { createHash } from 'node:crypto';

/** Id of a volume, by what its host knows it by. It says nothing about the host, and no other text can be made of it. */
export const volumeIdOf = (key: string): string => createHash('sha256').update(key).digest('hex').slice(0, 24);

import { join } from 'node:path';

/** The root of the repository. */
export const root = join(import.meta.dirname, '../..');
/** Where built guest images are kept, whichever data folder a stack uses. */
export const imageCache = join(root, '.polyvirt/cache');
/** What a run of the tests leaves for whoever reads or repeats it: the log, what failed, how long the files took. */
export const testFolder = join(root, '.polyvirt/test');

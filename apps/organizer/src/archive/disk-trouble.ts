/** Codes of what ails the disk, the process or the way to them: no VM is to blame, and it may pass. */
const troubles = new Set(['EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EROFS', 'ESTALE', 'ETIMEDOUT']);

/** Whether an error of the file system would meet any other VM as well. */
export const isDiskTrouble = (error: unknown): boolean => troubles.has((error as NodeJS.ErrnoException).code ?? '');

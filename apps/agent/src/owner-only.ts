import { userInfo } from 'node:os';
import { env } from 'node:process';
import { runProgram, type Run } from './program.ts';

const administrators = '*S-1-5-32-544';
/** For the folder, and for what is made in it. */
const everything = '(OI)(CI)F';

/** Who runs this, as Windows spells it. */
export const windowsUser = (): string => `${env['USERDOMAIN'] ?? '.'}\\${env['USERNAME'] ?? userInfo().username}`;

/**
 * Keeps everybody but its owner and administrators out of a folder. The mode of a folder does so elsewhere; on Windows what lies in
 * ProgramData is for all users of the machine to read.
 */
export async function keepForOwner(
  folder: string,
  platform = process.platform,
  run: Run = runProgram,
  user = windowsUser,
): Promise<void> {
  if (platform !== 'win32') return;
  const grants = [user(), administrators].flatMap((who) => ['/grant:r', `${who}:${everything}`]);
  await run('icacls.exe', [folder, '/inheritance:r', ...grants]);
}

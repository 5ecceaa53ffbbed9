/** One word of a POSIX shell, whatever it contains. A shell word cannot hold NUL. */
export const shellWord = (text: string): string => `'${text.replaceAll('\0', '').replaceAll("'", `'\\''`)}'`;

/**
 * The value in `set "NAME=value"` of a batch file. Windows paths hold neither quotes nor control characters; what else
 * cmd gives a meaning to, has none between quotes, but for the percent sign.
 */
export const batchValue = (text: string): string => text.replace(/[\p{Cc}"]/gu, '').replaceAll('%', '%%');

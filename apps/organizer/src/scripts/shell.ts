import { shellWord } from './quote.ts';

/** `fail SENTENCE` ends the script. */
export const fail = `fail() {
  printf '%s\\n' "$*" >&2
  exit 1
}`;

/** Makes the folder $work, to be renamed to $final when the backup is whole; $stamp is the time in both. Needs `fail`. What is copied is for nobody else. */
export const makeBackupFolder = (label: string): string => `umask 077
label=${shellWord(label)}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=\${1:-$here/backups}
mkdir -p -- "$target"
target=$(CDPATH= cd -- "$target" && pwd)
stamp=$(date -u +%Y%m%dT%H%M%SZ)
final=$target/\${label}_$stamp
work=$final.partial
[ ! -e "$final" ] || fail "$final exists."
mkdir -- "$work"`;

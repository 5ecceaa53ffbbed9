import { shellWord } from './quote.ts';
import { fail, makeBackupFolder } from './shell.ts';

const head = (uuid: string) => `set -eu
umask 077

uuid=${shellWord(uuid)}

${fail}

command -v curl >/dev/null || fail 'curl is not installed.'
[ -n "\${PRISM_URL:-}" ] && [ -n "\${PRISM_USERNAME:-}" ] && [ -n "\${PRISM_PASSWORD:-}" ] ||
  fail 'Set PRISM_URL (https://host:9440), PRISM_USERNAME and PRISM_PASSWORD.'

# Text between double quotes, in JSON and in the language of curl's configuration alike.
escape() {
  printf '%s' "$1" | tr '\\n\\r\\t' '   ' | sed -e 's/\\\\/\\\\\\\\/g' -e 's/"/\\\\"/g'
}

# The password goes through a pipe, because other users can see the arguments of a process.
# PRISM_CA names a file with the certificate authority of Prism Central, where the system does not know it.
prism() {
  method=$1 path=$2
  shift 2
  printf 'user = "%s:%s"\\n' "$(escape "$PRISM_USERNAME")" "$(escape "$PRISM_PASSWORD")" |
    curl --config - --silent --show-error --fail --request "$method" \${PRISM_CA:+--cacert "$PRISM_CA"} \\
      --header 'Content-Type: application/json' "$@" "\${PRISM_URL%/}/api/nutanix/v3/$path"
}

field() {
  sed -n "s/.*\\"$1\\" *: *\\"\\([^\\"]*\\)\\".*/\\1/p" | head -n 1
}

take_recovery_point() {
  body=$(printf '{"name":"%s","recovery_point_type":"CRASH_CONSISTENT"}' "$(escape "$1")")
  answer=$(prism POST "vms/$uuid/snapshot" --data "$body") || fail 'Prism Central took no recovery point.'
  task=$(printf '%s\\n' "$answer" | field task_uuid)
  [ -n "$task" ] || fail 'Prism Central named no task.'
  while :; do
    answer=$(prism GET "tasks/$task") || fail "Prism Central does not say how task $task goes on."
    status=$(printf '%s\\n' "$answer" | field status)
    case $status in
      SUCCEEDED) break ;;
      '') fail "Prism Central gave no status of task $task." ;;
      FAILED | ABORTED) fail "The recovery point was not taken: task $task is $status." ;;
    esac
    sleep 2
  done
}
`;

/** The disks stay on the cluster: Prism v3 has no way to download them but through images. */
export const prismBackup = (uuid: string, label: string): string => `#!/bin/sh
# Takes a recovery point of one VM on its cluster, and saves the specification of the VM.
#   backup_script.sh [folder for the backup]     by default "backups" beside this script
${head(uuid)}
${makeBackupFolder(label)}
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
prism GET "vms/$uuid" >"$work/prism-spec.json"
take_recovery_point "backup-$stamp"
printf '%s\\n' "backup-$stamp" >"$work/recovery-point"
mv -- "$work" "$final"
trap - EXIT
printf '%s\\n' "$final"
`;

export const prismSnapshot = (uuid: string): string => `#!/bin/sh
# Takes a recovery point of one VM.
#   snapshot_script.sh [name of the recovery point]     by default the present time
${head(uuid)}
take_recovery_point "\${1:-snapshot-$(date -u +%Y%m%dT%H%M%SZ)}"
`;

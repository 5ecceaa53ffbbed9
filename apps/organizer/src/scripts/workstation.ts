import { shellWord } from './quote.ts';
import { fail, makeBackupFolder } from './shell.ts';

const head = (vmx: string) => `set -eu

vmx=\${VMX:-${shellWord(vmx)}}

${fail}

[ -n "$vmx" ] || fail 'The path of the .vmx file was not known when this was written; give it in VMX.'
[ -r "$vmx" ] || fail "Cannot read $vmx."
command -v vmrun >/dev/null || fail 'vmrun is not installed.'
`;

/** For VMware Workstation on Linux. A live copy of its disks would not be consistent, so a running VM is suspended meanwhile. */
export const workstationBackup = (vmx: string, label: string): string => `#!/bin/sh
# Copies the folder of one VM; a running VM is suspended for that time, and goes on afterwards.
#   backup_script.sh [folder for the backup]     by default "backups" beside this script
# VMX names the .vmx file, should it have moved.
${head(vmx)}
${makeBackupFolder(label)}

suspended=no
cleanup() {
  status=$?
  trap - EXIT
  rm -rf -- "$work"
  if [ "$suspended" = yes ]; then vmrun -T ws start "$vmx" nogui || status=1; fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

running=$(vmrun -T ws list) || fail 'vmrun does not say which VMs are running.'
if printf '%s\\n' "$running" | tr -d '\\r' | grep -Fxq -e "$vmx"; then
  suspended=yes
  vmrun -T ws suspend "$vmx" soft
fi
cp -R -- "\${vmx%/*}/." "$work/"
find "$work" -name '*.lck' -prune -exec rm -rf -- {} +
mv -- "$work" "$final"
printf '%s\\n' "$final"
`;

export const workstationSnapshot = (vmx: string): string => `#!/bin/sh
# Takes a snapshot of one VM, with its memory if it is running.
#   snapshot_script.sh [name of the snapshot]     by default the present time
# VMX names the .vmx file, should it have moved.
${head(vmx)}
vmrun -T ws snapshot "$vmx" "\${1:-snapshot-$(date -u +%Y%m%dT%H%M%SZ)}"
`;

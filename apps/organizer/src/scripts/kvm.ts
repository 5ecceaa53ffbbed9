import { shellWord } from './quote.ts';
import { fail, makeBackupFolder } from './shell.ts';

/**
 * The VM is named by its UUID, which no renaming changes and which needs no quoting. A running VM is copied by a backup
 * job of libvirt, all disks as of one moment; one that is off by qemu-img.
 */
export const kvmBackup = (uuid: string, label: string): string => `#!/bin/sh
# Copies the disks, the definition and what else one VM is made of into a new folder; the VM may be running.
#   backup_script.sh [folder for the backup]     by default "backups" beside this script
# LIBVIRT_DEFAULT_URI names the libvirt to talk to, by default qemu:///system.
set -eu
umask 077
LC_ALL=C
LIBVIRT_DEFAULT_URI=\${LIBVIRT_DEFAULT_URI:-qemu:///system}
export LC_ALL LIBVIRT_DEFAULT_URI

uuid=${shellWord(uuid)}

${fail}

for tool in virsh qemu-img; do
  command -v "$tool" >/dev/null || fail "$tool is not installed."
done
${makeBackupFolder(label)}

job=no
cleanup() {
  status=$?
  trap - EXIT
  [ "$job" = no ] || virsh domjobabort --domain "$uuid" >/dev/null 2>&1 || true
  if [ -f "$work/staged" ]; then
    while IFS= read -r file; do rm -f -- "$file"; done <"$work/staged"
  fi
  rm -rf -- "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

state=$(virsh domstate --domain "$uuid")
virsh dumpxml --domain "$uuid" >"$work/live.xml"
virsh dumpxml --domain "$uuid" --inactive --security-info >"$work/domain.xml"

# Target device, format and source of every writable disk. The format comes from the definition and never from the
# contents, which the guest could forge.
awk '
  /^    <disk / { device = ""; format = "raw"; skip = ($0 !~ /device=.disk./); next }
  /^      <driver / && match($0, /type=.[A-Za-z0-9_-]+/) { format = substr($0, RSTART + 6, RLENGTH - 6) }
  /^      <target / && match($0, /dev=.[A-Za-z0-9_-]+/) { device = substr($0, RSTART + 5, RLENGTH - 5) }
  /^      <readonly\\/>/ { skip = 1 }
  /^    <\\/disk>/ && !skip && device != "" { print device, format }
' "$work/live.xml" >"$work/formats"
# The pool of each disk that is a volume.
awk '
  /^    <disk / { pool = "" }
  /^      <source / && match($0, / pool=.[^'"'"'"]+/) { pool = substr($0, RSTART + 7, RLENGTH - 7) }
  /^      <target / && pool != "" && match($0, /dev=.[A-Za-z0-9_-]+/) { print substr($0, RSTART + 5, RLENGTH - 5), pool }
' "$work/live.xml" | sed -e "s/&apos;/'/g" -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\\&/g' >"$work/pools"
: >"$work/disks"
virsh domblklist --domain "$uuid" --details >"$work/list" || fail 'libvirt does not say which disks the VM has.'
while read -r kind device disk source; do
  [ "$device" = disk ] && [ "$source" != - ] || continue
  format=$(awk -v disk="$disk" '$1 == disk { print $2 }' "$work/formats")
  [ -n "$format" ] || continue
  case $kind in
    volume)
      pool=$(awk -v disk="$disk" '$1 == disk { sub(/^[^ ]+ /, ""); print }' "$work/pools")
      source=$(virsh vol-path --pool "$pool" --vol "$source")
      printf '%s\\t%s\\tfile\\t%s\\n' "$disk" "$format" "$source" >>"$work/disks"
      ;;
    file | block) printf '%s\\t%s\\t%s\\t%s\\n' "$disk" "$format" "$kind" "$source" >>"$work/disks" ;;
    *) fail "Disk $disk is of type $kind, which this script cannot copy." ;;
  esac
done <"$work/list"
tab=$(printf '\\t')

escape() {
  printf '%s' "$1" | sed -e 's/&/\\&amp;/g' -e 's/</\\&lt;/g' -e 's/>/\\&gt;/g' -e "s/'/\\&apos;/g" -e 's/"/\\&quot;/g'
}

copy_stopped() {
  while IFS=$tab read -r disk format kind source; do
    qemu-img convert -f "$format" -O "$format" -- "$source" "$work/$disk.$format"
  done <"$work/disks"
}

# QEMU writes the copies, and may do so beside the disks; from there they are moved.
copy_running() {
  {
    printf "<domainbackup mode='push'>\\n  <disks>\\n"
    while IFS=$tab read -r disk format kind source; do
      if [ "$kind" = file ]; then stage=\${source%/*}; else stage=$work; fi
      staged=$stage/.polyvirt-backup-$uuid-$stamp-$disk
      printf '%s\\n' "$staged" >>"$work/staged"
      printf "    <disk name='%s' backup='yes' type='file'><target file='%s'/><driver type='%s'/></disk>\\n" \\
        "$disk" "$(escape "$staged")" "$format"
    done <"$work/disks"
    printf '  </disks>\\n</domainbackup>\\n'
  } >"$work/backup.xml"
  virsh backup-begin --domain "$uuid" --backupxml "$work/backup.xml" >/dev/null
  job=yes
  while :; do
    info=$(virsh domjobinfo --domain "$uuid") ||
      fail 'libvirt does not say how the backup goes on; if the VM has powered off, run this again.'
    case $info in
      *None*) break ;;
    esac
    sleep 1
  done
  job=no
  info=$(virsh domjobinfo --domain "$uuid" --completed) || fail 'libvirt does not say how the backup ended.'
  case $info in
    *Completed*) ;;
    *) fail "The backup job of libvirt failed." ;;
  esac
  while IFS=$tab read -r disk format kind source && IFS= read -r staged <&3; do
    mv -- "$staged" "$work/$disk.$format"
  done <"$work/disks" 3<"$work/staged"
}

if [ -s "$work/disks" ]; then
  case $state in
    'shut off' | crashed) copy_stopped ;;
    *) copy_running ;;
  esac
fi

# What the VM has beside its disks. Each is copied whole or the backup fails: a file that cannot be seen is not one that is
# not there.
: >"$work/state"
keep() {
  [ -d "$(dirname -- "$2")" ] && [ -x "$(dirname -- "$2")" ] || fail "$2 cannot be looked for. Run this as root."
  [ -e "$2" ] || return 0
  cp -Rp -- "$2" "$work/$1" || fail "$2 cannot be copied. Run this as root."
  printf '%s\\t%s\\n' "$1" "$2" >>"$work/state"
}
name=$(virsh domname --domain "$uuid")

# A VM that starts by UEFI keeps its boot entries and keys in a file of its own. Without a path in the definition libvirt finds
# it by the name of the VM.
if grep -q -e "^  <os firmware='efi'" -e "^    <loader [^>]*type='pflash'" "$work/live.xml"; then
  nvram=$(awk '
    /^    <nvram/ { inside = 1 }
    inside && match($0, /<nvram[^>]*>[^<]+/) { text = substr($0, RSTART, RLENGTH); sub(/^[^>]*>/, "", text); print text; exit }
    inside && match($0, /<source file=.[^'"'"'"]+/) { text = substr($0, RSTART, RLENGTH); sub(/^<source file=./, "", text); print text; exit }
    /<\\/nvram>/ || /^    <nvram.*\\/>/ { inside = 0 }
  ' "$work/live.xml" | sed -e "s/&apos;/'/g" -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\\&/g')
  if [ -n "$nvram" ]; then
    keep nvram "$nvram"
  else
    for extension in fd qcow2; do
      [ -e "$work/nvram" ] || keep nvram "/var/lib/libvirt/qemu/nvram/\${name}_VARS.$extension"
    done
  fi
fi
if grep -q '^    <tpm ' "$work/live.xml" && grep -q "^      <backend type='emulator'" "$work/live.xml"; then
  keep tpm "/var/lib/libvirt/swtpm/$uuid"
fi
case $(virsh dominfo --domain "$uuid") in
  *'Managed save:'*yes*) keep memory "/var/lib/libvirt/qemu/save/$name.save" ;;
esac

while IFS=$tab read -r disk format kind source; do
  printf '%s\\t%s\\n' "$disk.$format" "$source"
done <"$work/disks" >"$work/disks.tsv"
cat -- "$work/state" >>"$work/disks.tsv"
rm -f -- "$work/live.xml" "$work/backup.xml" "$work/formats" "$work/pools" "$work/list" "$work/disks" "$work/staged" "$work/state"
sync -- "$work"/* 2>/dev/null || sync
mv -- "$work" "$final"
trap - EXIT
printf '%s\\n' "$final"
`;

export const kvmSnapshot = (uuid: string): string => `#!/bin/sh
# Takes a snapshot of one VM, with its memory if it is running.
#   snapshot_script.sh [name of the snapshot]     by default the present time
# LIBVIRT_DEFAULT_URI names the libvirt to talk to, by default qemu:///system.
set -eu
LIBVIRT_DEFAULT_URI=\${LIBVIRT_DEFAULT_URI:-qemu:///system}
export LIBVIRT_DEFAULT_URI

uuid=${shellWord(uuid)}
snapshot=\${1:-snapshot-$(date -u +%Y%m%dT%H%M%SZ)}

command -v virsh >/dev/null || {
  printf '%s\\n' 'virsh is not installed.' >&2
  exit 1
}
virsh snapshot-create-as --domain "$uuid" --name="$snapshot" --description="Taken by snapshot_script.sh" --atomic
`;

#!/bin/sh
# Runs a program apart from the machine's libvirt: with folders of its own where libvirt keeps its files, a network of its own, and
# processes that all end with it. Takes root. Arguments: a folder for those folders, then the program with its arguments.
set -eu
if [ "$1" != enclosed ]; then
  exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private sh "$0" enclosed "$@"
fi
folder=$2
shift 2

for part in run state log cache configuration; do mkdir -p "$folder/$part"; done
mkdir -p "$folder/run/lock"
# What QEMU can is found out once, which takes long; networks, pools and machines are those of the machine.
cp -a /var/cache/libvirt/. "$folder/cache" 2>/dev/null || true
cp -a /etc/libvirt/. "$folder/configuration"
rm -rf "$folder/configuration/qemu" "$folder/configuration/storage" "$folder/configuration/secrets"
mount --bind "$folder/run" /run
mount --bind "$folder/state" /var/lib/libvirt
mount --bind "$folder/log" /var/log/libvirt
mount --bind "$folder/cache" /var/cache/libvirt
mount --bind "$folder/configuration" /etc/libvirt
ip link set lo up

# Not replaced by the program: whatever loses its parent in here is waited for by this shell.
"$@" &
child=$!
trap 'kill -TERM "$child"' TERM INT
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done
exit "$code"

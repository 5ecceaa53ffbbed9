#!/bin/sh
# Starts virtlogd and libvirtd as daemons on a machine whose systemd does not do it.
# Arguments: `hide` or `keep` for /dev/kvm, then the file that records what was started.
# It is called under a lock, so that two commands cannot both start a daemon.
set -eu
kvm=$1
record=$2
state=$(dirname "$record")

if virsh -q -c qemu:///system uri >/dev/null 2>&1; then
  exit 0
fi

# A device that exists but does not work makes libvirt probe QEMU again at every define, which takes half a minute.
# The daemon therefore gets a /dev of its own without it. It has to be a copy: libvirt gives every QEMU a private
# /dev in turn, and moves every mount it finds below /dev there, which fails for stacked or masking mounts.
hide_kvm() {
  fresh=$state/dev
  mkdir -p "$fresh"
  mount -t tmpfs -o mode=755,size=4m polyvirt-dev "$fresh"
  for entry in /dev/*; do
    name=${entry##*/}
    [ "$name" != kvm ] || continue
    if [ -d "$entry" ] && [ ! -L "$entry" ] && mountpoint -q "$entry"; then
      mkdir "$fresh/$name"
      mount --bind "$entry" "$fresh/$name"
    else
      cp -a "$entry" "$fresh/"
    fi
  done
  umount -l /dev
  mount --move "$fresh" /dev
}

# Prints the pid in a pid file, when that process lives.
running() {
  [ -s "$1" ] && pid=$(cat "$1") && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

# Field 22 of stat, counted after the name in brackets: a pid alone may name a later process.
started_at() {
  sed 's/^.*) //' "/proc/$1/stat" | cut -d' ' -f20
}

mkdir -p "$state"
case $kvm in
  keep) ;;
  hide) exec unshare --mount --propagation slave sh "$0" hidden "$record" ;;
  hidden) hide_kvm ;;
esac

: >"$record.new"
if ! running /run/virtlogd.pid >/dev/null; then
  virtlogd -d -p /run/virtlogd.pid
  pid=$(running /run/virtlogd.pid)
  echo "virtlogd $pid $(started_at "$pid")" >>"$record.new"
fi
libvirtd -d -p /run/libvirtd.pid
pid=$(running /run/libvirtd.pid)
echo "libvirtd $pid $(started_at "$pid")" >>"$record.new"
mv "$record.new" "$record"

#!/bin/sh
# Starts those of virtlogd and libvirtd that do not run, as daemons, on a machine whose systemd does not do it.
# Arguments: `hide` or `keep` for /dev/kvm, then the file that records what was started.
# It is called under a lock, so that two commands cannot both start a daemon.
set -eu
kvm=$1
record=$2
state=$(dirname "$record")

# One that hangs does not keep others from being started.
answers() {
  timeout 20 virsh -q -c qemu:///system uri >/dev/null 2>&1
}

# One that has ended stays in the list until its parent looks.
lives() {
  [ -r "/proc/$1/stat" ] && ! grep -q ') Z ' "/proc/$1/stat"
}

# Prints the pid in a pid file, when that process lives.
running() {
  [ -s "$1" ] && pid=$(cat "$1") && lives "$pid" && echo "$pid"
}

# Field 22 of stat, counted after the name in brackets: a pid alone may name a later process.
started_at() {
  sed 's/^.*) //' "/proc/$1/stat" | cut -d' ' -f20
}

# Prints what the record says of a daemon, when that still runs.
recorded() {
  line=$(grep "^$1 " "$record" 2>/dev/null) || return 1
  pid=$(echo "$line" | cut -d' ' -f2)
  lives "$pid" && [ "$line" = "$1 $pid $(started_at "$pid")" ] && echo "$line"
}

# Prints what is to be recorded of it.
start() {
  "$1" -d -p "/run/$1.pid" >&2
  pid=$(running "/run/$1.pid")
  echo "$1 $pid $(started_at "$pid")"
}

# One that was started here has ended.
has_lost() {
  grep -q "^$1 " "$record" 2>/dev/null && ! recorded "$1" >/dev/null
}

if answers && ! has_lost virtlogd && ! has_lost libvirtd; then
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

mkdir -p "$state"
case $kvm in
  keep) ;;
  hide) exec unshare --mount --propagation slave sh "$0" hidden "$record" ;;
  hidden) hide_kvm ;;
esac

: >"$record.new"
recorded virtlogd >>"$record.new" || running /run/virtlogd.pid >/dev/null || start virtlogd >>"$record.new"
if answers; then
  recorded libvirtd >>"$record.new" || true
else
  start libvirtd >>"$record.new"
fi
mv "$record.new" "$record"

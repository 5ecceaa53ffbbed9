#!/bin/sh
# Installs the packages whose programs are not there: program=package …
set -eu
missing=
for pair in "$@"; do
  command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0
apt-get -q update
# shellcheck disable=SC2086 # several names
apt-get -q install -y --no-install-recommends $missing
rm -rf /var/lib/apt/lists/*

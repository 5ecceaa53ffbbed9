#!/bin/sh
# Runs MariaDB; the first time it makes the tables before. The user of the gateway, and its password, are in the file of `init`.
set -eu
folder=/var/lib/mariadb
tables=$folder/tables
socket=/tmp/mariadb.sock
settings="--no-defaults --datadir=$tables --socket=$socket --pid-file=/tmp/mariadb.pid --tmpdir=/tmp --skip-name-resolve"

release=$(mariadbd --no-defaults --version | sed -E 's/.*Ver ([0-9]+\.[0-9]+).*/\1/')

# Renamed when they are whole, so that one that was interrupted begins anew.
if [ ! -d "$tables" ]; then
  rm -rf "$tables.new"
  mariadb-install-db --no-defaults --datadir="$tables.new" --auth-root-authentication-method=socket --skip-test-db >/dev/null
  mv "$tables.new" "$tables"
  echo "$release" >"$folder/release"
fi

# Tables of an older release are brought up to date while nobody else is let in.
if [ "$(cat "$folder/release" 2>/dev/null)" != "$release" ]; then
  # shellcheck disable=SC2086 # several options
  mariadbd $settings --skip-networking --skip-grant-tables &
  server=$!
  until mariadb --no-defaults --socket="$socket" -e 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$server"
    sleep 0.2
  done
  mariadb-upgrade --no-defaults --socket="$socket" --silent
  kill -TERM "$server"
  wait "$server"
  echo "$release" >"$folder/release"
fi

# shellcheck disable=SC2086 # several options
exec mariadbd $settings --bind-address=0.0.0.0 --init-file=/run/polyvirt/users.sql --skip-log-bin --performance-schema=OFF

#!/bin/sh
# Backs up all volumes of a stopped project into a file, or restores them from one (docs/operations.md):
#   sh deploy/backup.sh backup FILE
#   sh deploy/backup.sh restore FILE
set -eu
what=${1:-} file=${2:-}
# As docker-compose calls it: after the folder of docker-compose.yml.
project=${COMPOSE_PROJECT_NAME:-$(basename "$(cd "$(dirname "$0")/.." && pwd)" | tr A-Z a-z | tr -cd 'a-z0-9_-')}
image=${POLYVIRT_IMAGES:-polyvirt}/init:${POLYVIRT_VERSION:-latest}
ours=label=com.docker.compose.project=$project

# Runs tar where the volumes that are named are folders: volumes, image, what tar takes. As root of the container, for files of all owners.
tar_in() {
  volumes=$1
  shift
  for volume in $volumes; do set -- --volume "${project}_$volume:/volumes/$volume" "$@"; done
  docker run --rm --interactive --user 0:0 --network none --entrypoint tar "$@"
}
fail() {
  echo "$1" >&2
  exit 1
}

[ -n "$file" ] || what=
case $what in
  backup)
    [ -z "$(docker ps --quiet --filter "$ours")" ] || fail "$project runs: stop it first, by docker-compose stop"
    volumes=$(docker volume ls --quiet --filter "$ours" | sed "s/^${project}_//")
    [ -n "$volumes" ] || fail "$project has no volumes: COMPOSE_PROJECT_NAME says how docker-compose calls it"
    umask 077
    tar_in "$volumes" "$image" -C /volumes -cf - . >"$file.new"
    mv "$file.new" "$file"
    ;;
  restore)
    [ -z "$(docker volume ls --quiet --filter "$ours")" ] ||
      fail "$project has volumes: have them forgotten first, by docker-compose down --volumes"
    volumes=$(tar -tf "$file" | cut -d / -f 2 | sort -u)
    # With the labels by which docker-compose knows its own.
    for volume in $volumes; do
      docker volume create --label "com.docker.compose.project=$project" --label "com.docker.compose.volume=$volume" \
        "${project}_$volume" >/dev/null
    done
    tar_in "$volumes" "$image" -C /volumes --same-owner -xpf - <"$file"
    ;;
  *)
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 64
    ;;
esac

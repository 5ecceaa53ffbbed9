#!/bin/sh
# Backs up every volume of a stopped project into a folder, a file each; or restores them from there. docs/operations.md.
#   sh deploy/backup.sh backup FOLDER
#   sh deploy/backup.sh restore FOLDER
set -eu
what=${1:-} folder=${2:-}
# As docker-compose calls it: after the folder of docker-compose.yml.
project=${COMPOSE_PROJECT_NAME:-$(basename "$(cd "$(dirname "$0")/.." && pwd)" | tr A-Z a-z | tr -cd 'a-z0-9_-')}
image=${POLYVIRT_IMAGES:-polyvirt}/init:${POLYVIRT_VERSION:-latest}

# As root of the container, for files of all owners; the archive goes through this shell, so that its folder needs no mount.
in_volume() {
  volume=$1
  shift
  docker run --rm -i --user 0:0 --network none --volume "$volume:/volume" --entrypoint tar "$image" -C /volume "$@"
}

if [ -n "$(docker ps --quiet --filter "label=com.docker.compose.project=$project")" ]; then
  echo "$project runs: stop it first, by docker-compose stop" >&2
  exit 1
fi
case $what in
  backup)
    umask 077
    mkdir -p "$folder"
    for volume in $(docker volume ls --quiet --filter "label=com.docker.compose.project=$project"); do
      in_volume "$volume" -cf - . >"$folder/${volume#"$project"_}.tar.new"
      mv "$folder/${volume#"$project"_}.tar.new" "$folder/${volume#"$project"_}.tar"
    done
    ;;
  restore)
    for file in "$folder"/*.tar; do
      volume=$(basename "$file" .tar)
      # With the labels by which docker-compose knows its own.
      docker volume create --label "com.docker.compose.project=$project" --label "com.docker.compose.volume=$volume" \
        "${project}_$volume" >/dev/null
      if [ "$(in_volume "${project}_$volume" -cf - . | tar -tf - | wc -l)" -gt 1 ]; then
        echo "the volume ${project}_$volume is not empty: remove all of them first, by docker-compose down --volumes" >&2
        exit 1
      fi
      in_volume "${project}_$volume" -xpf - --same-owner <"$file"
    done
    ;;
  *)
    sed -n '2,4s/^# *//p' "$0" >&2
    exit 64
    ;;
esac

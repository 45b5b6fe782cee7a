#!/usr/bin/env bash
# Installs the Kafka clients that tests/tests/real_clients.rs runs, each at the version that tests/clients/ names, from
# the ordinary package registries into $THALWEG_CLIENTS (default ~/.cache/thalweg-clients). What is there is left alone.
# What cannot be installed is said on standard error and left out: its tests then say that they are skipped.
#
#   tests/install-clients.sh
set -uo pipefail
here=$(cd "$(dirname "$0")/clients" && pwd)
home=${THALWEG_CLIENTS:-$HOME/.cache/thalweg-clients}
mkdir -p "$home"

# install NAME PIN COMMAND...: runs the command unless it succeeded before with a file PIN of the same content.
install() {
  local name=$1 pin=$2 log="$home/$1.log"
  shift 2
  if cmp -s "$pin" "$home/$name.installed"; then return; fi
  if "$@" "$home/$name" >"$log" 2>&1; then
    cp "$pin" "$home/$name.installed"
  else
    echo "$name cannot be installed, so its tests will be skipped; why is in $log" >&2
  fi
}

python_environment() {
  python3 -m venv --clear "$2" && "$2/bin/pip" install --quiet --disable-pip-version-check -r "$1"
}

go_modules() {
  rm -rf "$2.new" && mkdir -p "$2.new" && (cd "$1" && GOMODCACHE="$2.new" GOFLAGS=-modcacherw go mod download) &&
    rm -rf "$2" && mv "$2.new" "$2"
}

jars() {
  rm -rf "$2" && mvn --batch-mode --quiet --file "$1" dependency:copy-dependencies -DoutputDirectory="$2" -DincludeScope=runtime
}

debian_package() {
  command -v "$1" || apt-get install --yes --quiet "$1" || { apt-get update --quiet && apt-get install --yes --quiet "$1"; }
}

if ! command -v kcat >/dev/null; then
  debian_package kcat >"$home/kcat.log" 2>&1 ||
    echo "kcat cannot be installed, so its tests will be skipped; why is in $home/kcat.log" >&2
fi
for client in confluent-kafka kafka-python; do
  install "$client" "$here/$client/requirements.txt" python_environment "$here/$client/requirements.txt"
done
install franz-go "$here/franz-go/go.sum" go_modules "$here/franz-go"
install kafka-console "$here/kafka-console/pom.xml" jars "$here/kafka-console/pom.xml"
exit 0

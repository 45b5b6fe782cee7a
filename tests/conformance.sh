#!/usr/bin/env bash
# Runs the wire conformance kit against a server of ours, and then against three as a cluster. Scenarios in
# conformance-exceptions.txt may fail; no others.
#
#   tests/conformance.sh FOLDER-OF-THE-KIT
set -euo pipefail
kit=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
data=$(mktemp -d)
servers=()

# The servers write until they have stopped: what they write in must not be taken away before.
stop() {
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null || true; done
  for server in "${servers[@]}"; do wait "$server" 2>/dev/null || true; done
  servers=()
}
trap 'stop; rm -rf "$data"' EXIT

# serve NAME SETTING...: starts a server with its data and its log under that name.
serve() {
  local name=$1 settings=()
  shift
  for setting in "log.dirs=$data/$name" num.partitions=1 group.initial.rebalance.delay.ms=0 \
    group.{consumer,share,streams}.assignment.interval.ms=0 "$@"; do
    settings+=(--set "$setting")
  done
  "$here/../target/release/thalweg" server "${settings[@]}" 2>"$data/$name.log" &
  servers+=($!)
}

wait_until_ready() {
  for name in "$@"; do
    for _ in $(seq 200); do
      grep -q ready "$data/$name.log" && break
      sleep 0.1
    done
  done
}

# judge ARGUMENT...: runs the kit, and fails when a scenario failed that may not.
judge() {
  (cd "$kit" && "$data/conformance" "$@") >"$data/result" || true
  tail -1 "$data/result"
  local unexpected
  unexpected=$(grep '^FAIL ' "$data/result" | awk '{print $2}' | grep -vxFf <(sed 's/[[:space:]].*//; /^#/d' "$here/conformance-exceptions.txt") || true)
  if [ -n "$unexpected" ]; then
    echo "failed, and not listed as exceptions:"
    for name in $unexpected; do
      awk -v name="$name" '/^(PASS|FAIL|SKIP) / { shown = $2 == name } shown' "$data/result"
    done
    exit 1
  fi
  grep -q '^PASS ' "$data/result"
}

go build -C "$kit" -o "$data/conformance" .
port=$((20000 + RANDOM % 10000))
serve one node.id=1 "listeners=PLAINTEXT://127.0.0.1:$port"
wait_until_ready one
judge -bootstrap "127.0.0.1:$port" -run '^(core|robust|admin|group|consumer)/'
stop

first=$((30000 + RANDOM % 2000))
voters="1@127.0.0.1:$((first + 1)),2@127.0.0.1:$((first + 11)),3@127.0.0.1:$((first + 21))"
for node in 1 2 3; do
  clients=$((first + 10 * (node - 1)))
  serve "three-$node" "node.id=$node" process.roles=broker,controller controller.listener.names=CONTROLLER \
    "controller.quorum.voters=$voters" \
    "listeners=PLAINTEXT://127.0.0.1:$clients,CONTROLLER://127.0.0.1:$((clients + 1))"
done
wait_until_ready three-1 three-2 three-3
judge -bootstrap3 "127.0.0.1:$first,127.0.0.1:$((first + 10)),127.0.0.1:$((first + 20))" -run '^three/'

#!/usr/bin/env bash
# Runs the wire conformance kit against a server of ours. Scenarios in conformance-exceptions.txt may fail; no others.
#
#   tests/conformance.sh FOLDER-OF-THE-KIT
set -euo pipefail
kit=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
data=$(mktemp -d)
port=$((20000 + RANDOM % 20000))
"$here/../target/release/thalweg" server --set node.id=1 --set "listeners=PLAINTEXT://127.0.0.1:$port" \
  --set "log.dirs=$data/data" --set num.partitions=1 --set group.initial.rebalance.delay.ms=0 \
  --set group.consumer.assignment.interval.ms=0 2>"$data/server.log" &
server=$!
# The server writes until it has stopped: what it writes in must not be taken away before.
stop() {
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  rm -rf "$data"
}
trap stop EXIT
for _ in $(seq 100); do
  grep -q ready "$data/server.log" && break
  sleep 0.1
done
go build -C "$kit" -o "$data/conformance" .
(cd "$kit" && "$data/conformance" -bootstrap "127.0.0.1:$port" -run '^(core|robust|admin|group|consumer)/') >"$data/result" || true
tail -1 "$data/result"
unexpected=$(grep '^FAIL ' "$data/result" | awk '{print $2}' | grep -vxFf <(sed 's/[[:space:]].*//; /^#/d' "$here/conformance-exceptions.txt") || true)
if [ -n "$unexpected" ]; then
  printf 'failed, and not listed as exceptions:\n%s\n' "$unexpected"
  exit 1
fi
grep -q '^PASS ' "$data/result"

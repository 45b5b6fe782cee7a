#!/usr/bin/env bash
# Makes the two directories of this folder anew, with Apache Kafka 4.3.1. Needs a JDK, kcat, and Kafka's jars in $KAFKA_LIB.
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
LIB=${KAFKA_LIB:-$HOME/.cache/thalweg-peers/kafka/lib}
PORT=${PORT:-39092}
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
broker=127.0.0.1:$PORT
cat >"$work/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$((PORT + 1))
listeners=PLAINTEXT://$broker,CONTROLLER://127.0.0.1:$((PORT + 1))
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$work/data
metadata.log.dir=$work/metadata
log.index.size.max.bytes=600
log.index.interval.bytes=200
log.retention.check.interval.ms=500
log.segment.delete.delay.ms=100
log.flush.offset.checkpoint.interval.ms=500
log.cleaner.backoff.ms=300
log.cleaner.dedupe.buffer.size=2000000
offsets.topic.replication.factor=1
P
run() { java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$LIB/*" "$@"; }
pid=
start() {
  java -Xmx512m -cp "$LIB/*" kafka.Kafka "$work/server.properties" >>"$work/log" 2>&1 &
  pid=$!
  until kcat -b "$broker" -L -m 2 >/dev/null 2>&1; do sleep 0.3; kill -0 $pid || { tail -20 "$work/log"; exit 1; }; done
}
topic() { run org.apache.kafka.tools.TopicCommand --bootstrap-server "$broker" --create --topic "$@" >/dev/null; }
# Lines are key|value; a line of more arguments is for kcat.
put() { kcat -b "$broker" -P -K '|' -Z -X linger.ms=1 "$@"; }
batch() { # name count: values of different lengths
  for ((n = 0; n < $2; n++)); do printf '%s-%d|%s\n' "$1" "$n" "$1 number $n$(printf '%*s' $((n * 7 % 60)) '' | tr ' ' '.')"; done
}
# What Kafka itself serves: partition, offset, timestamp, key, value, headers.
expected() {
  for topic in orders table; do
    for partition in 0 1; do
      kcat -b "$broker" -C -t "$topic" -p "$partition" -o beginning -e -q -Z \
        -f "$topic\t%p\t%o\t%T\t%k\t%s\t%h\n" 2>/dev/null || true
    done
  done
}
keep() { # name
  rm -rf "${out:?}/$1"
  cp -r "$work/data" "$out/$1"
  rm -f "$out/$1/.lock"
}

run kafka.tools.StorageTool format -t "$(run kafka.tools.StorageTool random-uuid)" -c "$work/server.properties" \
  --standalone >/dev/null
start
topic orders --partitions 2 --config segment.ms=1200
topic table --partitions 1 --config cleanup.policy=compact --config segment.ms=700 --config min.cleanable.dirty.ratio=0.01
batch first 20 | put -t orders -p 0
for codec in gzip snappy lz4 zstd; do batch "$codec" 6 | put -t orders -p 0 -z "$codec" -H "codec=$codec" -H again=1 -H again=2; done
batch other 9 | put -t orders -p 1 -X enable.idempotence=true
printf 'nothing|\nkept|value\n' | put -t orders -p 1
for round in 1 2 3; do
  for key in a b c; do printf '%s|%s of round %d\n' "$key" "$key" "$round"; done | put -t table -p 0
  sleep 1
done
batch second 12 | put -t orders -p 0 -X enable.idempotence=true
printf 'b|\n' | put -t table -p 0
cat >"$work/delete.json" <<J
{"partitions": [{"topic": "orders", "partition": 1, "offset": 4}], "version": 1}
J
run org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$broker" --offset-json-file "$work/delete.json" >/dev/null
sleep 4 # the cleaner, and the checkpoints
expected >"$out/clean.txt"
kill $pid && wait $pid || true
keep clean
start
batch third 15 | put -t orders -p 0 -X enable.idempotence=true
batch third 5 | put -t orders -p 1 -X enable.idempotence=true
expected >"$out/killed.txt"
kill -9 $pid; wait $pid 2>/dev/null || true
keep killed

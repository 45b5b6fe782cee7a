"""Writes (idempotently) and reads records with confluent-kafka, that is librdkafka.

    client.py write BOOTSTRAP TOPIC CODEC <records
    client.py read BOOTSTRAP TOPIC COUNT >records
"""

import sys
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent.parent))
from record_lines import print_record, records  # noqa: E402


def write(bootstrap, topic, codec):
    failures = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": codec})
    for key, value, headers in records():
        while True:
            try:
                producer.produce(
                    topic, value, key, headers=headers, on_delivery=lambda error, _: error and failures.append(error)
                )
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    left = producer.flush(60)
    if left or failures:
        sys.exit(f"{left} records were not resolved; {len(failures)} failed: {failures[:1]}")


def read(bootstrap, topic, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, "check.crcs": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    while count:
        messages = consumer.consume(min(count, 1000), timeout=30)
        if not messages:
            sys.exit(f"{count} records did not come in 30 s")
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
            print_record(message.offset(), message.key(), message.value(), message.headers() or [])
            count -= 1
    consumer.close()


command, bootstrap, topic, last = sys.argv[1:]
write(bootstrap, topic, last) if command == "write" else read(bootstrap, topic, int(last))

"""Writes and reads records with kafka-python.

    client.py write BOOTSTRAP TOPIC CODEC <records
    client.py read BOOTSTRAP TOPIC COUNT >records
"""

import sys
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

sys.path.insert(0, str(Path(__file__).parent.parent))
from record_lines import print_record, records  # noqa: E402


def write(bootstrap, topic, codec):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=None if codec == "none" else codec)
    sent = [producer.send(topic, value, key, headers=headers) for key, value, headers in records()]
    producer.flush(60)
    for future in sent:
        future.get(30)
    producer.close()


def read(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, consumer_timeout_ms=30_000)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 0)
    for record in consumer:
        print_record(record.offset, record.key, record.value, record.headers)
        count -= 1
        if not count:
            break
    consumer.close()
    if count:
        sys.exit(f"{count} records did not come in 30 s")


command, bootstrap, topic, last = sys.argv[1:]
write(bootstrap, topic, last) if command == "write" else read(bootstrap, topic, int(last))

//! The Kafka client: producer, consumer, admin

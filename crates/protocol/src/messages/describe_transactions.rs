//! DescribeTransactions.

use crate::definition::{Text, messages};

messages! {
    api DescribeTransactions = 65, versions 0, flexible 0+, listeners broker;

    request DescribeTransactionsRequest {
        transactional_ids: Vec<Text> [0+],
    }

    response DescribeTransactionsResponse {
        throttle_time_ms: i32 [0+],
        transaction_states: Vec<TransactionState> [0+],
    }

    struct TransactionState {
        error_code: i16 [0+],
        transactional_id: Text [0+],
        transaction_state: Text [0+],
        transaction_timeout_ms: i32 [0+],
        transaction_start_time_ms: i64 [0+],
        producer_id: i64 [0+],
        producer_epoch: i16 [0+],
        topics: Vec<TopicData> [0+],
    }

    struct TopicData {
        topic: Text [0+],
        partitions: Vec<i32> [0+],
    }
}
